/**
 * The pipeline. Every certificate for somebody else takes these steps in this order, whichever door it was asked for at:
 *
 *   1 authenticate          the door makes the Principal (identity/authenticate.ts)
 *   2 proof of possession   possession.ts
 *   3 authorize             identity/authorize.ts
 *   4 prepare and lint      prepare.ts, lint/, prepared.ts
 *   5 sign                  LeafSigner port
 *   6 self-check            self-check.ts
 *   7 record                Ledger port: certificate, audit entry and claims in one durable transaction
 *   8 answer                only when `issue` has returned
 *
 * A crash before 7 leaves nothing: no record, no answer. A crash between 7 and 8 leaves a recorded certificate that
 * nobody got; with its Idempotency-Key the caller gets it then.
 */
import { ChanceryError, type ErrorCode, isChanceryError } from '../../base/errors.ts';
import type { Duration } from '../../base/clock.ts';
import { type Bytes, equal, toHex } from '../../x509/bytes.ts';
import { assembleCertificate, certificateFingerprint, formatSerial } from '../../x509/certificate.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import { type Ask, authorize, refusal } from '../identity/authorize.ts';
import type { Name } from '../identity/names.ts';
import { principalId, principalIds } from '../identity/principal.ts';
import { grantsOf } from '../identity/token-login.ts';
import { tokenSpent } from '../identity/token.ts';
import {
  issuanceDraft,
  issuedDetails,
  type Progress,
  progressDetails,
  refusalDetails,
} from './issuance-audit.ts';
import type { Generation } from './issuer.ts';
import { NO_LABELS } from './labels.ts';
import { decideLifetime } from './lifetime.ts';
import type { CertificateRecord } from './ports.ts';
import { type Proof, provePossession, resolveNames } from './possession.ts';
import { prepareLeaf } from './prepare.ts';
import type { PreparedCertificate } from './prepared.ts';
import { checkKeyType, checkNames, type Profile, resolveTtl } from './profile.ts';
import { checkRenewal, noLongerValid, selfRenewalRule, servedTtl } from './renewal-rule.ts';
import type { Issuance, IssuancePorts, IssuanceRequest } from './request.ts';
import { findIssuer, findProfile } from './selection.ts';
import { selfCheckFault } from './self-check.ts';
import { newSerial } from './serial.ts';

export type { Issuance, IssuancePorts, IssuanceRequest } from './request.ts';

/** Without a log there is nothing to write to; what a self-check found is in it already. */
const AUDITED_ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'store_unavailable',
  'audit_unavailable',
  'self_check_failed',
]);

export async function issue(ports: IssuancePorts, request: IssuanceRequest): Promise<Issuance> {
  const progress: Progress = {};
  try {
    return await run(ports, request, progress);
  } catch (error) {
    if (!isChanceryError(error) || AUDITED_ELSEWHERE.has(error.code)) throw error;
    await ports.ledger.record({
      audit: [
        issuanceDraft(
          ports.clock.now(),
          request,
          'certificate.refused',
          'refused',
          refusalDetails(request, progress, error),
        ),
      ],
    });
    throw error;
  }
}

async function run(ports: IssuancePorts, request: IssuanceRequest, progress: Progress): Promise<Issuance> {
  const { ledger, clock, trustDomain } = ports;
  const { principal, renews } = request;
  ports.guard();
  if (principal.kind === 'token' && principal.spent) throw tokenSpent(principal.token.id);
  const profile = findProfile(ports.profiles, request.profile);
  const issuer = findIssuer(ports.issuers, request.issuer ?? renews?.issuer, profile);
  progress.issuer = issuer.policy.name;
  if (renews !== undefined) checkRenewal(renews, issuer.policy.name, profile.name, clock.now());

  // 2 proof of possession
  const possession = provePossession(request.proof);
  if (possession.publicKey !== undefined) checkKey(ports, profile, possession.publicKey);
  const names = resolveNames(
    possession,
    renews?.names ?? request.names ?? (principal.kind === 'token' ? principal.token.names : undefined),
    renews !== undefined
      ? 'the certificate to renew'
      : principal.kind === 'token'
        ? 'the token'
        : 'the request',
  );
  progress.names = names;

  // 3 authorize
  checkNames(profile, names, trustDomain);
  const { rule, ttl, owner } = decideRule(ports, request, profile, issuer.policy.name, names);
  progress.rule = rule;
  const publicKey = possession.publicKey ?? (await makeKey(ports, profile, request.proof));

  // 4 prepare and lint
  const { generation } = findIssuer(ports.issuers, issuer.policy.name, profile); // again: making a key can take seconds
  const now = clock.now();
  const serial = newSerial(ports.random);
  const { prepared, notBefore, notAfter, shard } = prepareLeaf({
    serial,
    profile,
    generation,
    names,
    publicKey,
    ttl,
    trustDomain,
    urls: ports.urls,
    now,
  });

  // 5 sign
  refuseOtherKey(ports.signer.spki(generation), generation);
  const { tbs, signature } = ports.signer.sign(prepared);
  const der = assembleCertificate(
    tbs,
    signatureAlgorithmFor(generation.publicKey.type).identifier,
    signature,
  );

  // 6 self-check
  await discardIfFaulty(ports, request, progress, prepared, der);

  // 7 record
  const record: CertificateRecord = {
    serial: formatSerial(serial),
    generation: generation.id,
    issuer: issuer.policy.name,
    profile: profile.name,
    principal: principalId(principal),
    rule,
    names,
    notBefore,
    notAfter,
    issuedAt: now,
    shard,
    keyFingerprint: toHex(publicKey.fingerprint),
    fingerprint: certificateFingerprint(der),
    renews: renews?.serial ?? null,
    owner: renews === undefined ? (request.owner ?? owner ?? null) : renews.owner,
    labels: (renews === undefined ? request.labels : renews.labels) ?? NO_LABELS,
    der,
  };
  const result = await ledger.record({
    certificate: record,
    ...(principal.kind === 'token' && { token: { id: principal.token.id, at: now } }),
    ...(request.order !== undefined && { order: request.order }),
    ...(request.claim && { claim: { ...request.claim, principal: record.principal, claimedAt: now } }),
    audit: [
      issuanceDraft(
        now,
        request,
        renews === undefined ? 'certificate.issued' : 'certificate.renewed',
        'allowed',
        issuedDetails(record, request.proof),
      ),
    ],
  });

  // 8 answer: the caller's, from here on
  if (result.kind === 'recorded') return { kind: 'issued', record, generation };
  await auditDiscarded(ports, request, progress, generation.id, LOST[result.kind]);
  if (result.kind === 'claimed') return result;
  if (result.kind === 'fulfilled') throw orderFulfilled(request.order);
  if (result.kind === 'revoked') throw noLongerValid(renews?.serial ?? '', 'revoked', result.at);
  if (result.kind === 'blocked') throw blockedKey(record.keyFingerprint);
  throw tokenSpent(principal.kind === 'token' ? principal.token.id : principalId(principal));
}

const LOST = {
  claimed: 'another request won the Idempotency-Key',
  spent: 'others used up the token',
  fulfilled: 'the order has a certificate already',
  revoked: 'the certificate that it renews was revoked meanwhile',
  blocked: 'the key was blocked meanwhile',
} as const;

const orderFulfilled = (order: string | undefined): ChanceryError =>
  new ChanceryError('not_ready', {
    message: `the order ${order ?? ''} has a certificate already`,
    rule: 'RFC 8555 7.4: an order is finalized once',
    fix: 'Download the certificate of the order.',
  });

/** Throws `profile_violation` or `not_granted`. */
function decideRule(
  ports: IssuancePorts,
  { principal, renews, ttl: asked }: IssuanceRequest,
  profile: Profile,
  issuer: string,
  names: readonly Name[],
): { readonly rule: string; readonly ttl: Duration; readonly owner?: string | undefined } {
  const { trustDomain } = ports;
  const grants = grantsOf(principal, ports.grants());
  const verb = renews === undefined ? 'issue' : 'renew';
  const ask: Ask = { principalIds: principalIds(principal), verb, issuer, profile: profile.name, names };
  if (renews !== undefined) {
    const ttl = resolveTtl(profile, asked ?? Math.min(servedTtl(renews), profile.maxTtl));
    const rule = selfRenewalRule(principal, renews, ttl) ?? authorize(grants, { ...ask, ttl }, trustDomain);
    return { rule, ttl };
  }
  const { decision, ttl } = decideLifetime(grants, ask, profile, asked, trustDomain);
  if (!decision.allowed) throw refusal(decision, ask);
  return { rule: decision.rule, ttl, owner: decision.owner };
}

/** Throws `profile_violation` or `blocked_key`. */
function checkKey({ ledger }: IssuancePorts, profile: Profile, publicKey: PublicKey): void {
  checkKeyType(profile, publicKey);
  const fingerprint = toHex(publicKey.fingerprint);
  if (ledger.isKeyBlocked(fingerprint)) throw blockedKey(fingerprint);
}

const blockedKey = (fingerprint: string): ChanceryError =>
  new ChanceryError('blocked_key', {
    message: `the public key ${fingerprint} is on the block list`,
    rule: 'a key that was compromised is never certified again',
    fix: 'Make a new key.',
  });

async function makeKey(ports: IssuancePorts, profile: Profile, proof: Proof): Promise<PublicKey> {
  if (!('makeHere' in proof))
    throw new ChanceryError('internal', 'a certificate request without a public key');
  const publicKey = await proof.makeHere();
  checkKey(ports, profile, publicKey);
  return publicKey;
}

/** The self-check would find it too, but then the wrong key had signed already. */
function refuseOtherKey(spki: Bytes, { id, certificate }: Generation): void {
  if (equal(spki, certificate.spki)) return;
  throw new ChanceryError('issuer_stopped', {
    message: `the key backend would sign with another key than that of the certificate of ${id}`,
    rule: 'an issuer signs with the key that its certificate names',
    fix: 'Tell an operator: the key backend of this issuer needs a look.',
  });
}

async function discardIfFaulty(
  ports: IssuancePorts,
  request: IssuanceRequest,
  progress: Progress,
  prepared: PreparedCertificate,
  der: Bytes,
): Promise<void> {
  const { generation } = prepared;
  const fault = selfCheckFault(der, prepared, generation.publicKey);
  if (fault === undefined) return;
  await ports.issuers.stop(generation.id, fault);
  await auditDiscarded(ports, request, progress, generation.id, fault);
  throw new ChanceryError('self_check_failed', {
    message: `the certificate was signed and discarded: ${fault}; ${generation.id} is stopped`,
    rule: 'signed octets are the linted ones and verify',
    fix: 'Tell an operator: the key backend of this issuer needs a look.',
  });
}

/** Every use of an issuer's key is in the log, also where nobody gets what it signed. */
async function auditDiscarded(
  ports: IssuancePorts,
  request: IssuanceRequest,
  progress: Progress,
  generation: string,
  reason: string,
): Promise<void> {
  const details = { ...progressDetails(request, progress), generation, reason };
  await ports.ledger.record({
    audit: [issuanceDraft(ports.clock.now(), request, 'certificate.discarded', 'failed', details)],
  });
}
