import { hash, timingSafeEqual } from 'node:crypto';
import { ChanceryError } from '../base/errors.ts';

/** Octets. Node's Buffer is one. */
export type Bytes = Uint8Array;

export const concat = (parts: readonly Bytes[]): Bytes => Buffer.concat(parts);
export const equal = (a: Bytes, b: Bytes): boolean => a.length === b.length && Buffer.compare(a, b) === 0;
/** Comparison in constant time, for secrets and their digests. */
export const equalSecret = (a: Bytes, b: Bytes): boolean => a.length === b.length && timingSafeEqual(a, b);

const view = (bytes: Bytes): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const toHex = (bytes: Bytes): string => view(bytes).toString('hex');
export const toBase64 = (bytes: Bytes): string => view(bytes).toString('base64');
export const toBase64Url = (bytes: Bytes): string => view(bytes).toString('base64url');
/** Each octet as the character of that number: lossless, for IA5String and comparisons. */
export const toLatin1 = (bytes: Bytes): string => view(bytes).toString('latin1');
export const toUtf8 = (bytes: Bytes): string => view(bytes).toString('utf8');

export const fromUtf8 = (text: string): Bytes => Buffer.from(text, 'utf8');
/** Throws `invalid_name` beyond ASCII: a one-octet encoding would silently turn U+0167 into "g". */
export function fromAscii(text: string): Bytes {
  if (/^[\0-\x7f]*$/.test(text)) return Buffer.from(text, 'latin1');
  throw new ChanceryError('invalid_name', {
    message: `${JSON.stringify(text.slice(0, 80))} has characters beyond ASCII`,
    rule: 'RFC 5280 4.2.1.6: IA5String',
    fix: 'Write an internationalised name as A-labels (xn--…).',
  });
}
/** `undefined` when the text is not exactly what `toBase64` writes (RFC 4648 section 4, with padding). */
export function fromBase64(text: string): Bytes | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
export const fromBase64Url = (text: string): Bytes => Buffer.from(text, 'base64url');
/** `undefined` when the text is not an even number of hexadecimal digits. */
export function fromHex(text: string): Bytes | undefined {
  return /^(?:[0-9a-fA-F]{2})*$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}

export const sha256 = (bytes: Bytes): Bytes => hash('sha256', bytes, 'buffer');
