/** JSON Web Keys (RFC 7517): public keys that verify signatures. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isChanceryError } from '../base/errors.ts';
import { isJwsAlgorithm, type JwsAlgorithm, keyTypeOf, strictBase64Url } from './jws.ts';
import { exportSpki, type PublicKey, readPublicKey } from './public-key.ts';
import { isObject } from './strict-json.ts';

/** A key as its set gives it. */
export interface VerificationKey {
  readonly keyId: string | undefined;
  /** The only algorithm it is for, where the set says so. */
  readonly algorithm: JwsAlgorithm | undefined;
  readonly publicKey: PublicKey;
}

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
};

/** `undefined` for a key that is of no use here: for encryption, secret, too weak, of another type (RFC 7517 5). */
export function readVerificationKey(jwk: unknown): VerificationKey | undefined {
  if (!isObject(jwk)) return undefined;
  const {
    kty,
    kid,
    use,
    key_ops: operations,
    alg,
  } = jwk as Readonly<Record<string, unknown>> & {
    readonly key_ops?: unknown;
  };
  // who publishes a private key has no key any more
  if ('d' in jwk || 'k' in jwk) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > 512)) return undefined;
  if (alg !== undefined && !isJwsAlgorithm(alg)) return undefined;
  const publicKey = typeof kty === 'string' ? readKey(kty, jwk) : undefined;
  if (publicKey === undefined || (alg !== undefined && keyTypeOf(alg) !== publicKey.type)) return undefined;
  return { keyId: kid, algorithm: alg, publicKey };
}

function readKey(kty: string, jwk: Readonly<Record<string, unknown>>): PublicKey | undefined {
  const members = Object.hasOwn(MEMBERS, kty) ? MEMBERS[kty] : undefined;
  if (members === undefined) return undefined;
  const plain: Record<string, string> = {};
  for (const member of members) {
    const value = jwk[member];
    if (typeof value !== 'string' || (member !== 'crv' && strictBase64Url(value) === undefined))
      return undefined;
    plain[member] = value;
  }
  try {
    const keyObject: KeyObject = createPublicKey({ key: { kty, ...plain }, format: 'jwk' });
    const publicKey = readPublicKey(exportSpki(keyObject));
    return hasSoundExponent(publicKey) ? publicKey : undefined;
  } catch (error) {
    // OpenSSL cannot read it, or it is weaker than what we take
    if (isChanceryError(error) || error instanceof Error) return undefined;
    throw error;
  }
}

/** With the exponent 1 everybody can sign. */
function hasSoundExponent({ rsa }: PublicKey): boolean {
  if (rsa === undefined) return true;
  const last = rsa.exponent.at(-1) ?? 0;
  return last % 2 === 1 && (rsa.exponent.length > 1 || last >= 3);
}
