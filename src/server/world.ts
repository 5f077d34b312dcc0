/** The real clock and randomness. */
import { randomFillSync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

export const systemClock: Clock = { now: () => Date.now() };

/** Random octets out of a pool: one call into OpenSSL fills hundreds of serial numbers. */
export function systemRandom(): Random {
  const pool = Buffer.alloc(8192);
  let at = pool.length;
  return {
    bytes(length) {
      if (length > pool.length) return randomFillSync(new Uint8Array(length));
      if (at + length > pool.length) {
        randomFillSync(pool);
        at = 0;
      }
      // copied, for who gets octets may change them; wiped, for they are nobody's any more
      const octets = new Uint8Array(pool.subarray(at, at + length));
      pool.fill(0, at, at + length);
      at += length;
      return octets;
    },
  };
}
