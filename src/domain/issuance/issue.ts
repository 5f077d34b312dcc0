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
import { type Clock, type Duration, formatInstant } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { type Bytes, equal, toHex } from '../../x509/bytes.ts';
import { assembleCertificate, certificateFingerprint, formatSerial } from '../../x509/certificate.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { AuditDraft, AuditEvent, Json, Outcome } from '../audit/entry.ts';
import { type Ask, authorize } from '../identity/authorize.ts';
import type { Grant } from '../identity/grant.ts';
import { formatNameKey, type Name } from '../identity/names.ts';
import { type Door, type Principal, principalId, principalIds } from '../identity/principal.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import type { Generation, StatusUrls } from './issuer.ts';
import type {
  CertificateRecord,
  IdempotencyClaim,
  IssuerDirectory,
  LeafSigner,
  Ledger,
  StoredCertificate,
} from './ports.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { type Proof, provePossession, resolveNames } from './possession.ts';
import { prepareLeaf } from './prepare.ts';
import type { PreparedCertificate } from './prepared.ts';
import { checkKeyType, checkNames, type Profile, resolveTtl } from './profile.ts';
import { checkRenewal, selfRenewalRule, servedTtl } from './renewal-rule.ts';
import { selfCheckFault } from './self-check.ts';
import { newSerial } from './serial.ts';

export interface IssuanceRequest {
  readonly principal: Principal;
  readonly door: Door;
  /** Left out: the only issuer with this profile. */
  readonly issuer?: string | undefined;
  readonly profile: string;
  readonly proof: Proof;
  /** Left out: those of the CSR. */
  readonly names?: readonly Name[] | undefined;
  readonly ttl?: Duration | undefined;
  /** The certificate that is renewed: same issuer, profile and names. */
  readonly renews?: StoredCertificate | undefined;
  readonly claim?: Omit<IdempotencyClaim, 'principal' | 'claimedAt'> | undefined;
}

export type Issuance =
  | { readonly kind: 'issued'; readonly record: CertificateRecord; readonly generation: Generation }
  /** Another request with the same Idempotency-Key won; this one issued nothing. */
  | { readonly kind: 'claimed'; readonly serial: string; readonly requestHash: string };

export interface IssuancePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly trustDomain: TrustDomain;
  readonly urls: StatusUrls;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly grants: () => readonly Grant[];
  readonly issuers: IssuerDirectory;
  readonly signer: LeafSigner;
  readonly ledger: Ledger;
  /** Throws `clock_went_back` or `audit_unavailable` while nothing may be signed. */
  readonly guard: () => void;
}

/** Facts that become known on the way; a refusal is audited with as many of them as there were. */
interface Progress {
  issuer?: string;
  names?: readonly Name[];
  rule?: string;
}

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
        draft(ports, request, 'certificate.refused', 'refused', refusalDetails(request, progress, error)),
      ],
    });
    throw error;
  }
}

async function run(ports: IssuancePorts, request: IssuanceRequest, progress: Progress): Promise<Issuance> {
  const { ledger, clock, trustDomain } = ports;
  const { principal, renews } = request;
  ports.guard();
  const profile = findProfile(ports, request.profile);
  const issuer = findIssuer(ports, request.issuer ?? renews?.issuer, profile);
  progress.issuer = issuer.policy.name;
  if (renews !== undefined) checkRenewal(renews, issuer.policy.name, profile.name, clock.now());

  // 2 proof of possession
  const possession = provePossession(request.proof);
  if (possession.publicKey !== undefined) checkKey(ports, profile, possession.publicKey);
  const names = resolveNames(
    possession,
    renews?.names ?? request.names,
    renews === undefined ? 'the request' : 'the certificate to renew',
  );
  progress.names = names;

  // 3 authorize
  checkNames(profile, names, trustDomain);
  const ttl = resolveTtl(profile, request.ttl ?? (renews && Math.min(servedTtl(renews), profile.maxTtl)));
  const ask: Ask = {
    principalIds: principalIds(principal),
    verb: renews === undefined ? 'issue' : 'renew',
    issuer: issuer.policy.name,
    profile: profile.name,
    names,
    ttl,
  };
  const rule =
    (renews && selfRenewalRule(principal, renews, ttl)) ?? authorize(ports.grants(), ask, trustDomain);
  progress.rule = rule;
  const publicKey = possession.publicKey ?? (await makeKey(ports, profile, request.proof));

  // 4 prepare and lint
  const { generation } = findIssuer(ports, issuer.policy.name, profile); // again: making a key can take seconds
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
    der,
  };
  const result = await ledger.record({
    certificate: record,
    ...(request.claim && { claim: { ...request.claim, principal: record.principal, claimedAt: now } }),
    audit: [
      draft(
        ports,
        request,
        renews === undefined ? 'certificate.issued' : 'certificate.renewed',
        'allowed',
        issuedDetails(record, request.proof),
      ),
    ],
  });

  // 8 answer: the caller's, from here on
  if (result.kind === 'recorded') return { kind: 'issued', record, generation };
  await auditDiscarded(ports, request, progress, generation.id, 'another request won the Idempotency-Key');
  return result;
}

/** Throws `profile_violation` or `blocked_key`. */
function checkKey({ ledger }: IssuancePorts, profile: Profile, publicKey: PublicKey): void {
  checkKeyType(profile, publicKey);
  const fingerprint = toHex(publicKey.fingerprint);
  if (!ledger.isKeyBlocked(fingerprint)) return;
  throw new ChanceryError('blocked_key', {
    message: `the public key ${fingerprint} is on the block list`,
    rule: 'a key that was compromised is never certified again',
    fix: 'Make a new key.',
  });
}

async function makeKey(ports: IssuancePorts, profile: Profile, proof: Proof): Promise<PublicKey> {
  if (!('makeHere' in proof))
    throw new ChanceryError('internal', 'a certificate request without a public key');
  const publicKey = await proof.makeHere();
  checkKey(ports, profile, publicKey);
  return publicKey;
}

function findProfile({ profiles }: IssuancePorts, name: string): Profile {
  const profile = profiles.get(name);
  if (profile !== undefined) return profile;
  throw new ChanceryError('not_found', {
    message: `there is no profile ${JSON.stringify(name)}`,
    rule: `profiles are ${[...profiles.keys()].join(', ')}`,
    fix: 'Ask with one of these.',
  });
}

interface ActiveIssuer {
  readonly policy: { readonly name: string };
  readonly generation: Generation;
}

function findIssuer({ issuers }: IssuancePorts, asked: string | undefined, profile: Profile): ActiveIssuer {
  const candidates = issuers.withProfile(profile.name);
  const [only, ...more] = candidates;
  if (asked === undefined && (only === undefined || more.length > 0))
    throw new ChanceryError('invalid_request', {
      message: `no issuer is named, and ${candidates.length === 0 ? 'none' : `several (${candidates.join(', ')})`} issue with the profile ${profile.name}`,
      rule: 'the issuer may be left out where only one has the profile',
      fix: 'Name the issuer.',
    });
  const found = issuers.find(asked ?? only ?? '');
  if (found === undefined)
    throw new ChanceryError('not_found', {
      message: `there is no issuer ${JSON.stringify(asked)}`,
      rule: 'issuers are those of the configuration',
      fix: 'See `chancery issuer list`.',
    });
  if (!found.policy.profiles.includes(profile.name))
    throw new ChanceryError('profile_violation', {
      message: `the issuer ${found.policy.name} does not issue with the profile ${profile.name}`,
      rule: `its profiles are ${found.policy.profiles.join(', ')}`,
      fix: `Ask ${candidates.join(' or ') || 'an operator'}.`,
    });
  const generation = found.current;
  if (generation?.stopped === null) return { policy: found.policy, generation };
  throw new ChanceryError('issuer_stopped', {
    message: `the issuer ${found.policy.name} signs nothing now: ${generation === undefined ? 'it has no current generation' : `${generation.id} was stopped (${String(generation.stopped)})`}`,
    rule: 'a failed self-check stops an issuer until an operator has looked',
    fix: 'Tell an operator.',
  });
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
    audit: [draft(ports, request, 'certificate.discarded', 'failed', details)],
  });
}

function draft(
  ports: IssuancePorts,
  { principal, door }: IssuanceRequest,
  event: AuditEvent,
  outcome: Outcome,
  details: { readonly [key: string]: Json },
): AuditDraft {
  return {
    time: ports.clock.now(),
    event,
    outcome,
    principal: principalId(principal),
    door: door.name,
    requestId: door.requestId,
    ...(door.address === undefined ? {} : { address: door.address }),
    details,
  };
}

const issuedDetails = (record: CertificateRecord, proof: Proof): { readonly [key: string]: Json } => ({
  serial: record.serial,
  issuer: record.issuer,
  generation: record.generation,
  profile: record.profile,
  names: record.names.map(formatNameKey),
  rule: record.rule,
  notBefore: formatInstant(record.notBefore),
  notAfter: formatInstant(record.notAfter),
  key: record.keyFingerprint,
  keyMade: 'makeHere' in proof ? 'here' : 'by the caller',
  ...(record.renews === null ? {} : { renews: record.renews }),
});

const progressDetails = (
  request: IssuanceRequest,
  { issuer, names, rule }: Progress,
): { readonly [key: string]: Json } => ({
  issuer: issuer ?? request.issuer ?? null,
  profile: request.profile.slice(0, 100),
  names: (names ?? request.names ?? []).map(formatNameKey),
  ...(rule === undefined ? {} : { rule }),
});

const refusalDetails = (
  request: IssuanceRequest,
  progress: Progress,
  error: ChanceryError,
): { readonly [key: string]: Json } => ({
  ...progressDetails(request, progress),
  code: error.code,
  reason: error.detail.message.slice(0, 500),
  brokenRule: error.detail.rule?.slice(0, 500) ?? null,
});
