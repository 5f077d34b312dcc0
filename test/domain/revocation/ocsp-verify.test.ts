/** Which OCSP responses a relying party believes. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../../src/base/clock.ts';
import { type Bytes, concat } from '../../../src/x509/bytes.ts';
import { encodeCertId } from '../../../src/x509/cert-id.ts';
import { NULL } from '../../../src/x509/der.ts';
import { basicConstraints, type Extension, extKeyUsage, keyUsage } from '../../../src/x509/extensions.ts';
import type { KeyPair } from '../../../src/x509/key-pair.ts';
import { encodeOcspError } from '../../../src/x509/ocsp-response-writer.ts';
import { OID } from '../../../src/x509/oids.ts';
import { openResponder, PreparedOcsp, signOcsp } from '../../../src/domain/revocation/ocsp.ts';
import {
  type OcspQuestion,
  type OcspVerdict,
  verifyOcspResponse,
} from '../../../src/domain/revocation/ocsp-verify.ts';
import { makeAuthority, signCertificate } from '../../support/authority.ts';
import { keyOf } from '../../support/keys.ts';
import {
  GOOD,
  NEVER_ISSUED,
  type OcspWorkbench,
  octets,
  ocspSignerOf,
  ocspWorkbench,
  REVOKED,
} from '../../support/ocsp.ts';

const NONCE = Buffer.alloc(32, 1);

const question = (
  { authority, issuer, clock }: OcspWorkbench,
  more: Partial<OcspQuestion> = {},
): OcspQuestion => ({
  certId: encodeCertId('sha1', issuer, octets(GOOD)),
  issuer: authority.generation,
  ...{ nonce: undefined, now: clock.now() },
  ...more,
});
const reason = (verdict: OcspVerdict): string => (verdict.believed ? 'believed' : verdict.reason);

describe('an OCSP response is believed', () => {
  test('with its status, its times, who signed it, and whether the nonce came back', async () => {
    const bench = await ocspWorkbench();
    const { answers, request, issuer, clock } = bench;
    for (const [serial, kind] of [
      [GOOD, 'good'],
      [REVOKED, 'revoked'],
      [NEVER_ISSUED, 'unknown'],
    ] as const) {
      const certId = encodeCertId('sha1', issuer, octets(serial));
      const { der } = answers.answer(request(serial, NONCE));
      expect(verifyOcspResponse(der, question(bench, { certId, nonce: NONCE }))).toMatchObject({
        ...{ believed: true, status: { kind }, thisUpdate: clock.now(), nextUpdate: clock.now() + HOUR },
        ...{ signedBy: 'delegate', nonce: 'echoed' },
      });
    }
    const { der } = answers.answer(request(GOOD));
    expect(verifyOcspResponse(der, question(bench))).toMatchObject({ nonce: 'not-sent' });
    expect(verifyOcspResponse(der, question(bench, { nonce: NONCE }))).toMatchObject({ nonce: 'absent' });
  });

  test('where the issuer itself signed it', async () => {
    const bench = await ocspWorkbench();
    const { authority, clock } = bench;
    const responder = openResponder('servers-1', 'k', authority.generation.certificate.raw);
    const singles = [{ certId: question(bench).certId, status: { kind: 'good' } as const }];
    const prepared = PreparedOcsp.of({ responder, singles, nonce: undefined, now: clock.now() });
    const der = signOcsp(ocspSignerOf(authority.issuerKey), prepared);
    expect(verifyOcspResponse(der, question(bench))).toMatchObject({ believed: true, signedBy: 'issuer' });
  });
});

describe('an OCSP response is not believed', () => {
  test('about another certificate or of another issuer', async () => {
    const bench = await ocspWorkbench();
    const { answers, request, issuer, clock } = bench;
    const { der } = answers.answer(request(GOOD));
    const other = encodeCertId('sha1', issuer, octets(REVOKED));
    expect(reason(verifyOcspResponse(der, question(bench, { certId: other })))).toMatch(/not about/);
    const stranger = await makeAuthority({ now: clock.now(), issuer: 'strangers' });
    expect(reason(verifyOcspResponse(der, question(bench, { issuer: stranger.generation })))).toMatch(
      /was not issued by/,
    );
  });

  test('outside of its time, and after that of its responder', async () => {
    const bench = await ocspWorkbench();
    const { der } = bench.answers.answer(bench.request(GOOD));
    const at = (offset: number): string =>
      reason(verifyOcspResponse(der, question(bench, { now: bench.clock.now() + offset })));
    expect([at(-4 * MINUTE), at(HOUR + 4 * MINUTE)]).toEqual(['believed', 'believed']);
    expect(at(-6 * MINUTE)).toMatch(/^the response is of/);
    expect(at(HOUR + 6 * MINUTE)).toMatch(/^the response held until/);
    expect(at(8 * DAY)).toMatch(/^the certificate of the responder is valid from/);
  });

  test('with another nonce than was sent: it is a replay', async () => {
    const bench = await ocspWorkbench();
    const { der } = bench.answers.answer(bench.request(GOOD, Buffer.alloc(32, 2)));
    expect(reason(verifyOcspResponse(der, question(bench, { nonce: NONCE })))).toMatch(/another nonce/);
  });

  test('where a single bit of it changed', async () => {
    const bench = await ocspWorkbench();
    const { der } = bench.answers.answer(bench.request(GOOD, NONCE));
    const asked = question(bench, { nonce: NONCE });
    const wrong: number[] = [];
    for (let bit = 0; bit < der.length * 8; bit += 7) {
      const bent = concat([der]);
      bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (verifyOcspResponse(bent, asked).believed) wrong.push(bit);
    }
    expect(wrong).toEqual([]);
  });

  test('where it is an error: it says which', async () => {
    const bench = await ocspWorkbench();
    expect(verifyOcspResponse(encodeOcspError('unauthorized'), question(bench))).toMatchObject({
      believed: false,
      error: 'unauthorized',
    });
    expect(reason(verifyOcspResponse(octets('3003'), question(bench)))).toMatch(/cut off/);
  });

  const rights = [keyUsage(['digitalSignature']), extKeyUsage([OID.ocspSigning])];
  const noCheck: Extension = { id: OID.ocspNoCheck, critical: false, value: NULL };
  test.each<readonly [string, readonly Extension[], RegExp | string]>([
    ['everything that it needs', [...rights, noCheck], 'believed'],
    ['no purpose', [noCheck], /id-kp-OCSPSigning/],
    ['the purpose of a server', [extKeyUsage([OID.serverAuth]), noCheck], /id-kp-OCSPSigning/],
    [
      'any purpose, which is not this one',
      [extKeyUsage([OID.anyExtendedKeyUsage]), noCheck],
      /id-kp-OCSPSigning/,
    ],
    ['no nocheck', rights, /nocheck/],
    [
      'a key for something else',
      [extKeyUsage([OID.ocspSigning]), keyUsage(['keyAgreement']), noCheck],
      /may not sign/,
    ],
    ['a CA’s rights', [...rights, noCheck, basicConstraints({ ca: true })], /that of a CA/],
    [
      'a critical extension that nobody knows',
      [...rights, noCheck, { id: '1.2.3', critical: true, value: NULL }],
      /critical extension/,
    ],
  ])('where its responder has %s', async (_what, extensions, expected) => {
    const bench = await ocspWorkbench();
    const verdict = await signedBy(bench, bench.authority.issuerKey, extensions);
    expect(reason(verdict)).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });

  test('where somebody else certified its responder', async () => {
    const bench = await ocspWorkbench();
    const verdict = await signedBy(bench, await keyOf('ecdsa-p256', 'a stranger'), [...rights, noCheck]);
    expect(reason(verdict)).toMatch(/was not issued by/);
  });
});

/** The verdict on a good answer of a delegate whom `ca` certified in the issuer's name. */
async function signedBy(
  bench: OcspWorkbench,
  ca: KeyPair,
  extensions: readonly Extension[],
): Promise<OcspVerdict> {
  const { authority, clock } = bench;
  const pair = await keyOf('ecdsa-p256', 'a delegate');
  const now = clock.now();
  const der: Bytes = signCertificate(
    {
      ...{ serial: octets('4f02'), issuer: authority.generation.certificate.subject },
      ...{ subject: authority.generation.certificate.subject, spki: pair.publicKey.spki, extensions },
      ...{ notBefore: now - HOUR, notAfter: now + DAY },
    },
    ca,
  );
  const responder = openResponder('servers-1', 'k', der);
  const singles = [{ certId: question(bench).certId, status: { kind: 'good' } as const }];
  const prepared = PreparedOcsp.of({ responder, singles, nonce: undefined, now });
  return verifyOcspResponse(signOcsp(ocspSignerOf(pair), prepared), question(bench));
}
