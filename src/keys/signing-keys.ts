/** What every key backend offers: keys that are made here, never leave, and sign. */
import type { Bytes } from '../x509/bytes.ts';
import type { KeyAlgorithm } from '../x509/key-pair.ts';
import type { PublicKey } from '../x509/public-key.ts';

/** A key that signs. The programs wrap it in the six signers; nothing else holds one. */
export interface SigningKey {
  readonly id: string;
  readonly publicKey: PublicKey;
  /** The signature over `message` with the one algorithm of the key's type. Synchronous. */
  sign(message: Bytes): Bytes;
  /** The same for a message of megabytes: nothing else waits for longer than a millisecond. */
  signLong(message: Bytes): Promise<Bytes>;
}

export interface SigningKeys {
  /** Makes a key; it is durable once the promise resolves. Throws `already_exists`: no key is ever overwritten. */
  generate(id: string, algorithm: KeyAlgorithm): Promise<SigningKey>;
  /**
   * Takes a PKCS#8 key that was made elsewhere; durable once the promise resolves. The same key under the same id is
   * taken as often as it is given. Throws `already_exists` for another one, `malformed_der`, `weak_key`.
   */
  import(id: string, pkcs8: Bytes): Promise<SigningKey>;
  /** The key of that id, from memory after the first time. Throws `not_found`, `damaged_key` or `unsafe_files`. */
  open(id: string): SigningKey;
  /** Ids of all keys, sorted. */
  list(): readonly string[];
  /**
   * The key is gone for good once the promise resolves; one that is not there is gone already. For keys that others
   * took over from: no certificate that matters names it any more.
   */
  forget(id: string): Promise<void>;
}
