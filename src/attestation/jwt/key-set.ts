/** A JWK Set (RFC 7517 5): what of it can verify signatures. */
import { readVerificationKey, type VerificationKey } from '../../x509/jwk.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';

export type KeySet = readonly VerificationKey[];

export const MAX_KEY_SET_OCTETS = 256 * 1024;
const MAX_KEYS = 100;

/** Throws an Error that says what is wrong with the text; keys of no use here are passed over. */
export function parseKeySet(text: string): KeySet {
  if (Buffer.byteLength(text) > MAX_KEY_SET_OCTETS)
    throw new Error(`the key set has over ${MAX_KEY_SET_OCTETS} octets`);
  const set = parseStrictJson(text);
  const jwks = isObject(set) ? set['keys'] : undefined;
  if (!Array.isArray(jwks)) throw new Error('it is no key set: a JSON object with a list "keys"');
  if (jwks.length > MAX_KEYS) throw new Error(`the key set has ${jwks.length} keys, at most ${MAX_KEYS}`);
  const keys = jwks.flatMap((jwk: unknown) => readVerificationKey(jwk) ?? []);
  if (keys.length === 0)
    throw new Error(
      `none of its ${jwks.length} keys verifies signatures: RSA of 2048 bits and more, P-256, P-384, Ed25519`,
    );
  return keys;
}
