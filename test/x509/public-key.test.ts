import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/x509/bytes.ts';
import {
  DerReader,
  NULL,
  oid,
  sequence,
  smallInteger,
  TAG,
  tlv,
  unsignedInteger,
} from '../../src/x509/der.ts';
import { bitString } from '../../src/x509/der-bits.ts';
import {
  exportPkcs8,
  generateKeyPair,
  importPkcs8,
  KEY_ALGORITHMS,
  signWith,
} from '../../src/x509/key-pair.ts';
import { OID } from '../../src/x509/oids.ts';
import { exportSpki, keyIdentifier, readPublicKey } from '../../src/x509/public-key.ts';
import {
  findSignatureAlgorithm,
  signatureAlgorithmFor,
  signatureAlgorithmOid,
  verifySignature,
} from '../../src/x509/signature.ts';
import { refusalOf } from '../support/errors.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../support/keys.ts';

describe('public keys', () => {
  it.each(ONE_OF_EACH_TYPE)(
    '%s is read from the octets that Node writes, into the same key',
    async (algorithm) => {
      const { publicKey } = await keyOf(algorithm);
      const read = readPublicKey(publicKey.spki);
      expect(Buffer.from(exportSpki(read.keyObject))).toEqual(Buffer.from(publicKey.spki));
      expect(algorithm.startsWith(read.type)).toBe(true);
      expect(toHex(read.fingerprint)).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it('their identifier is the first 160 bits of SHA-256 over the key (RFC 7093 2 (1))', () => {
    expect(toHex(keyIdentifier(Buffer.from('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a3');
  });

  const rsa = (parameters: Uint8Array, ...numbers: readonly Uint8Array[]): Uint8Array =>
    sequence(sequence(oid(OID.rsaEncryption), parameters), bitString(sequence(...numbers)));
  const modulus = unsignedInteger(Buffer.concat([Buffer.from([0xc1]), Buffer.alloc(255, 0x55)]));
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey;
  const x25519 = generateKeyPairSync('x25519').publicKey;

  it.each([
    ['DSA (Go CVE-2025-58188)', exportSpki(dsa)],
    ['X25519', exportSpki(x25519)],
    [
      'RSA-PSS',
      sequence(sequence(oid('1.2.840.113549.1.1.10')), bitString(sequence(modulus, smallInteger(65537)))),
    ],
    ['RSA with parameters that are not NULL', rsa(sequence(), modulus, smallInteger(65537))],
    ['RSA with a NULL that has content', rsa(tlv(TAG.null, Buffer.from([0])), modulus, smallInteger(65537))],
    [
      'RSA with a negative modulus',
      rsa(NULL, tlv(TAG.integer, Buffer.alloc(256, 0xc1)), smallInteger(65537)),
    ],
    ['RSA with a negative exponent', rsa(NULL, modulus, tlv(TAG.integer, Buffer.from([0x81])))],
    ['RSA with an exponent of nine octets', rsa(NULL, modulus, unsignedInteger(Buffer.alloc(9, 1)))],
    ['Ed25519 with 31 octets', sequence(sequence(oid(OID.ed25519)), bitString(Buffer.alloc(31)))],
    ['Ed25519 with 33 octets', sequence(sequence(oid(OID.ed25519)), bitString(Buffer.alloc(33)))],
  ])('%s is no key that is served', (_what, spki) => {
    expect(refusalOf(() => readPublicKey(spki)).code).toBe(
      _what.includes('not NULL') ? 'malformed_der' : 'weak_key',
    );
  });

  it.each([
    ['an octet after the end', Buffer.concat([rsa(NULL, modulus, smallInteger(65537)), NULL])],
    ['a third number', rsa(NULL, modulus, smallInteger(65537), smallInteger(1))],
    ['one number', rsa(NULL, modulus)],
    ['a padded modulus', rsa(NULL, tlv(TAG.integer, Buffer.alloc(258)), smallInteger(65537))],
    [
      'no parameters',
      sequence(sequence(oid(OID.rsaEncryption)), bitString(sequence(modulus, smallInteger(3)))),
    ],
    ['parameters of an Ed25519 key', sequence(sequence(oid(OID.ed25519), NULL), bitString(Buffer.alloc(32)))],
    [
      'explicit parameters of a curve',
      sequence(sequence(oid(OID.ecPublicKey), sequence()), bitString(Buffer.alloc(65, 4))),
    ],
    ['bits that are no whole octets', sequence(sequence(oid(OID.ed25519)), bitString(Buffer.alloc(32), 1))],
  ])('with %s it is malformed', (_what, spki) => {
    expect(refusalOf(() => readPublicKey(spki)).code).toBe('malformed_der');
  });
});

describe('private keys', () => {
  it.each(KEY_ALGORITHMS.filter((algorithm) => !/rsa-[34]/.test(algorithm)))(
    '%s is made, exported as PKCS#8, and signs after it is read back',
    async (algorithm) => {
      const pair = await generateKeyPair(algorithm);
      const again = importPkcs8(exportPkcs8(pair.privateKey));
      const message = Buffer.from('message');
      const { identifier } = signatureAlgorithmFor(pair.publicKey.type);
      expect(verifySignature(identifier, message, signWith(again, message), pair.publicKey)).toBe(true);
      expect(
        verifySignature(identifier, Buffer.from('massage'), signWith(again, message), pair.publicKey),
      ).toBe(false);
    },
  );

  it('what cannot be read is refused without a word of it', () => {
    const secret = Buffer.from('30820001deadbeefdeadbeefdeadbeef', 'hex');
    const refusal = refusalOf(() => importPkcs8(secret));
    expect(refusal.code).toBe('malformed_der');
    expect(JSON.stringify(refusal.detail)).not.toMatch(/deadbeef|3q2-7w/);
    expect(refusal.cause).toBeUndefined();
  });
});

describe('signatures', () => {
  it('verify with the key and algorithm that made them, and with no other pair', async () => {
    const message = Buffer.from('message');
    const pairs = await Promise.all(ONE_OF_EACH_TYPE.map((algorithm) => keyOf(algorithm)));
    for (const made of pairs)
      for (const algorithm of pairs)
        for (const key of pairs) {
          const { identifier } = signatureAlgorithmFor(algorithm.publicKey.type);
          const right = made === key && made === algorithm;
          expect(verifySignature(identifier, message, signWith(made, message), key.publicKey)).toBe(right);
        }
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(64)],
    ['an ECDSA signature of r = s = 0 (CVE-2022-21449)', sequence(smallInteger(0), smallInteger(0))],
    ['a sequence of nothing', sequence()],
    ['a kilobyte', Buffer.alloc(1024, 0xff)],
  ])('%s is none, of any key', async (_what, signature) => {
    for (const algorithm of ONE_OF_EACH_TYPE) {
      const { publicKey } = await keyOf(algorithm);
      expect(
        verifySignature(
          signatureAlgorithmFor(publicKey.type).identifier,
          Buffer.from('m'),
          signature,
          publicKey,
        ),
      ).toBe(false);
    }
  });

  it('have an identifier of exactly the octets that the RFCs give', () => {
    const identifiers = ONE_OF_EACH_TYPE.map((algorithm) =>
      toHex(signatureAlgorithmFor(algorithm.startsWith('rsa') ? 'rsa' : (algorithm as 'ed25519')).identifier),
    );
    expect(identifiers).toEqual([
      '300a06082a8648ce3d040302',
      '300a06082a8648ce3d040303',
      '300506032b6570',
      '300d06092a864886f70d01010b0500',
    ]);
    expect(findSignatureAlgorithm(Buffer.from('300c06082a8648ce3d0403020500', 'hex'))).toBeUndefined(); // ECDSA with NULL
    expect(findSignatureAlgorithm(Buffer.from('300b06092a864886f70d01010b', 'hex'))).toBeUndefined(); // RSA without
    expect(signatureAlgorithmOid(Buffer.from('300d06092a864886f70d0101050500', 'hex'))).toBe(
      '1.2.840.113549.1.1.5',
    );
  });

  it('ECDSA signatures are DER, so that they are all of one form', async () => {
    const pair = await keyOf('ecdsa-p256');
    const reader = DerReader.sequence(signWith(pair, Buffer.from('m')), 'signature');
    expect(reader.rest('signature').map(({ tag }) => tag)).toEqual([TAG.integer, TAG.integer]);
  });
});
