/** Key pairs for tests, each made once per test file: an RSA key takes long to make. */
import { generateKeyPair, type KeyAlgorithm, type KeyPair } from '../../src/x509/key-pair.ts';

const made = new Map<string, Promise<KeyPair>>();

/** The same pair for the same algorithm and owner. */
export function keyOf(algorithm: KeyAlgorithm, owner = 'somebody'): Promise<KeyPair> {
  const id = `${owner}/${algorithm}`;
  let pair = made.get(id);
  if (pair === undefined) made.set(id, (pair = generateKeyPair(algorithm)));
  return pair;
}

/** One algorithm for each type of key. */
export const ONE_OF_EACH_TYPE = [
  'ecdsa-p256',
  'ecdsa-p384',
  'ed25519',
  'rsa-2048',
] as const satisfies KeyAlgorithm[];
