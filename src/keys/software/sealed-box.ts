/** AES-256-GCM (SP 800-38D) with a random 96-bit nonce: far fewer keys are ever sealed than its limit of 2^32. */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import type { Random } from '../../base/random.ts';
import { type Bytes, toBase64 } from '../../x509/bytes.ts';

export interface SealedBox {
  readonly nonce: Bytes;
  readonly ciphertext: Bytes;
  readonly tag: Bytes;
}

const CIPHER = 'aes-256-gcm';
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;

export function sealBox(key: KeyObject, plaintext: Bytes, associatedData: Bytes, random: Random): SealedBox {
  const nonce = random.bytes(NONCE_OCTETS);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_OCTETS }).setAAD(associatedData);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

/** `undefined` when the key is another one, or a bit of box or associated data is not as it was sealed. */
export function openBox(key: KeyObject, box: SealedBox, associatedData: Bytes): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, box.nonce, { authTagLength: TAG_OCTETS })
    .setAAD(associatedData)
    .setAuthTag(box.tag);
  const plaintext = decipher.update(box.ciphertext);
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    return undefined;
  }
}

export const toBoxJson = (box: SealedBox) => ({
  cipher: 'AES-256-GCM',
  nonce: toBase64(box.nonce),
  ciphertext: toBase64(box.ciphertext),
  tag: toBase64(box.tag),
});

/** `undefined` when the value is not what `toBoxJson` writes. */
export function readBox(value: unknown): SealedBox | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { cipher, nonce, ciphertext, tag } = value as Readonly<Record<string, unknown>> & {
    cipher?: unknown;
    nonce?: unknown;
    ciphertext?: unknown;
    tag?: unknown;
  };
  if (cipher !== 'AES-256-GCM') return undefined;
  const box = { nonce: octets(nonce), ciphertext: octets(ciphertext), tag: octets(tag) };
  return box.nonce.length === NONCE_OCTETS && box.tag.length === TAG_OCTETS ? box : undefined;
}

const octets = (value: unknown): Bytes =>
  typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
