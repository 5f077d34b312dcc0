/** Operations that issue: sign, generate, renew. */
import type { GenerateRequest, RenewRequest, SignRequest } from '../../../api/certificates.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { type Duration, parseDuration } from '../../../base/clock.ts';
import { parseNames } from '../../../domain/identity/names.ts';
import { principalId } from '../../../domain/identity/principal.ts';
import { issue, type IssuanceRequest } from '../../../domain/issuance/issue.ts';
import type { StoredCertificate } from '../../../domain/issuance/ports.ts';
import { decodePemOne, encodePem } from '../../../x509/pem.ts';
import { exportPkcs8, generateKeyPair, type KeyPair } from '../../../x509/key-pair.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { draft } from '../draft.ts';
import type { AdminPorts } from '../ports.ts';
import { renderIssued } from './render.ts';

export function parseTtl(text: string | undefined): Duration | undefined {
  if (text === undefined) return undefined;
  const ttl = parseDuration(text);
  if (ttl !== undefined) return ttl;
  throw new ChanceryError('invalid_duration', {
    message: `ttl is ${JSON.stringify(text)}`,
    rule: 'a lifetime is written as 90d, 12h, 1h30m or 45s',
    fix: 'Write it so.',
  });
}

/** Issuer and profile of a request; a token brings its own. Throws `invalid_request`. */
function addressed(
  { principal }: Exchange,
  issuer: string | undefined,
  profile: string | undefined,
): { readonly issuer: string | undefined; readonly profile: string } {
  const token = principal.kind === 'token' ? principal.token : undefined;
  const named = profile ?? token?.profile;
  if (named !== undefined) return { issuer: issuer ?? token?.issuer, profile: named };
  throw new ChanceryError('invalid_request', {
    message: 'profile: is missing',
    rule: 'openapi.yaml: only holders of a token leave it out',
    fix: 'Name the profile.',
  });
}

const csrOf = (pem: string): Uint8Array =>
  decodePemOne(pem, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');

export const issuingOperations = (ports: AdminPorts) => {
  const { issuance, authority } = ports;

  /** Runs the pipeline, or answers from the record that the Idempotency-Key stands for. */
  async function run(
    exchange: Exchange,
    request: IssuanceRequest,
    extras: () => object = () => ({}),
  ): Promise<Reply> {
    const { idempotency, principal } = exchange;
    const before = idempotency && issuance.ledger.findClaim(principalId(principal), idempotency.key);
    if (before !== undefined) return replay(before, idempotency?.requestHash);
    const issued = await issue(issuance, { ...request, claim: idempotency });
    if (issued.kind === 'claimed') return replay(issued, idempotency?.requestHash);
    return { body: { ...renderIssued(authority, issued.record, issued.generation), ...extras() } };
  }

  /** The same answer as before, without a private key. Throws `idempotency_key_reused` for another request. */
  function replay(
    claim: { readonly serial: string; readonly requestHash: string },
    requestHash: string | undefined,
  ): Reply {
    if (claim.requestHash !== requestHash)
      throw new ChanceryError('idempotency_key_reused', {
        message: `the Idempotency-Key stands for the certificate ${claim.serial}, which was asked for in other words`,
        rule: 'one key, one request',
        fix: 'Send a fresh key with a new request.',
      });
    const stored = issuance.ledger.findCertificate(claim.serial);
    const generation = stored && authority.generation(stored.generation);
    if (stored === undefined || generation === undefined)
      throw new ChanceryError('internal', `no record of ${claim.serial}`);
    return { body: renderIssued(authority, stored, generation), headers: { 'idempotency-replayed': 'true' } };
  }

  return {
    signCertificate: (exchange: Exchange<SignRequest>) => {
      const { issuer, profile, csr, names, ttl, owner, labels } = exchange.body;
      return run(exchange, {
        principal: exchange.principal,
        door: exchange.door,
        ...addressed(exchange, issuer, profile),
        proof: { csr: csrOf(csr) },
        names: names && parseNames(names as Parameters<typeof parseNames>[0]),
        ttl: parseTtl(ttl),
        owner,
        labels,
      });
    },

    generateCertificate: async (exchange: Exchange<GenerateRequest>) => {
      const { issuer, profile, names, keyType, ttl, owner, labels } = exchange.body;
      let pair: KeyPair | undefined;
      const reply = await run(
        exchange,
        {
          principal: exchange.principal,
          door: exchange.door,
          issuer,
          profile,
          proof: { makeHere: async () => (pair = await generateKeyPair(keyType)).publicKey },
          names: parseNames(names as Parameters<typeof parseNames>[0]),
          ttl: parseTtl(ttl),
          owner,
          labels,
        },
        () =>
          pair === undefined ? {} : { privateKey: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)) },
      );
      await recordRelease(exchange, reply);
      return reply;
    },

    renewCertificate: (exchange: Exchange<RenewRequest, unknown, { serial: string }>) => {
      const renews = findRenewable(exchange.params.serial);
      return run(exchange, {
        principal: exchange.principal,
        door: exchange.door,
        issuer: renews.issuer,
        profile: renews.profile,
        proof: { csr: csrOf(exchange.body.csr) },
        renews,
        ttl: parseTtl(exchange.body.ttl),
      });
    },
  };

  /** Before a private key leaves, the log says that it does. */
  async function recordRelease(exchange: Exchange, reply: Reply): Promise<void> {
    if (!('body' in reply)) return;
    const { serial, privateKey } = reply.body as { serial: string; privateKey?: string };
    if (privateKey === undefined) return;
    await ports.record([
      draft(ports, 'private-key.released', 'allowed', exchange.principal, exchange.door, {
        serial,
        to: 'caller',
      }),
    ]);
  }

  function findRenewable(serial: string): StoredCertificate {
    const stored = issuance.ledger.findCertificate(serial);
    if (stored !== undefined) return stored;
    throw new ChanceryError('not_found', {
      message: `there is no certificate ${serial}`,
      rule: 'serial numbers of certificates that this authority issued',
      fix: 'See `chancery cert list`.',
    });
  }
};
