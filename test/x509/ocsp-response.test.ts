/** OCSP responses as we write them, read back; and what no reader of ours takes. */
import { describe, expect, test } from 'vitest';
import { concat, toHex } from '../../src/x509/bytes.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { contextConstructed, NULL, octetString, oid, sequence, TAG, tlv } from '../../src/x509/der.ts';
import { CRL_REASONS } from '../../src/x509/crl.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { readOcspParts, readOcspResponse } from '../../src/x509/ocsp-response.ts';
import {
  assembleOcspResponse,
  encodeOcspError,
  encodeResponseData,
  type OcspCertStatus,
  type OcspTemplate,
  responderByKey,
  responderCertificates,
} from '../../src/x509/ocsp-response-writer.ts';
import { OID } from '../../src/x509/oids.ts';
import { refusalOf } from '../support/errors.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const certId = encodeCertId(
  'sha256',
  { subject: encodeName([commonName('an issuer')]), keyBits: Buffer.alloc(65, 4) },
  Buffer.from('4b1f', 'hex'),
);
const template = (status: OcspCertStatus, more: Partial<OcspTemplate> = {}): OcspTemplate => ({
  responder: responderByKey(Buffer.alloc(65, 5)),
  ...{ producedAt: NOW, thisUpdate: NOW, nextUpdate: NOW + 3_600_000 },
  ...{ singles: [{ certId, status }], nonce: undefined },
  ...more,
});
const assemble = (tbs: Uint8Array): Uint8Array =>
  assembleOcspResponse(
    tbs,
    sequence(oid(OID.ecdsaWithSha256)),
    Buffer.alloc(70, 9),
    responderCertificates(sequence()),
  );
const written = (status: OcspCertStatus, more?: Partial<OcspTemplate>): Uint8Array =>
  assemble(encodeResponseData(template(status, more)));
const read = (der: Uint8Array) => {
  const response = readOcspResponse(der);
  if (response.status !== 'successful') throw new Error(response.status);
  return response.basic;
};

const STATUSES: readonly OcspCertStatus[] = [
  { kind: 'good' },
  { kind: 'unknown' },
  ...CRL_REASONS.flatMap((reason): OcspCertStatus[] =>
    reason === undefined ? [] : [{ kind: 'revoked', revokedAt: NOW - 1000, reason }],
  ),
];

describe('an OCSP answer', () => {
  test.each(STATUSES)('of %o is read back as it was meant', (status) => {
    const basic = read(written(status, { nonce: Buffer.from('abc') }));
    expect(basic.singles).toMatchObject([{ status, thisUpdate: NOW, nextUpdate: NOW + 3_600_000 }]);
    expect(toHex(basic.singles[0]?.certId.raw ?? NULL)).toBe(toHex(certId));
    expect([basic.producedAt, basic.nonce, basic.certificates]).toEqual([
      NOW,
      Buffer.from('abc'),
      [Buffer.from('3000', 'hex')],
    ]);
    expect(basic.responder.byKey).toHaveLength(20);
  });

  test('has GeneralizedTime without fractions in every year, and no reason where it is unspecified', () => {
    const der = Buffer.from(written({ kind: 'revoked', revokedAt: NOW + 123, reason: 'unspecified' }));
    expect(der.toString('latin1').match(/2026060112\d\dZ|\d{14}Z/g)).toHaveLength(4);
    expect(der.toString('latin1')).not.toMatch(/\.\d+Z/);
    expect(der.includes(Buffer.from('a0030a0100', 'hex'))).toBe(false);
    const reasoned = Buffer.from(written({ kind: 'revoked', revokedAt: NOW, reason: 'superseded' }));
    expect(reasoned.includes(Buffer.from('a0030a0104', 'hex'))).toBe(true);
  });

  test.each([
    ['malformedRequest', '30030a0101'],
    ['internalError', '30030a0102'],
    ['tryLater', '30030a0103'],
    ['unauthorized', '30030a0106'],
  ] as const)('%s is its number and nothing else', (status, hex) => {
    const der = encodeOcspError(status);
    expect(toHex(der)).toBe(hex);
    expect(readOcspResponse(der)).toEqual({ status });
  });

  const good = written({ kind: 'good' });
  const { basic } = readOcspParts(good);
  const swap = (from: string, to: string): Uint8Array => {
    const hex = toHex(basic?.tbs ?? NULL);
    if (!hex.includes(from)) throw new Error(`${from} is not in ${hex}`);
    return assemble(Buffer.from(hex.replace(from, to), 'hex'));
  };
  const time = (text: string): string => Buffer.from(text).toString('hex');
  test.each<readonly [string, Uint8Array]>([
    ['cut off', good.subarray(0, good.length - 1)],
    ['longer than it says', concat([good, NULL])],
    ['of the status 4', sequence(tlv(TAG.enumerated, Buffer.from([4])))],
    ['of a negative status', sequence(tlv(TAG.enumerated, Buffer.from([0x81])))],
    ['successful and empty', sequence(tlv(TAG.enumerated, Buffer.from([0])))],
    [
      'an error with octets',
      sequence(tlv(TAG.enumerated, Buffer.from([6])), tlv(contextConstructed(0), sequence())),
    ],
    [
      'of another type',
      sequence(
        tlv(TAG.enumerated, Buffer.from([0])),
        tlv(contextConstructed(0), sequence(oid(OID.ocspNonce), octetString(NULL))),
      ),
    ],
    ['of a day that does not exist', swap(time('20260601120000Z'), time('20260631120000Z'))],
    ['revoked without content', swap('8000', '8100')],
    ['of an unknown status', swap('8000', '8300')],
    [
      'of a responder without ID',
      assemble(encodeResponseData(template({ kind: 'good' }, { responder: NULL }))),
    ],
  ])('that is %s is refused', (_what, der) => {
    expect(refusalOf(() => readOcspResponse(der)).code).toBe('malformed_der');
  });
});
