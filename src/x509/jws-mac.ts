/** Message authentication codes (RFC 2104, RFC 7518 3.2): what an external account binding is signed with. */
import { createHmac } from 'node:crypto';
import { type Bytes, equalSecret } from './bytes.ts';

export const MAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export type MacAlgorithm = (typeof MAC_ALGORITHMS)[number];

export const isMacAlgorithm = (value: unknown): value is MacAlgorithm =>
  (MAC_ALGORITHMS as readonly unknown[]).includes(value);

export const hmac = (algorithm: MacAlgorithm, key: Bytes, message: Bytes): Bytes =>
  createHmac(`sha${algorithm.slice(2)}`, key)
    .update(message)
    .digest();

/** In constant time, and never for a shortened code. */
export const verifyMac = (algorithm: MacAlgorithm, key: Bytes, message: Bytes, mac: Bytes): boolean =>
  equalSecret(hmac(algorithm, key, message), mac);
