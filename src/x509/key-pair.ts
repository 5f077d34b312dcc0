/** Private keys: made, signing, and as PKCS#8 (RFC 5958). */
import {
  createPrivateKey,
  createPublicKey,
  createSign,
  generateKeyPair as generateKeyPairCallback,
  type KeyObject,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';
import { ChanceryError } from '../base/errors.ts';
import type { Bytes } from './bytes.ts';
import { exportSpki, type PublicKey, readPublicKey } from './public-key.ts';
import { signatureAlgorithmFor } from './signature.ts';

/** What a new key can be. */
export const KEY_ALGORITHMS = [
  'ecdsa-p256',
  'ecdsa-p384',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ed25519',
] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
}

const generate = promisify(generateKeyPairCallback);

/** Of the thread pool's four threads: other keys, files and passphrases go past the RSA keys that wait. */
const RSA_AT_ONCE = 2;
let rsaRunning = 0;
const rsaWaiting: (() => void)[] = [];

async function generateRsa(modulusLength: number): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  if (rsaRunning < RSA_AT_ONCE) rsaRunning++;
  else await new Promise<void>((turn) => rsaWaiting.push(turn));
  try {
    return await generate('rsa', { modulusLength, publicExponent: 0x10001 });
  } finally {
    const next = rsaWaiting.shift();
    if (next === undefined) rsaRunning--;
    else next();
  }
}

/** Makes a key in the thread pool: an RSA key can take seconds. */
export async function generateKeyPair(algorithm: KeyAlgorithm): Promise<KeyPair> {
  const { privateKey, publicKey } = await makeKey(algorithm);
  return { privateKey, publicKey: readPublicKey(exportSpki(publicKey)) };
}

function makeKey(algorithm: KeyAlgorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  switch (algorithm) {
    case 'ecdsa-p256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'ecdsa-p384':
      return generate('ec', { namedCurve: 'P-384' });
    case 'ed25519':
      return generate('ed25519', {});
    default:
      return generateRsa(Number(algorithm.slice(4)));
  }
}

export const exportPkcs8 = (key: KeyObject): Bytes => key.export({ type: 'pkcs8', format: 'der' });

/** Reads a PKCS#8 private key. Throws `malformed_der`; the message never quotes the input. */
export function importPkcs8(der: Bytes): KeyPair {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: Buffer.from(der), type: 'pkcs8', format: 'der' });
  } catch {
    throw new ChanceryError('malformed_der', {
      message: 'the private key cannot be read',
      rule: 'RFC 5958: an unencrypted PKCS#8 key',
      fix: 'Convert it with `openssl pkcs8 -topk8 -nocrypt`.',
    });
  }
  return { privateKey, publicKey: readPublicKey(exportSpki(createPublicKey(privateKey))) };
}

/** What a key would be made as. Throws `weak_key` for an RSA key of another size. */
export function keyAlgorithmOf({ type, bits }: PublicKey): KeyAlgorithm {
  const found = KEY_ALGORITHMS.find((known) => known === (type === 'rsa' ? `rsa-${bits}` : type));
  if (found !== undefined) return found;
  throw new ChanceryError('weak_key', {
    message: `the key is of the type ${type} with ${bits} bits`,
    rule: `keys are ${KEY_ALGORITHMS.join(', ')}`,
    fix: 'Take a key of one of these types.',
  });
}

/** The signature over `message` with the one algorithm of the key's type. Synchronous: a P-256 signature costs less than a trip to the thread pool. */
export const signWith = (pair: KeyPair, message: Bytes): Bytes =>
  sign(signatureAlgorithmFor(pair.publicKey.type).digest, message, pair.privateKey);

/** Octets that are hashed in a third of a millisecond. */
const HASH_AT_ONCE = 256 * 1024;
const signInThread = promisify(sign);

/**
 * The same over a message of megabytes, which is hashed in slices between which others have their turn. The thread pool
 * would take a copy first. Ed25519 hashes twice and needs the whole: there it is the thread pool.
 */
export async function signLongWith(pair: KeyPair, message: Bytes): Promise<Bytes> {
  const { digest } = signatureAlgorithmFor(pair.publicKey.type);
  if (digest === null) return signInThread(null, message, pair.privateKey);
  const signer = createSign(digest);
  for (let at = 0; at < message.length; at += HASH_AT_ONCE) {
    signer.update(message.subarray(at, at + HASH_AT_ONCE));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return signer.sign(pair.privateKey);
}
