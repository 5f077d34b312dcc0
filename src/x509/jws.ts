/** JSON Web Signatures (RFC 7515, 7518, 8037): reading the compact form, and verifying with a key that is at hand. */
import { sign, verify } from 'node:crypto';
import { type Bytes, fromUtf8, toBase64Url, toUtf8 } from './bytes.ts';
import type { KeyPair } from './key-pair.ts';
import type { KeyType, PublicKey } from './public-key.ts';
import { isObject, parseStrictJson } from './strict-json.ts';

/** All that is accepted anywhere: no HMAC, no `none`, no PKCS #1 with SHA-1. */
export const JWS_ALGORITHMS = ['RS256', 'ES256', 'ES384', 'EdDSA'] as const;
export type JwsAlgorithm = (typeof JWS_ALGORITHMS)[number];

export const isJwsAlgorithm = (value: unknown): value is JwsAlgorithm =>
  (JWS_ALGORITHMS as readonly unknown[]).includes(value);

interface Parameters {
  readonly type: KeyType;
  readonly digest: 'sha256' | 'sha384' | null;
  /** Octets of a signature; `undefined` for RSA, where it is the size of the modulus. */
  readonly octets: number | undefined;
}

const PARAMETERS: Readonly<Record<JwsAlgorithm, Parameters>> = {
  RS256: { type: 'rsa', digest: 'sha256', octets: undefined },
  ES256: { type: 'ecdsa-p256', digest: 'sha256', octets: 64 },
  ES384: { type: 'ecdsa-p384', digest: 'sha384', octets: 96 },
  EdDSA: { type: 'ed25519', digest: null, octets: 64 },
};

/** The one type of key that signs with the algorithm. */
export const keyTypeOf = (algorithm: JwsAlgorithm): KeyType => PARAMETERS[algorithm].type;

/** Whether the signature was made with the named algorithm by the private half of the key. */
export function verifyJws(
  algorithm: JwsAlgorithm,
  signingInput: Bytes,
  signature: Bytes,
  { type, bits, keyObject }: Pick<PublicKey, 'type' | 'bits' | 'keyObject'>,
): boolean {
  const expected = PARAMETERS[algorithm];
  if (type !== expected.type || signature.length !== (expected.octets ?? Math.ceil(bits / 8))) return false;
  try {
    return verify(expected.digest, signingInput, { key: keyObject, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false; // a signature that OpenSSL cannot even parse
  }
}

/** `header.payload.signature`; `alg` is put before the other members of the header. */
export function signCompactJws(
  { privateKey, publicKey }: KeyPair,
  header: Readonly<Record<string, unknown>>,
  payload: Bytes,
): string {
  const alg = JWS_ALGORITHMS.find((algorithm) => keyTypeOf(algorithm) === publicKey.type);
  if (alg === undefined) throw new TypeError(`no JWS algorithm is for ${publicKey.type}`);
  const protectedPart = toBase64Url(fromUtf8(JSON.stringify({ alg, ...header })));
  const signingInput = `${protectedPart}.${toBase64Url(payload)}`;
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${signingInput}.${toBase64Url(sign(PARAMETERS[alg].digest, fromUtf8(signingInput), key))}`;
}

export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Bytes;
  readonly signingInput: Bytes;
  readonly signature: Bytes;
}

export interface Unreadable {
  readonly fault: string;
}

/** Reads `header.payload.signature`. Nothing is verified. */
export function readCompactJws(text: string, maxOctets: number): CompactJws | Unreadable {
  if (text.length > maxOctets) return { fault: `it has over ${maxOctets} octets` };
  // no split(): a text of dots would become as many strings (CVE-2025-27144)
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first === -1 || second === -1 || text.includes('.', second + 1))
    return { fault: 'it is not three parts with dots between them' };
  const header = strictBase64Url(text.slice(0, first));
  const payload = strictBase64Url(text.slice(first + 1, second));
  const signature = strictBase64Url(text.slice(second + 1));
  if (header === undefined || payload === undefined || signature === undefined)
    return { fault: 'a part is not base64url without padding' };
  if (signature.length === 0) return { fault: 'it has no signature' };
  const parsed = parseStrictJson(toUtf8(header));
  if (!isObject(parsed)) return { fault: 'its header is not a JSON object in which every name stands once' };
  return { header: parsed, payload, signature, signingInput: fromUtf8(text.slice(0, second)) };
}

/** `undefined` for anything that `toBase64Url` would not have written. */
export function strictBase64Url(text: string): Bytes | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return toBase64Url(bytes) === text ? bytes : undefined;
}
