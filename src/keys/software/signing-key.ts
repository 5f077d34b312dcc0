import type { Bytes } from '../../x509/bytes.ts';
import { type KeyPair, signLongWith, signWith } from '../../x509/key-pair.ts';
import type { SigningKey } from '../signing-keys.ts';

/** A pair in memory as the programs may hold it: its private half signs, and cannot be read. */
export const signingKeyOf = (id: string, pair: KeyPair): SigningKey =>
  Object.freeze({
    id,
    publicKey: pair.publicKey,
    sign: (message: Bytes): Bytes => signWith(pair, message),
    signLong: (message: Bytes): Promise<Bytes> => signLongWith(pair, message),
  });
