/**
 * A long text sealed in chunks: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015) over
 * AES-256-GCM. The nonce of a chunk is a prefix of 7 octets, its number, and whether it is the last: a chunk that was
 * changed, swapped, left out or put behind the end does not open, and neither does a text that was cut off.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import type { Bytes } from '../../x509/bytes.ts';

/** Octets of text in every chunk but the last. */
export const CHUNK = 64 * 1024;
export const NONCE_PREFIX = 7;
const TAG = 16;
const CIPHER = 'aes-256-gcm';
const LAST_CHUNK = 2 ** 32 - 1;

export interface StreamSecrets {
  /** For this one text: no other is sealed under key and prefix. */
  readonly key: KeyObject;
  readonly prefix: Bytes;
  /** Vouched for with every chunk. */
  readonly associatedData: Bytes;
}

/** What is wrong with a sealed text; whoever reads the file names it. */
export class StreamFault extends Error {
  override readonly name = 'StreamFault';
}

function nonceOf(prefix: Bytes, number: number, last: boolean): Buffer {
  if (number > LAST_CHUNK) throw new StreamFault('it is too long');
  const nonce = Buffer.alloc(12);
  nonce.set(prefix);
  nonce.writeUInt32BE(number, NONCE_PREFIX);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

export class StreamSealer {
  readonly #secrets: StreamSecrets;
  #rest: Bytes = new Uint8Array(0);
  #number = 0;

  constructor(secrets: StreamSecrets) {
    this.#secrets = secrets;
  }

  /** The chunks that are full now. */
  push(text: Bytes): Bytes {
    const all = Buffer.concat([this.#rest, text]);
    const sealed: Buffer[] = [];
    let at = 0;
    // a full chunk may be the last: it waits until more comes
    while (all.length - at > CHUNK) {
      sealed.push(this.#seal(all.subarray(at, at + CHUNK), false));
      at += CHUNK;
    }
    this.#rest = all.subarray(at);
    return Buffer.concat(sealed);
  }

  /** The last chunk. */
  finish(): Bytes {
    return this.#seal(this.#rest, true);
  }

  #seal(text: Bytes, last: boolean): Buffer {
    const { key, prefix, associatedData } = this.#secrets;
    const nonce = nonceOf(prefix, this.#number++, last);
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG }).setAAD(associatedData);
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  }
}

export class StreamOpener {
  readonly #secrets: StreamSecrets;
  #rest: Bytes = new Uint8Array(0);
  #number = 0;

  constructor(secrets: StreamSecrets) {
    this.#secrets = secrets;
  }

  /** What these octets complete; all of it is authentic. Throws `StreamFault`. */
  push(sealed: Bytes): Bytes {
    const all = Buffer.concat([this.#rest, sealed]);
    const opened: Buffer[] = [];
    let at = 0;
    while (all.length - at > CHUNK + TAG) {
      opened.push(this.#next(all.subarray(at, at + CHUNK + TAG), false));
      at += CHUNK + TAG;
    }
    this.#rest = all.subarray(at);
    return Buffer.concat(opened);
  }

  /** What the last chunk holds. Throws `StreamFault` when the last one that came is not the last one that was sealed. */
  finish(): Bytes {
    return this.#next(this.#rest, true);
  }

  #next(chunk: Bytes, last: boolean): Buffer {
    const number = this.#number++;
    const text = this.#open(chunk, number, last);
    if (text !== undefined) return text;
    if (last && (chunk.length === 0 || this.#open(chunk, number, false) !== undefined))
      throw new StreamFault(`it is cut off after chunk ${chunk.length === 0 ? number : number + 1}`);
    if (!last && this.#open(chunk, number, true) !== undefined)
      throw new StreamFault(`something follows its end, chunk ${number + 1}`);
    throw new StreamFault(
      last
        ? `chunk ${number + 1} is not the one that was sealed there: it was changed or cut off`
        : `chunk ${number + 1} is not the one that was sealed there: it was changed, swapped or left out`,
    );
  }

  #open(chunk: Bytes, number: number, last: boolean): Buffer | undefined {
    if (chunk.length < TAG) return undefined;
    const { key, prefix, associatedData } = this.#secrets;
    const decipher = createDecipheriv(CIPHER, key, nonceOf(prefix, number, last), { authTagLength: TAG })
      .setAAD(associatedData)
      .setAuthTag(chunk.subarray(chunk.length - TAG));
    const text = decipher.update(chunk.subarray(0, chunk.length - TAG));
    try {
      return Buffer.concat([text, decipher.final()]);
    } catch {
      return undefined;
    }
  }
}
