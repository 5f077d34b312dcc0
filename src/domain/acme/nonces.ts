/**
 * Replay nonces (RFC 8555 6.5). A nonce is a number and a code over it under a key that this process made for itself, so
 * those of an earlier process are refused. Which of the last million were used is one bit each: what a nonce costs never
 * depends on how many there are, and older ones count as used.
 */
import type { Random } from '../../base/random.ts';
import { type Bytes, concat, equalSecret, sha256, toBase64Url } from '../../x509/bytes.ts';
import { strictBase64Url } from '../../x509/jws.ts';

const WINDOW = 1 << 20;
const KEY_OCTETS = 32;
const NUMBER_OCTETS = 6;
const CODE_OCTETS = 15;

export class Nonces {
  /** The key, then room for a number. */
  readonly #input: Uint8Array;
  readonly #used: Uint8Array;
  readonly #window: number;
  #next = 0;

  /** `window`, a multiple of 8: how many nonces after it one can still be used. */
  constructor(random: Random, window: number = WINDOW) {
    this.#input = new Uint8Array(KEY_OCTETS + NUMBER_OCTETS);
    this.#input.set(random.bytes(KEY_OCTETS));
    this.#used = new Uint8Array(window / 8);
    this.#window = window;
  }

  issue(): string {
    const number = this.#next++;
    const slot = number % this.#window;
    this.#used[slot >> 3] = (this.#used[slot >> 3] ?? 0) & ~(1 << (slot & 7));
    const octets = numberOctets(number);
    return toBase64Url(concat([octets, this.#code(octets)]));
  }

  /** Uses a nonce up; false for one that is not ours, too old, or used. */
  take(nonce: string): boolean {
    if (nonce.length !== TEXT_LENGTH) return false;
    const octets = strictBase64Url(nonce);
    if (octets === undefined) return false;
    const head = octets.subarray(0, NUMBER_OCTETS);
    if (!equalSecret(octets.subarray(NUMBER_OCTETS), this.#code(head))) return false;
    const number = head.reduce((sum, octet) => sum * 256 + octet, 0);
    if (number < this.#next - this.#window) return false;
    const slot = number % this.#window;
    const octet = this.#used[slot >> 3] ?? 0;
    const bit = 1 << (slot & 7);
    if ((octet & bit) !== 0) return false;
    this.#used[slot >> 3] = octet | bit;
    return true;
  }

  /** The hash of key and number: of one length always, and cut, so that nobody can go on from one to another. */
  #code(octets: Bytes): Bytes {
    this.#input.set(octets, KEY_OCTETS);
    return sha256(this.#input).subarray(0, CODE_OCTETS);
  }
}

const TEXT_LENGTH = ((NUMBER_OCTETS + CODE_OCTETS) * 4) / 3;

function numberOctets(number: number): Bytes {
  const octets = new Uint8Array(NUMBER_OCTETS);
  for (let i = NUMBER_OCTETS - 1, rest = number; i >= 0; i--, rest = Math.floor(rest / 256))
    octets[i] = rest % 256;
  return octets;
}
