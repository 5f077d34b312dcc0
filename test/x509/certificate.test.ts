import { beforeAll, describe, expect, it } from 'vitest';
import {
  assembleCertificate,
  type Certificate,
  certificateFingerprint,
  encodeTbsCertificate,
  findExtension,
  formatSerial,
  readCertificate,
} from '../../src/x509/certificate.ts';
import { NULL, oid, sequence, smallInteger, tlv, unsignedInteger } from '../../src/x509/der.ts';
import { bitString } from '../../src/x509/der-bits.ts';
import {
  encodeExtension,
  type Extension,
  keyUsage,
  readBasicConstraints,
  readExtensions,
  readSubjectAltName,
} from '../../src/x509/extensions.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { encodeTime } from '../../src/x509/time.ts';
import { refusalOf } from '../support/errors.ts';
import { keyOf } from '../support/keys.ts';

let spki: Uint8Array;
beforeAll(async () => {
  spki = (await keyOf('ecdsa-p256')).publicKey.spki;
});

const algorithm = sequence(oid(OID.ecdsaWithSha256));
const validity = sequence(encodeTime(0), encodeTime(1000));

interface Parts {
  readonly version?: Uint8Array;
  readonly serial?: Uint8Array;
  readonly validity?: Uint8Array;
  readonly after?: Uint8Array;
  readonly outer?: Uint8Array;
  readonly signature?: Uint8Array;
}

/** A certificate of parts that need not be right. */
const made = (parts: Parts): Uint8Array =>
  sequence(
    sequence(
      parts.version ?? tlv(0xa0, smallInteger(2)),
      parts.serial ?? smallInteger(7),
      algorithm,
      EMPTY_NAME,
      parts.validity ?? validity,
      EMPTY_NAME,
      spki,
      parts.after ?? Buffer.alloc(0),
    ),
    algorithm,
    parts.signature ?? bitString(Buffer.alloc(8)),
    parts.outer ?? Buffer.alloc(0),
  );
const extensionsOf = (...list: readonly Uint8Array[]): Uint8Array => tlv(0xa3, sequence(...list));
const usage = encodeExtension(keyUsage(['digitalSignature']));

describe('a certificate is read', () => {
  it.each<[string, Parts, Partial<Certificate>]>([
    ['with version 3', {}, { version: 3, extensions: [], hasUniqueIds: false }],
    ['with version 1, which is not written', { version: Buffer.alloc(0) }, { version: 1 }],
    ['with unique ids', { after: tlv(0x81, Buffer.from([0, 1])) }, { hasUniqueIds: true }],
    ['with the other unique id', { after: tlv(0x82, Buffer.from([0, 1])) }, { hasUniqueIds: true }],
    ['with the same extension twice, for lint to find', { after: extensionsOf(usage, usage) }, {}],
    [
      'with a negative serial, for lint to find',
      { serial: tlv(2, Buffer.from([0x80])) },
      { serial: Buffer.from([0x80]) },
    ],
  ])('%s', (_what, parts, expected) => {
    const read = readCertificate(made(parts));
    for (const [key, value] of Object.entries(expected))
      expect(read[key as keyof Certificate]).toEqual(value);
    expect(Buffer.from(read.raw)).toEqual(Buffer.from(made(parts)));
  });

  it.each<[string, Parts]>([
    ['a version of two octets', { version: tlv(0xa0, smallInteger(256)) }],
    ['two versions', { version: tlv(0xa0, smallInteger(2), smallInteger(2)) }],
    ['no serial', { serial: Buffer.alloc(0) }],
    ['a padded serial', { serial: tlv(2, Buffer.from([0, 5])) }],
    ['three times', { validity: sequence(encodeTime(0), encodeTime(0), encodeTime(0)) }],
    ['one time', { validity: sequence(encodeTime(0)) }],
    ['something after the extensions', { after: Buffer.concat([extensionsOf(usage), NULL]) }],
    ['two lists of extensions', { after: Buffer.concat([extensionsOf(usage), extensionsOf(usage)]) }],
    [
      'extensions before the unique ids',
      { after: Buffer.concat([extensionsOf(usage), tlv(0x81, Buffer.from([0, 1]))]) },
    ],
    ['something after the signature', { outer: NULL }],
    ['a signature of odd bits', { signature: bitString(Buffer.from([0xfe]), 1) }],
    ['a signature that is none', { signature: NULL }],
    ['an extension without a value', { after: extensionsOf(sequence(oid('1.2.3'))) }],
    ['an extension with a value of another type', { after: extensionsOf(sequence(oid('1.2.3'), NULL)) }],
    [
      'an extension with something after the value',
      { after: extensionsOf(sequence(oid('1.2.3'), tlv(4), NULL)) },
    ],
    [
      'critical=FALSE spelled out',
      { after: extensionsOf(sequence(oid('1.2.3'), tlv(1, Buffer.from([0])), tlv(4))) },
    ],
    ['critical=01', { after: extensionsOf(sequence(oid('1.2.3'), tlv(1, Buffer.from([1])), tlv(4))) }],
    ['101 extensions', { after: extensionsOf(...Array.from({ length: 101 }, () => usage)) }],
  ])('but not with %s', (_what, parts) => {
    const refusal = refusalOf(() => readCertificate(made(parts)));
    expect(refusal.code).toBe('malformed_certificate');
    expect(refusal.detail.rule).toBeTruthy();
  });
});

describe('Go CVE-2025-58187, CVE-2025-61729: a certificate with thousands of names', () => {
  it('is refused, not searched', () => {
    const names = sequence(...Array.from({ length: 5000 }, (_, i) => tlv(0x82, Buffer.from(`n${i}.test`))));
    const many: Extension = { id: OID.subjectAltName, critical: false, value: names };
    const read = readCertificate(made({ after: extensionsOf(encodeExtension(many)) }));
    const value = findExtension(read, OID.subjectAltName)?.value ?? NULL;
    expect(refusalOf(() => readSubjectAltName(value)).code).toBe('malformed_der');
  });
});

describe('what is written', () => {
  it('leaves out an empty list of extensions, for Extensions has at least one', async () => {
    const template = {
      serial: Buffer.from([5]),
      signatureAlgorithm: algorithm,
      issuer: EMPTY_NAME,
      notBefore: 0,
      notAfter: 0,
      subject: EMPTY_NAME,
      spki,
    };
    const bare = encodeTbsCertificate({ ...template, extensions: [] });
    expect(Buffer.from(bare).subarray(-spki.length)).toEqual(Buffer.from(spki));
    const der = assembleCertificate(bare, algorithm, Buffer.alloc(3));
    expect(readCertificate(der).extensions).toEqual([]);
    expect(certificateFingerprint(der)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('a serial is printed without its sign octet', () => {
    expect(['00ff', '7f', '00', '0080', '40aa'].map((hex) => formatSerial(Buffer.from(hex, 'hex')))).toEqual([
      'ff',
      '7f',
      '00',
      '80',
      '40aa',
    ]);
    expect(Buffer.from(unsignedInteger(Buffer.from('0000ff', 'hex')))).toEqual(
      Buffer.from('020200ff', 'hex'),
    );
  });

  it('an extension is read back as it was written', () => {
    const list: Extension[] = [
      { id: '1.2.3', critical: true, value: Buffer.from([1]) },
      { id: '1.2.4', critical: false, value: Buffer.alloc(0) },
    ];
    expect(readExtensions(sequence(...list.map(encodeExtension)))).toEqual(list);
    expect(readBasicConstraints(sequence(tlv(1, Buffer.from([0]))))).toEqual({ ca: false }); // seen in requests
  });
});
