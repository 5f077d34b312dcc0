/** Certificates that answer OCSP. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, SECOND } from '../../../src/base/clock.ts';
import { findExtension, readCertificate } from '../../../src/x509/certificate.ts';
import { encodeTbsCertificate, readTbsCertificate } from '../../../src/x509/certificate.ts';
import { NULL } from '../../../src/x509/der.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extKeyUsage,
  keyUsage,
  readExtKeyUsage,
  readKeyUsage,
  subjectKeyIdentifier,
} from '../../../src/x509/extensions.ts';
import { signWith } from '../../../src/x509/key-pair.ts';
import { commonName, encodeName, formatName } from '../../../src/x509/name.ts';
import { OID } from '../../../src/x509/oids.ts';
import { keyIdentifier } from '../../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../../src/x509/signature.ts';
import { lintResponderCertificate } from '../../../src/domain/issuance/lint/index.ts';
import { lintIssuer } from '../../../src/domain/issuance/prepare.ts';
import {
  PreparedResponder,
  responderIsDue,
  type ResponderPlan,
  signResponder,
} from '../../../src/domain/issuance/responder.ts';
import { makeAuthority, TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../../support/keys.ts';
import { makeResponder } from '../../support/ocsp.ts';

const now = Date.UTC(2026, 5, 1, 12, 0, 0, 321);
const serial = Buffer.from('4b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex');

async function plan(more: Partial<ResponderPlan> = {}): Promise<ResponderPlan> {
  const { generation } = await makeAuthority({ now });
  const { publicKey } = await keyOf('ecdsa-p256', 'responder');
  return { serial, generation, publicKey, trustDomain: TRUST_DOMAIN, now, ...more };
}

describe('the certificate of an OCSP responder', () => {
  test.each(ONE_OF_EACH_TYPE)(
    'below an %s issuer signs answers for a week, and nothing else',
    async (algorithm) => {
      const authority = await makeAuthority({ now, algorithm });
      const certificate = readCertificate((await makeResponder(authority, now)).der);
      const value = (id: string) => findExtension(certificate, id)?.value ?? NULL;
      expect(certificate.extensions.map(({ id }) => id).sort()).toEqual(
        [
          ...[OID.keyUsage, OID.extKeyUsage, OID.basicConstraints, OID.ocspNoCheck],
          ...[OID.subjectKeyIdentifier, OID.authorityKeyIdentifier],
        ].sort(),
      );
      expect(readKeyUsage(value(OID.keyUsage))).toEqual(['digitalSignature']);
      expect(readExtKeyUsage(value(OID.extKeyUsage))).toEqual([OID.ocspSigning]);
      expect(formatName(certificate.subject)).toBe('CN=OCSP servers-1,O=example.test');
      expect([certificate.notBefore, certificate.notAfter]).toEqual([
        now - 321 - HOUR,
        now - 321 + 7 * DAY - SECOND,
      ]);
    },
  );

  test('never outlives its issuer', async () => {
    const { generation } = await plan();
    const { notAfter, notBefore } = generation.certificate;
    expect(PreparedResponder.of(await plan({ now: notAfter - HOUR })).notAfter).toBe(notAfter);
    expect(PreparedResponder.of(await plan({ now: notBefore + SECOND })).notBefore).toBe(notBefore);
    for (const outside of [notAfter, notAfter + DAY, notBefore - SECOND]) {
      const wanted = await plan({ now: outside });
      expect(refusalOf(() => PreparedResponder.of(wanted)).code).toBe('issuer_expires_too_soon');
    }
  });

  test('is not made for an issuer that was stopped', async () => {
    const { generation } = await plan();
    const wanted = await plan({ generation: { ...generation, stopped: 'a bit flipped' } });
    expect(refusalOf(() => PreparedResponder.of(wanted)).code).toBe('issuer_stopped');
  });

  test('is redeemed once, and discarded where another key signed', async () => {
    const prepared = PreparedResponder.of(await plan());
    const other = await keyOf('ecdsa-p256', 'another');
    const signer = {
      sign(redeemable: PreparedResponder) {
        const tbs = redeemable.redeem();
        return { tbs, signature: signWith(other, tbs) };
      },
    };
    expect(refusalOf(() => signResponder(signer, prepared)).code).toBe('self_check_failed');
    expect(refusalOf(() => prepared.redeem()).code).toBe('internal');
  });

  test('is due for another one at half of its life', () => {
    const life = { notBefore: 0, notAfter: 7 * DAY };
    expect([0, 3.5 * DAY - 1, 3.5 * DAY, 30 * DAY].map((at) => responderIsDue(life, at))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  const noCheck: Extension = { id: OID.ocspNoCheck, critical: false, value: NULL };
  test.each<readonly [string, (right: readonly Extension[]) => readonly Extension[], readonly string[]]>([
    ['everything right', (right) => right, []],
    ['no nocheck', (right) => right.slice(0, -1), ['responder_no_check']],
    [
      'a critical nocheck',
      (right) => [...right.slice(0, -1), { ...noCheck, critical: true }],
      ['responder_no_check'],
    ],
    [
      'content in nocheck',
      (right) => [...right.slice(0, -1), { ...noCheck, value: Buffer.from([4, 0]) }],
      ['responder_no_check'],
    ],
    [
      'another purpose as well',
      (right) => [extKeyUsage([OID.ocspSigning, OID.serverAuth]), ...right.slice(1)],
      ['responder_ext_key_usage'],
    ],
    [
      'a pointer to a CRL',
      (right) => [...right, crlDistributionPoints(['http://a.test/c'])],
      ['extension_unknown'],
    ],
    [
      'the keys of a CA',
      (right) => [right[0] ?? noCheck, keyUsage(['digitalSignature', 'keyCertSign']), ...right.slice(2)],
      ['leaf_key_usage_ca'],
    ],
    [
      'the rights of a CA',
      (right) => [...right.slice(0, 2), basicConstraints({ ca: true }), ...right.slice(3)],
      ['leaf_ca'],
    ],
  ])('with %s breaks %3$j', async (_what, change, broken) => {
    const { generation, publicKey } = await plan();
    const right = [
      extKeyUsage([OID.ocspSigning]),
      keyUsage(['digitalSignature']),
      basicConstraints({ ca: false }),
      subjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
      authorityKeyIdentifier(generation.subjectKeyIdentifier),
      noCheck,
    ];
    const lint = (life: number) =>
      lintResponderCertificate({
        certificate: readTbsCertificate(
          encodeTbsCertificate({
            serial,
            signatureAlgorithm: signatureAlgorithmFor('ecdsa-p256').identifier,
            issuer: generation.certificate.subject,
            subject: encodeName([commonName('OCSP')]),
            ...{ notBefore: now - 321, notAfter: now - 321 + life - SECOND, spki: publicKey.spki },
            extensions: change(right),
          }),
        ),
        ...{ publicKey, issuer: lintIssuer(generation), trustDomain: TRUST_DOMAIN, now },
      }).map((finding) => finding.lint);
    expect(lint(7 * DAY)).toEqual(broken);
    expect(lint(7 * DAY + 2 * HOUR)).toEqual([...broken, 'responder_life']);
  });
});
