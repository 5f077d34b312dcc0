/** Keys that sign JSON Web Signatures in ACME (RFC 8555 6.2): the JWK in its one canonical form, and a key that verifies. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { isChanceryError } from '../base/errors.ts';
import { sequence, unsignedInteger } from './der.ts';
import { type Bytes, fromUtf8, sha256, toBase64Url, toHex } from './bytes.ts';
import { exportSpki, type PublicKey, readPublicKey } from './public-key.ts';
import { isObject } from './strict-json.ts';
import type { Unreadable } from './jws.ts';

/** One algorithm for each type of key: the key alone says how its signatures are verified. */
export const JWS_KEY_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256'] as const;
export type JwsKeyAlgorithm = (typeof JWS_KEY_ALGORITHMS)[number];

export const isJwsKeyAlgorithm = (value: unknown): value is JwsKeyAlgorithm =>
  (JWS_KEY_ALGORITHMS as readonly unknown[]).includes(value);

export interface JwsKey {
  readonly algorithm: JwsKeyAlgorithm;
  /** The required members in lexicographic order, without spaces: what the thumbprint is over (RFC 7638 3.2). */
  readonly jwk: string;
  /** base64url of its SHA-256. */
  readonly thumbprint: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal: comparable with the keys of certificates. */
  readonly fingerprint: string;
  /** Absent for P-521, which no certificate here has. */
  readonly publicKey: PublicKey | undefined;
  readonly keyObject: KeyObject;
  /** Octets of a signature. */
  readonly signatureOctets: number;
}

interface Shape {
  readonly algorithm: JwsKeyAlgorithm;
  readonly members: readonly string[];
  /** `undefined` for RSA: those of the modulus. */
  readonly signatureOctets: number | undefined;
}

const EC = ['crv', 'kty', 'x', 'y'];
const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ['EC P-256', { algorithm: 'ES256', members: EC, signatureOctets: 64 }],
  ['EC P-384', { algorithm: 'ES384', members: EC, signatureOctets: 96 }],
  ['EC P-521', { algorithm: 'ES512', members: EC, signatureOctets: 132 }],
  ['OKP Ed25519', { algorithm: 'EdDSA', members: ['crv', 'kty', 'x'], signatureOctets: 64 }],
  ['RSA', { algorithm: 'RS256', members: ['e', 'kty', 'n'], signatureOctets: undefined }],
]);

const DIGESTS: Readonly<Record<JwsKeyAlgorithm, string | null>> = {
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  EdDSA: null,
  RS256: 'sha256',
};

/** A 4096-bit modulus has 683 characters. */
const LONGEST_MEMBER = 1024;

/** Reads a public key out of a request. Says what is wrong with one that is not taken. */
export function readJwsKey(jwk: unknown): JwsKey | Unreadable {
  if (!isObject(jwk)) return { fault: 'it is not a JSON object' };
  const { kty, crv } = jwk as { readonly kty?: unknown; readonly crv?: unknown };
  if (['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'].some((member) => Object.hasOwn(jwk, member)))
    return { fault: 'it holds the private key: that key is nobody’s any more' };
  const shape = SHAPES.get(kty === 'RSA' ? 'RSA' : `${String(kty)} ${String(crv)}`);
  if (shape === undefined)
    return { fault: 'keys are P-256, P-384, P-521, Ed25519 or RSA of 2048 to 4096 bits' };
  const plain: Record<string, string> = {};
  for (const member of shape.members) {
    const value = jwk[member];
    if (typeof value !== 'string' || value === '' || value.length > LONGEST_MEMBER)
      return { fault: `its member ${member} is no text of a key` };
    plain[member] = value;
  }
  return importKey(plain, shape);
}

function importKey(plain: Readonly<Record<string, string>>, shape: Shape): JwsKey | Unreadable {
  try {
    const keyObject = createPublicKey({ key: plain, format: 'jwk' });
    // written in another way, the same key would have another thumbprint
    const own = keyObject.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>;
    const odd = shape.members.find((member) => own[member] !== plain[member]);
    if (odd !== undefined) return { fault: `its member ${odd} is not written as RFC 7518 6 asks` };
    const spki = exportSpki(keyObject);
    const publicKey = shape.algorithm === 'ES512' ? undefined : readPublicKey(spki);
    const jwk = JSON.stringify(Object.fromEntries(shape.members.map((member) => [member, plain[member]])));
    return {
      algorithm: shape.algorithm,
      jwk,
      thumbprint: toBase64Url(sha256(fromUtf8(jwk))),
      fingerprint: toHex(sha256(spki)),
      publicKey,
      keyObject,
      signatureOctets: shape.signatureOctets ?? Math.ceil((publicKey?.bits ?? 0) / 8),
    };
  } catch (error) {
    if (isChanceryError(error)) return { fault: error.message };
    if (error instanceof Error) return { fault: 'it is no key of its type' };
    throw error;
  }
}

/** Whether the signature over `signingInput` was made by the private half of the key. */
export function verifyWithJwsKey(key: JwsKey, signingInput: Bytes, signature: Bytes): boolean {
  if (signature.length !== key.signatureOctets) return false;
  try {
    // a bare KeyObject: Node takes longer to look into an object with options than to do half a verification
    const encoded = key.algorithm.startsWith('ES') ? ecdsaSignature(signature) : signature;
    return verify(DIGESTS[key.algorithm], signingInput, key.keyObject, encoded);
  } catch {
    return false; // a signature that OpenSSL cannot even parse
  }
}

/** The two halves of RFC 7518 3.4 as the SEQUENCE that OpenSSL reads (RFC 3279 2.2.3). */
function ecdsaSignature(halves: Bytes): Bytes {
  const middle = halves.length / 2;
  return sequence(unsignedInteger(halves.subarray(0, middle)), unsignedInteger(halves.subarray(middle)));
}
