import { describe, expect, it } from 'vitest';
import { isChanceryError } from '../../src/base/errors.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { readCertificationRequest } from '../../src/x509/csr.ts';
import {
  NULL,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  TAG,
  tlv,
  unsignedInteger,
} from '../../src/x509/der.ts';
import { bitString } from '../../src/x509/der-bits.ts';
import * as extensions from '../../src/x509/extensions.ts';
import { formatName, readName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { readPublicKey } from '../../src/x509/public-key.ts';
import { parseSpiffeId } from '../../src/domain/identity/spiffe-id.ts';
import { parseName, parseNames } from '../../src/domain/identity/names.ts';
import { provePossession } from '../../src/domain/issuance/possession.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { keyOf } from '../support/keys.ts';

const MIB = 1 << 20;

/** `depth` elements, each within the one before. Written from the inside out into one buffer. */
function nested(tag: number, depth: number): Buffer {
  const out = Buffer.alloc(depth * 6);
  let start = out.length;
  for (let i = 0; i < depth; i++) {
    const length = out.length - start;
    const octets = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    start -= 2 + octets;
    out[start] = tag;
    if (octets === 0) out[start + 1] = length;
    else {
      out[start + 1] = 0x80 | octets;
      out.writeUIntBE(length, start + 2, octets);
    }
  }
  return out.subarray(start);
}

const repeated = (hex: string, total: number): Buffer =>
  Buffer.alloc(total - (total % (hex.length / 2)), Buffer.from(hex, 'hex'));
const { publicKey } = await keyOf('ecdsa-p256');
const requestOf = (subject: Uint8Array, spki: Uint8Array, attributes: Uint8Array): Uint8Array =>
  sequence(
    sequence(smallInteger(0), subject, spki, attributes),
    sequence(oid(OID.ecdsaWithSha256)),
    bitString(Buffer.alloc(64)),
  );
const asking = (list: Uint8Array): Uint8Array =>
  requestOf(sequence(), publicKey.spki, tlv(0xa0, sequence(oid(OID.extensionRequest), setOf(list))));
const extension = (id: string, value: Uint8Array): Uint8Array =>
  asking(sequence(sequence(oid(id), octetString(value))));

const HOSTILE: readonly (readonly [string, Uint8Array])[] = [
  ...[1000, 10_000, 100_000].flatMap((depth) => [
    [`SEQUENCE ${depth} deep`, nested(TAG.sequence, depth)] as const,
    [`SET ${depth} deep`, nested(TAG.set, depth)] as const,
    [`[0] ${depth} deep`, nested(0xa0, depth)] as const,
    [`a subject ${depth} deep`, requestOf(nested(TAG.sequence, depth), publicKey.spki, tlv(0xa0))] as const,
    [`a key ${depth} deep`, requestOf(sequence(), nested(TAG.sequence, depth), tlv(0xa0))] as const,
    [`attributes ${depth} deep`, requestOf(sequence(), publicKey.spki, nested(0xa0, depth))] as const,
    [`a subjectAltName ${depth} deep`, extension(OID.subjectAltName, nested(TAG.sequence, depth))] as const,
    [
      `a basicConstraints ${depth} deep`,
      extension(OID.basicConstraints, nested(TAG.sequence, depth)),
    ] as const,
  ]),
  ['indefinite lengths in each other', repeated('3080', MIB)],
  ['a MiB of NULLs', repeated('0500', MIB)],
  ['a SEQUENCE of a MiB of NULLs', sequence(repeated('0500', MIB))],
  ['a subject of a MiB of NULLs', requestOf(sequence(repeated('0500', MIB)), publicKey.spki, tlv(0xa0))],
  ['a subject of a MiB of empty RDNs', requestOf(sequence(repeated('3100', MIB)), publicKey.spki, tlv(0xa0))],
  [
    'an RDN of a MiB of attributes',
    requestOf(
      sequence(tlv(0x31, repeated('3007060355040304000c', MIB).subarray(0, MIB - (MIB % 9)))),
      publicKey.spki,
      tlv(0xa0),
    ),
  ],
  ['attributes of a MiB of NULLs', requestOf(sequence(), publicKey.spki, tlv(0xa0, repeated('0500', MIB)))],
  ['an extension request of a MiB of NULLs', asking(sequence(repeated('0500', MIB)))],
  [
    'a subjectAltName of a MiB of empty names',
    extension(OID.subjectAltName, sequence(repeated('8200', MIB))),
  ],
  ['a keyUsage of a MiB of bits', extension(OID.keyUsage, bitString(repeated('ff', MIB)))],
  ['a keyUsage of a MiB of zeros', extension(OID.keyUsage, bitString(repeated('00', MIB)))],
  [
    'a path length of a MiB',
    extension(
      OID.basicConstraints,
      sequence(tlv(TAG.boolean, Buffer.from([0xff])), tlv(TAG.integer, repeated('7f', MIB))),
    ),
  ],
  ['an OID of a MiB', tlv(TAG.oid, repeated('ff', MIB))],
  [
    'an extension whose OID is a MiB',
    asking(sequence(sequence(tlv(TAG.oid, repeated('ff', MIB)), octetString(NULL)))),
  ],
  [
    'an RSA modulus of a MiB',
    requestOf(
      sequence(),
      sequence(
        sequence(oid(OID.rsaEncryption), NULL),
        bitString(sequence(unsignedInteger(repeated('7f', MIB)), smallInteger(65537))),
      ),
      tlv(0xa0),
    ),
  ],
  [
    'an RSA exponent of a MiB',
    requestOf(
      sequence(),
      sequence(
        sequence(oid(OID.rsaEncryption), NULL),
        bitString(sequence(unsignedInteger(repeated('7f', 256)), unsignedInteger(repeated('7f', MIB)))),
      ),
      tlv(0xa0),
    ),
  ],
  [
    'an EC point of a MiB',
    requestOf(
      sequence(),
      sequence(sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)), bitString(repeated('04', MIB))),
      tlv(0xa0),
    ),
  ],
  [
    'a commonName of a MiB',
    requestOf(
      sequence(setOf(sequence(oid(OID.commonName), tlv(TAG.utf8String, repeated('c3', MIB))))),
      publicKey.spki,
      tlv(0xa0),
    ),
  ],
  ['multi-byte tags without end', repeated('1fffff', MIB)],
  ['lengths of 4 GiB', repeated('3084ffffffff', MIB)],
  ['nothing', Buffer.alloc(0)],
  ['a MiB of zeros', Buffer.alloc(MIB)],
  ['a MiB of FF', Buffer.alloc(MIB, 0xff)],
];

const READERS: readonly (readonly [string, (input: Uint8Array) => unknown])[] = [
  ['request', readCertificationRequest],
  ['possession', (input) => provePossession({ csr: input })],
  ['certificate', readCertificate],
  ['key', readPublicKey],
  ['name', (input) => formatName(input)],
  ['attributes', readName],
  ['extensions', extensions.readExtensions],
  ['subjectAltName', extensions.readSubjectAltName],
  ['keyUsage', extensions.readKeyUsage],
  ['cRLDistributionPoints', extensions.readCrlDistributionPoints],
  ['authorityInfoAccess', extensions.readAuthorityInfoAccess],
];

describe('CVE-2025-66031, CVE-2026-32280, CVE-2026-32281: bombs for ASN.1 readers', () => {
  it.each(HOSTILE)(
    '%s is read or refused by every reader within 50 ms, and proves nothing',
    (_what, input) => {
      for (const [reader, read] of READERS) {
        let refused = false;
        const time = cpuTime(() => {
          try {
            read(input);
          } catch (error) {
            refused = isChanceryError(error);
            if (!refused) throw error;
          }
        });
        expect([reader, time < 50 || time]).toEqual([reader, true]);
        if (reader === 'possession') expect(refused).toBe(true);
      }
    },
  );
});

describe('texts of a MiB', () => {
  it.each([
    ['letters', 'a'.repeat(MIB)],
    ['dots', '.'.repeat(MIB)],
    ['dashes', '-'.repeat(MIB)],
    ['wildcards', '*.'.repeat(MIB / 2)],
    ['colons', ':'.repeat(MIB)],
    ['groups', '1:'.repeat(MIB / 2)],
    ['at signs', '@'.repeat(MIB)],
    ['segments', `spiffe://example.test${'/a'.repeat(MIB / 2)}`],
    ['slashes', `spiffe://${'/'.repeat(MIB)}`],
  ])('%s are no name of any kind, and are refused within 50 ms in a short message', (_what, text) => {
    for (const parse of [
      (): unknown => parseSpiffeId(text),
      ...(['dns', 'ip', 'uri', 'email'] as const).map((kind) => () => parseName(kind, text)),
    ]) {
      let message = '';
      const time = cpuTime(() => {
        try {
          parse();
        } catch (error) {
          if (!isChanceryError(error)) throw error;
          message = error.message;
        }
      });
      expect(message).not.toBe('');
      expect(message.length).toBeLessThan(1000);
      expect(time).toBeLessThan(50);
    }
  });
});

describe('node-forge CVE-2022-0122, CVE-2020-7720: nothing reaches a prototype', () => {
  it.each([
    '__proto__',
    'constructor',
    'constructor.prototype',
    'toString',
    'hasOwnProperty',
    '__proto__.polluted',
  ])('by the name %s', (text) => {
    for (const kind of ['dns', 'ip', 'uri', 'email'] as const)
      expect(() => parseNames({ [kind]: [text, `spiffe://example.test/${text}`] })).toThrow();
    expect(parseName('uri', `spiffe://example.test/${text}`).value).toContain(text);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Reflect.ownKeys({})).toEqual([]);
  });

  it('by a list of names from JSON', () => {
    const lists = JSON.parse('{"__proto__": {"dns": ["evil.test"]}, "dns": ["a.test"]}') as { dns: string[] };
    expect(parseNames(lists).map(({ value }) => value)).toEqual(['a.test']);
  });
});
