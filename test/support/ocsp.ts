/** An issuer, its OCSP responder and what it says, in memory. */
import type { Bytes } from '../../src/x509/bytes.ts';
import { encodeCertId, issuerKeysOf, type NamedIssuer } from '../../src/x509/cert-id.ts';
import { type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { PreparedResponder, signResponder } from '../../src/domain/issuance/responder.ts';
import { openResponder, type OcspResponder, type OcspSigner } from '../../src/domain/revocation/ocsp.ts';
import { OcspAnswers, type OcspAnswersOptions } from '../../src/domain/revocation/ocsp-answers.ts';
import type { SerialStatus } from '../../src/domain/revocation/ports.ts';
import { FakeClock } from '../fakes/clock.ts';
import { type Authority, makeAuthority, TRUST_DOMAIN } from './authority.ts';
import { keyOf } from './keys.ts';

export const GOOD = '4b1f0c2d3e4a59687786a5b4c3d2e1f0';
export const REVOKED = '4b1f0c2d3e4a59687786a5b4c3d2e1f1';
export const NEVER_ISSUED = '4b1f0c2d3e4a59687786a5b4c3d2e1f2';

export const octets = (hex: string): Bytes => Buffer.from(hex, 'hex');

export const ocspSignerOf = (pair: KeyPair): OcspSigner => ({
  sign(prepared) {
    const tbs = prepared.redeem();
    return { tbs, signature: signWith(pair, tbs) };
  },
});

/** A responder that the generation of `authority` certifies at `now`. */
export async function makeResponder(
  { generation, issuerKey }: Authority,
  now: number,
): Promise<{ responder: OcspResponder; der: Bytes; pair: KeyPair }> {
  const pair = await keyOf('ecdsa-p256', `ocsp ${generation.id}`);
  const prepared = PreparedResponder.of({
    ...{ serial: octets('4f000000000000000000000000000001'), generation, trustDomain: TRUST_DOMAIN, now },
    publicKey: pair.publicKey,
  });
  const signer = {
    sign(redeemable: PreparedResponder) {
      const tbs = redeemable.redeem();
      return { tbs, signature: signWith(issuerKey, tbs) };
    },
  };
  const der = signResponder(signer, prepared);
  return { responder: openResponder(generation.id, 'ocsp', der), der, pair };
}

export interface OcspWorkbench {
  readonly clock: FakeClock;
  readonly authority: Authority;
  readonly issuer: NamedIssuer;
  readonly responder: OcspResponder;
  readonly pair: KeyPair;
  /** Serial → status; whatever is missing is unknown. */
  readonly statuses: Map<string, SerialStatus>;
  /** How often a status was looked up. */
  readonly lookUps: () => number;
  readonly failures: unknown[];
  readonly answers: OcspAnswers;
  readonly request: (serial: string, nonce?: Bytes) => Bytes;
}

export async function ocspWorkbench(more: Partial<OcspAnswersOptions> = {}): Promise<OcspWorkbench> {
  const clock = new FakeClock();
  const authority = await makeAuthority({ now: clock.now() });
  const { generation } = authority;
  const { responder, pair } = await makeResponder(authority, clock.now());
  const issuer = { subject: generation.certificate.subject, keyBits: generation.publicKey.keyBits };
  const keys = issuerKeysOf(issuer);
  const statuses = new Map<string, SerialStatus>([
    [GOOD, { kind: 'good' }],
    [REVOKED, { kind: 'revoked', revokedAt: clock.now() - 60_000, reason: 'keyCompromise' }],
  ]);
  let lookUps = 0;
  const failures: unknown[] = [];
  const answers = new OcspAnswers({
    clock,
    generationOf: (key) => (keys.includes(key) ? generation.id : undefined),
    responder: () => responder,
    statuses: {
      status(_generation, serial) {
        lookUps++;
        return statuses.get(serial) ?? { kind: 'unknown' };
      },
    },
    signer: ocspSignerOf(pair),
    failed: (error) => void failures.push(error),
    ...more,
  });
  return {
    ...{ clock, authority, issuer, responder, pair, statuses, failures, answers },
    lookUps: () => lookUps,
    request: (serial, nonce) => encodeOcspRequest([encodeCertId('sha1', issuer, octets(serial))], nonce),
  };
}
