/** BIT STRINGs in DER (X.690 8.6, 11.2): whole octets, and named bits. */
import type { Bytes } from './bytes.ts';
import { broken, type Element, TAG, tlv } from './der.ts';

export const bitString = (content: Bytes, unusedBits = 0): Bytes =>
  tlv(TAG.bitString, Buffer.from([unusedBits]), content);

/** Named bits (X.690 11.2.2): trailing zero bits are dropped. `bits` are numbers as in the ASN.1 module. */
export function namedBits(bits: readonly number[]): Bytes {
  if (bits.length === 0) return bitString(new Uint8Array(0));
  const highest = Math.max(...bits);
  const octets = Buffer.alloc((highest >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(octets, 7 - (highest & 7));
}

export interface Bits {
  readonly unusedBits: number;
  readonly octets: Bytes;
}

export function readBitString(element: Element, what: string): Bits {
  const [unusedBits] = element.content;
  const octets = element.content.subarray(1);
  if (element.tag !== TAG.bitString || unusedBits === undefined || unusedBits > 7)
    throw broken(`${what} is no BIT STRING`);
  const last = octets[octets.length - 1];
  if (unusedBits > 0 && (last === undefined || (last & ((1 << unusedBits) - 1)) !== 0))
    throw broken(`${what} has unused bits that are set`, 'X.690 11.2.1');
  return { unusedBits, octets };
}

/** A BIT STRING of whole octets, as keys and signatures are. */
export function readOctetBits(element: Element, what: string): Bytes {
  const { unusedBits, octets } = readBitString(element, what);
  if (unusedBits !== 0) throw broken(`${what} is not a whole number of octets`);
  return octets;
}

/** The numbers of the bits that are set. */
export function readNamedBits(element: Element, what: string): number[] {
  const { unusedBits, octets } = readBitString(element, what);
  if (octets.length > 8) throw broken(`${what} has ${octets.length} octets of bits`);
  const bits: number[] = [];
  for (let bit = 0; bit < octets.length * 8 - unusedBits; bit++)
    if ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) bits.push(bit);
  const length = octets.length * 8 - unusedBits;
  if (length > 0 && bits[bits.length - 1] !== length - 1)
    throw broken(`${what} keeps trailing zero bits`, 'X.690 11.2.2');
  return bits;
}
