import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { provesPossession, readCertificationRequest } from '../../src/x509/csr.ts';
import { basicConstraints, keyUsage } from '../../src/x509/extensions.ts';
import { oid, sequence, setOf, smallInteger, tlv } from '../../src/x509/der.ts';
import { bitString } from '../../src/x509/der-bits.ts';
import { commonName, EMPTY_NAME, encodeName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { refusalOf } from '../support/errors.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../support/keys.ts';
import { makeRequest } from '../support/request.ts';

beforeAll(() => peculiar.cryptoProvider.set(webcrypto as never));

const NAMES = [
  { kind: 'uri', value: 'spiffe://example.test/app' },
  { kind: 'dns', value: 'a.example.test' },
  { kind: 'ip', value: '192.0.2.7' },
] as const;

describe.each(ONE_OF_EACH_TYPE)('our request with an %s key', (algorithm) => {
  it('says to @peculiar/x509 what we wrote', async () => {
    const own = await keyOf(algorithm);
    const der = makeRequest(own, {
      subject: encodeName([commonName('a.example.test')]),
      names: NAMES,
      extensions: [keyUsage(['digitalSignature'])],
    });
    const read = new peculiar.Pkcs10CertificateRequest(Uint8Array.from(der));
    expect(read.subject).toBe('CN=a.example.test');
    expect(Buffer.from(read.publicKey.rawData)).toEqual(Buffer.from(own.publicKey.spki));
    expect(read.extensions.map(({ type }) => type)).toEqual([OID.subjectAltName, OID.keyUsage]);
    expect(await read.verify()).toBe(true);
  });

  it('without any attribute is read by both', async () => {
    const der = makeRequest(await keyOf(algorithm));
    expect(await new peculiar.Pkcs10CertificateRequest(Uint8Array.from(der)).verify()).toBe(true);
    expect(readCertificationRequest(der)).toMatchObject({
      names: [],
      commonNames: [],
      requestedExtensions: [],
    });
  });

  it('proves possession; with one bit of anything signed changed it does not', async () => {
    const own = await keyOf(algorithm);
    const der = Buffer.from(makeRequest(own, { names: NAMES }));
    expect(provesPossession(readCertificationRequest(der))).toBe(true);
    const at = der.indexOf('spiffe://example.test') + 10;
    der[at] = (der[at] ?? 0) ^ 1;
    expect(provesPossession(readCertificationRequest(der))).toBe(false);
  });
});

const ALGORITHMS = [
  ['ECDSA P-256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
  ['ECDSA P-256 with SHA-512', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-512' }],
  ['ECDSA P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
  ['Ed25519', { name: 'Ed25519' }],
  [
    'RSA',
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  ],
  [
    'RSA with SHA-512',
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-512',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  ],
] as const;

it.each(ALGORITHMS)(
  'a request that @peculiar/x509 made with %s is read the same',
  async (_name, algorithm) => {
    const keys = await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify']);
    const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=a.example.test, O=Example',
      keys: keys as never,
      signingAlgorithm: algorithm as never,
      attributes: [new peculiar.ChallengePasswordAttribute('not used')],
      extensions: [
        new peculiar.SubjectAlternativeNameExtension([
          { type: 'url', value: 'spiffe://example.test/app' },
          { type: 'dns', value: 'a.example.test' },
          { type: 'ip', value: '192.0.2.7' },
        ]),
        new peculiar.BasicConstraintsExtension(true),
      ],
    });
    const read = readCertificationRequest(Buffer.from(made.rawData));
    expect(read.names).toEqual(NAMES);
    expect(read.commonNames).toEqual(['a.example.test']);
    expect(read.requestedExtensions.map(({ id }) => id)).toEqual([OID.subjectAltName, OID.basicConstraints]);
    expect(Buffer.from(read.publicKey.spki)).toEqual(Buffer.from(made.publicKey.rawData));
    expect(provesPossession(read)).toBe(true);
  },
);

describe('a request is refused', () => {
  /** A request of parts that need not belong together; its signature is nothing. */
  async function assembled(parts: {
    version?: Buffer;
    attributes?: Uint8Array;
    more?: Uint8Array;
    after?: Uint8Array;
  }) {
    const { publicKey } = await keyOf('ecdsa-p256');
    const { version, attributes = tlv(0xa0), more = Buffer.alloc(0), after = Buffer.alloc(0) } = parts;
    const info = sequence(version ?? smallInteger(0), EMPTY_NAME, publicKey.spki, attributes, more);
    return Buffer.concat([
      sequence(info, sequence(oid(OID.ecdsaWithSha256)), bitString(Buffer.alloc(70))),
      after,
    ]);
  }
  const list = (...ids: readonly string[]): Uint8Array =>
    sequence(...ids.map((id) => sequence(oid(id), tlv(0x04, Buffer.from('0500', 'hex')))));
  const asking = (...lists: readonly Uint8Array[]): Uint8Array =>
    tlv(0xa0, ...lists.map((one) => sequence(oid(OID.extensionRequest), setOf(one))));

  it.each([
    ['version 2', { version: Buffer.from('020101', 'hex') }],
    ['version 1 written in two octets', { version: Buffer.from('02020000', 'hex') }],
    ['an octet after the end', { after: Buffer.from([0]) }],
    ['an element after the attributes', { more: Buffer.from('0500', 'hex') }],
    ['two lists of extensions', { attributes: asking(list('1.2.3'), list('1.2.4')) }],
    [
      'fifty lists of a hundred extensions',
      {
        attributes: asking(
          ...Array.from({ length: 50 }, (_, i) =>
            list(...Array.from({ length: 100 }, (_x, j) => `1.2.${i}.${j}`)),
          ),
        ),
      },
    ],
    ['an extension twice', { attributes: asking(list('1.2.3', '1.2.4', '1.2.3')) }],
    [
      'two values of one list',
      { attributes: tlv(0xa0, sequence(oid(OID.extensionRequest), tlv(0x31, list('1.2.3'), list('1.2.4')))) },
    ],
    [
      'an extension request without a value',
      { attributes: tlv(0xa0, sequence(oid(OID.extensionRequest), tlv(0x31))) },
    ],
    [
      'fifty-one attributes',
      { attributes: tlv(0xa0, ...Array.from({ length: 51 }, () => sequence(oid('1.2.3'), tlv(0x31)))) },
    ],
    [
      'a broken subjectAltName',
      {
        attributes: asking(
          sequence(sequence(oid(OID.subjectAltName), tlv(0x04, Buffer.from('300187', 'hex')))),
        ),
      },
    ],
    [
      'an iPAddress of five octets',
      {
        attributes: asking(
          sequence(sequence(oid(OID.subjectAltName), tlv(0x04, Buffer.from('300787050102030405', 'hex')))),
        ),
      },
    ],
  ])('with %s', async (_what, parts) => {
    const der = await assembled(parts);
    const time = cpuTime(() =>
      expect(refusalOf(() => readCertificationRequest(der)).code).toBe('malformed_csr'),
    );
    expect(time).toBeLessThan(50);
  });

  it('as a whole where the fault is in a part: cause, rule and fix are said', async () => {
    const refusal = refusalOf(() => readCertificationRequest(Buffer.from('3003020100', 'hex')));
    expect(refusal.detail.rule).toBeTruthy();
    expect(refusal.detail.fix).toContain('openssl req');
    expect(await assembled({})).toBeInstanceOf(Buffer);
  });

  it('with the signature algorithm of another family, or with MD5 or SHA-1, it proves nothing', async () => {
    const own = await keyOf('rsa-2048');
    const request = readCertificationRequest(
      makeRequest(own, { extensions: [basicConstraints({ ca: false })] }),
    );
    for (const id of [
      OID.ecdsaWithSha256,
      OID.ed25519,
      '1.2.840.113549.1.1.4',
      '1.2.840.113549.1.1.5',
      '1.2.840.113549.1.1.10',
    ])
      expect(
        provesPossession({ ...request, signatureAlgorithm: sequence(oid(id), Buffer.from('0500', 'hex')) }),
      ).toBe(false);
    expect(provesPossession({ ...request, signatureAlgorithm: sequence(oid(OID.sha256WithRsa)) })).toBe(
      false,
    );
  });
});
