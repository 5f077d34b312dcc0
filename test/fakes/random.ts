import { type Cipheriv, createCipheriv, createHash } from 'node:crypto';
import type { Random } from '../../src/base/random.ts';

/** An AES-CTR key stream: the same octets for the same seed, and as even as the real thing. */
export class SeededRandom implements Random {
  readonly #cipher: Cipheriv;
  #pool = Buffer.alloc(0);
  #at = 0;

  constructor(seed = 'chancery') {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#pool.length) {
      this.#pool = this.#cipher.update(Buffer.alloc(Math.max(length, 65_536)));
      this.#at = 0;
    }
    const out = Uint8Array.from(this.#pool.subarray(this.#at, this.#at + length));
    this.#at += length;
    return out;
  }
}
