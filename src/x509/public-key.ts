/** SubjectPublicKeyInfo (RFC 5480, 8017, 8410) ↔ a key that can verify. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, equal, sha256 } from './bytes.ts';
import { DerReader, NULL, readInteger, readOid, TAG } from './der.ts';
import { readOctetBits } from './der-bits.ts';
import { OID } from './oids.ts';
import { encodePem } from './pem.ts';

/** What profiles speak of: RSA is one type, of 2048 to 4096 bits. */
export const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

export interface PublicKey {
  readonly type: KeyType;
  /** Size of the modulus for RSA, of the field otherwise. */
  readonly bits: number;
  /** The DER of the whole SubjectPublicKeyInfo. */
  readonly spki: Bytes;
  /** The content of its BIT STRING. */
  readonly keyBits: Bytes;
  /** RSA only: modulus and public exponent, minimal big-endian octets. */
  readonly rsa?: { readonly modulus: Bytes; readonly exponent: Bytes };
  /** SHA-256 of `spki`: how keys are found again and blocked. */
  readonly fingerprint: Bytes;
  readonly keyObject: KeyObject;
}

interface Curve {
  readonly type: KeyType;
  readonly bits: number;
  readonly octets: number;
}

const CURVES: Readonly<Record<string, Curve>> = {
  [OID.prime256v1]: { type: 'ecdsa-p256', bits: 256, octets: 32 },
  [OID.secp384r1]: { type: 'ecdsa-p384', bits: 384, octets: 48 },
};

const unusable = (message: string): ChanceryError =>
  new ChanceryError('weak_key', {
    message,
    rule: 'public keys are P-256, P-384, Ed25519 or RSA with a modulus of 2048 to 4096 bits',
    fix: 'Make a new key of one of these types.',
  });

/**
 * Reads a SubjectPublicKeyInfo. Throws `malformed_der`, or `weak_key` for a type that is not served.
 */
export function readPublicKey(spki: Bytes): PublicKey {
  const reader = DerReader.sequence(spki, 'subjectPublicKeyInfo');
  const algorithm = reader.sequence('algorithm of the public key');
  const bits = readOctetBits(reader.next('subjectPublicKey'), 'subjectPublicKey');
  reader.end('subjectPublicKeyInfo');
  const id = readOid(algorithm.next('algorithm of the public key'), 'algorithm of the public key');
  const common = { spki, keyBits: bits, fingerprint: sha256(spki) };
  switch (id) {
    case OID.ecPublicKey: {
      const curve = readOid(algorithm.next('named curve'), 'named curve');
      algorithm.end('algorithm of the public key');
      return { ...common, ...ecKey(curve, bits), keyObject: toKeyObject(spki) };
    }
    case OID.ed25519: {
      algorithm.end('algorithm of the public key');
      if (bits.length !== 32) throw unusable(`the Ed25519 key has ${bits.length} octets instead of 32`);
      return {
        ...common,
        type: 'ed25519',
        bits: 255,
        keyObject: toKeyObject(spki),
      };
    }
    case OID.rsaEncryption: {
      const parameters = algorithm.expect(TAG.null, 'parameters of the RSA key').raw;
      if (!equal(parameters, NULL)) throw unusable('the parameters of the RSA key are not NULL');
      algorithm.end('algorithm of the public key');
      return { ...common, ...rsaKey(bits), keyObject: toKeyObject(spki) };
    }
    default:
      throw unusable(`the public key has the algorithm ${id}`);
  }
}

function ecKey(curveId: string, point: Bytes): Pick<PublicKey, 'type' | 'bits'> {
  const curve = CURVES[curveId];
  if (curve === undefined) throw unusable(`the public key is on the curve ${curveId}`);
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.octets)
    throw unusable('the public key is not an uncompressed point (RFC 5480 2.2)');
  return { type: curve.type, bits: curve.bits };
}

function rsaKey(content: Bytes): Pick<PublicKey, 'type' | 'bits' | 'rsa'> {
  const reader = DerReader.sequence(content, 'RSA public key');
  const modulus = unsigned(readInteger(reader.next('modulus'), 'modulus'), 'modulus');
  const exponent = unsigned(
    readInteger(reader.next('public exponent'), 'public exponent'),
    'public exponent',
  );
  reader.end('RSA public key');
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < 2048 || bits > 4096) throw unusable(`the RSA modulus has ${bits} bits`);
  if (exponent.length > 8) throw unusable(`the RSA exponent has ${exponent.length} octets`);
  return { type: 'rsa', bits, rsa: { modulus, exponent } };
}

function unsigned(content: Bytes, what: string): Bytes {
  if ((content[0] ?? 0) & 0x80) throw unusable(`the ${what} is negative`);
  return content[0] === 0 && content.length > 1 ? content.subarray(1) : content;
}

/**
 * The key goes to OpenSSL as PEM text: Node looks at any object that is not text for a KeyObject and a CryptoKey first,
 * which costs more than reading the key.
 */
function toKeyObject(spki: Bytes): KeyObject {
  try {
    return createPublicKey(encodePem('PUBLIC KEY', spki));
  } catch (cause) {
    throw new ChanceryError(
      'weak_key',
      {
        message: 'the public key is no valid key of its type',
        rule: 'SP 800-56A 5.6.2.3',
        fix: 'Make a new key.',
      },
      { cause },
    );
  }
}

/** Key identifier of a public key: RFC 7093 section 2, method 1 (leftmost 160 bits of SHA-256). */
export const keyIdentifier = (keyBits: Bytes): Bytes => sha256(keyBits).subarray(0, 20);

/** Whether an identifier is that of the key: ours, or the older SHA-1 of RFC 5280 4.2.1.2 (1) that most others write. */
export const identifiesKey = (identifier: Bytes, keyBits: Bytes): boolean =>
  equal(identifier, keyIdentifier(keyBits)) || equal(identifier, createHash('sha1').update(keyBits).digest());

/** The DER of a KeyObject's SubjectPublicKeyInfo. */
export const exportSpki = (key: KeyObject): Bytes => key.export({ type: 'spki', format: 'der' });
