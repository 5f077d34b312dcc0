/** JWTs as tests want them: right ones, and wrong in any one respect. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As a key set gives it. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

const MAKE: Readonly<Record<string, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'RS256-1024': () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES256K: () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** A key for the algorithm; `RS256-1024` is one that is too short. */
export function makeKey(algorithm: string, kid: string): SigningKey {
  const pair = MAKE[algorithm]?.();
  if (pair === undefined) throw new Error(`no key for ${algorithm}`);
  const alg = algorithm.replace('-1024', '');
  return { kid, alg, ...pair, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}

const DIGESTS: Readonly<Record<string, string | null>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  EdDSA: null,
};

export const base64url = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url');
const encode = (part: object | string): string =>
  base64url(typeof part === 'string' ? part : JSON.stringify(part));

export interface TokenParts {
  /** Laid over alg, kid and typ; `undefined` takes one away. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** The JSON as it is. */
  readonly rawHeader?: string;
  readonly rawPayload?: string;
  /** DER instead of the two halves. */
  readonly der?: boolean;
  /** Signs with this algorithm whatever the header says. */
  readonly signAs?: string;
}

export function signToken(
  key: SigningKey,
  claims: Readonly<Record<string, unknown>>,
  { header = {}, rawHeader, rawPayload, der = false, signAs = key.alg }: TokenParts = {},
): string {
  const input = [
    encode(rawHeader ?? { alg: key.alg, kid: key.kid, typ: 'JWT', ...header }),
    encode(rawPayload ?? claims),
  ].join('.');
  const signature = sign(DIGESTS[signAs] ?? null, Buffer.from(input), {
    key: key.privateKey,
    dsaEncoding: der ? 'der' : 'ieee-p1363',
  });
  return `${input}.${base64url(signature)}`;
}

/** What algorithm confusion makes: an HMAC whose secret is the public key. */
export function signWithPublicKey(key: SigningKey, claims: object, format: 'pem' | 'der'): string {
  const input = `${encode({ alg: 'HS256', kid: key.kid, typ: 'JWT' })}.${encode(claims)}`;
  const secret = key.publicKey.export({ type: 'spki', format: format as 'pem' });
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
