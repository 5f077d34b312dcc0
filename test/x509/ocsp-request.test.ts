/** OCSP requests: what is read, and everything that gets malformedRequest. */
import { describe, expect, test } from 'vitest';
import { concat, toHex } from '../../src/x509/bytes.ts';
import { encodeCertId, issuerKeysOf, readCertId } from '../../src/x509/cert-id.ts';
import {
  contextConstructed,
  DerReader,
  NULL,
  octetString,
  oid,
  sequence,
  smallInteger,
  TAG,
  tlv,
  unsignedInteger,
} from '../../src/x509/der.ts';
import { encodeExtension, type Extension } from '../../src/x509/extensions.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import {
  encodeOcspRequest,
  MAX_CERT_IDS,
  nonceExtension,
  readOcspRequest,
} from '../../src/x509/ocsp-request.ts';
import { OID } from '../../src/x509/oids.ts';
import { refusalOf } from '../support/errors.ts';

const issuer = { subject: encodeName([commonName('an issuer')]), keyBits: Buffer.alloc(65, 4) };
const serial = Buffer.from('4b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex');
const SHA1 = encodeCertId('sha1', issuer, serial);

/** A TBSRequest of these parts, wrapped. */
const request = (...tbs: readonly Uint8Array[]): Uint8Array => sequence(sequence(...tbs));
const list = (...certIds: readonly Uint8Array[]): Uint8Array =>
  sequence(...certIds.map((certId) => sequence(certId)));
const extensions = (...all: readonly Extension[]): Uint8Array =>
  tlv(contextConstructed(2), sequence(...all.map(encodeExtension)));
const certId = (algorithm: Uint8Array, name: number, key: number, number: Uint8Array): Uint8Array =>
  sequence(algorithm, octetString(Buffer.alloc(name)), octetString(Buffer.alloc(key)), number);
const sha1 = sequence(oid(OID.sha1), NULL);

describe('an OCSP request', () => {
  test.each(['sha1', 'sha256'] as const)('with a CertID of %s is read back as it was meant', (algorithm) => {
    const raw = encodeCertId(algorithm, issuer, serial);
    const { certIds, nonce } = readOcspRequest(encodeOcspRequest([raw], Buffer.from('abc')));
    expect(certIds.map((read) => [toHex(read.raw), toHex(read.serial)])).toEqual([
      [toHex(raw), toHex(serial)],
    ]);
    expect(issuerKeysOf(issuer)).toContain(certIds[0]?.issuerKey);
    expect(nonce).toEqual(Buffer.from('abc'));
  });

  test('names its issuer the same way with and without NULL behind the hash', () => {
    const inner = new DerReader(readCertId(new DerReader(SHA1)).raw).sequence('CertID');
    inner.next('hashAlgorithm');
    const rest = inner.rest('CertID').map(({ raw }) => raw);
    const bare = sequence(sequence(oid(OID.sha1)), ...rest);
    const read = readOcspRequest(request(list(bare))).certIds[0];
    expect(read?.issuerKey).toBe(readOcspRequest(request(list(SHA1))).certIds[0]?.issuerKey);
    expect(read?.raw).toEqual(bare);
  });

  test('may say who asks, sign that, and carry extensions that nobody knows: all passed over', () => {
    const requestor = tlv(contextConstructed(1), tlv(0x86, Buffer.from('http://a.test')));
    const unknown = { id: '1.2.3.4', critical: false, value: NULL };
    const single = sequence(SHA1, tlv(contextConstructed(0), sequence(encodeExtension(unknown))));
    const signature = tlv(contextConstructed(0), sequence(sha1, tlv(TAG.bitString, Buffer.from([0, 1]))));
    const der = sequence(sequence(requestor, sequence(single), extensions(unknown)), signature);
    expect(readOcspRequest(der)).toMatchObject({ nonce: undefined, certIds: [{ raw: SHA1 }] });
  });

  test('with a hash that is not known here names no issuer', () => {
    const sha512 = sequence(oid('2.16.840.1.101.3.4.2.3'), NULL);
    const der = request(list(certId(sha512, 64, 64, smallInteger(1))));
    expect(readOcspRequest(der).certIds[0]?.issuerKey).toBeUndefined();
  });

  test('may ask for several certificates, but not for any number', () => {
    const many = (n: number): Uint8Array => request(list(...Array.from({ length: n }, () => SHA1)));
    expect(readOcspRequest(many(MAX_CERT_IDS)).certIds).toHaveLength(MAX_CERT_IDS);
    expect(refusalOf(() => readOcspRequest(many(MAX_CERT_IDS + 1))).code).toBe('malformed_der');
  });

  test.each([1, 32, 128])('may carry a nonce of %d octets (RFC 9654 2.1)', (length) => {
    expect(readOcspRequest(encodeOcspRequest([SHA1], Buffer.alloc(length, 7))).nonce).toHaveLength(length);
  });

  const good = encodeOcspRequest([SHA1]);
  const nonce = (value: Uint8Array): Extension => ({ id: OID.ocspNonce, critical: false, value });
  const deep = Array.from({ length: 1000 }).reduce<Uint8Array>((inner) => sequence(inner), NULL);
  test.each<readonly [string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['a truncated one', good.subarray(0, good.length - 1)],
    ['trailing octets', concat([good, Buffer.from([0])])],
    ['trailing octets inside', request(list(SHA1), NULL)],
    ['an indefinite length', Buffer.from('30800000', 'hex')],
    ['a length that lies', Buffer.from('30847fffffff', 'hex')],
    ['a thousand SEQUENCEs in one another', deep],
    ['a version', request(tlv(contextConstructed(0), smallInteger(0)), list(SHA1))],
    ['an empty list', request(list())],
    ['a nonce of no octets', request(list(SHA1), extensions(nonceExtension(new Uint8Array(0))))],
    ['a nonce of 129 octets', request(list(SHA1), extensions(nonceExtension(Buffer.alloc(129))))],
    ['a nonce that is no OCTET STRING', request(list(SHA1), extensions(nonce(Buffer.from('raw'))))],
    ['two nonces', request(list(SHA1), extensions(nonce(octetString(serial)), nonce(octetString(serial))))],
    ['an empty list of extensions', request(list(SHA1), extensions())],
    [
      'a critical extension that nobody knows',
      request(list(SHA1), extensions({ id: '1.2.3.4', critical: true, value: NULL })),
    ],
    [
      'a serial number of 21 octets',
      request(list(certId(sha1, 20, 20, tlv(TAG.integer, Buffer.alloc(21, 1))))),
    ],
    ['a negative serial number', request(list(certId(sha1, 20, 20, tlv(TAG.integer, Buffer.from([0x80])))))],
    ['a padded serial number', request(list(certId(sha1, 20, 20, tlv(TAG.integer, Buffer.from([0, 1])))))],
    ['hashes of another length', request(list(certId(sha1, 20, 32, unsignedInteger(serial))))],
    [
      'parameters behind the hash',
      request(list(certId(sequence(oid(OID.sha1), smallInteger(1)), 20, 20, smallInteger(1)))),
    ],
    ['a signature that is none', sequence(sequence(list(SHA1)), tlv(contextConstructed(0), NULL))],
    ['two requestors', request(tlv(contextConstructed(1), NULL, NULL), list(SHA1))],
  ])('with %s is malformed', (_what, der) => {
    expect(refusalOf(() => readOcspRequest(der)).code).toBe('malformed_der');
  });
});
