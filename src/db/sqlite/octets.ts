import { fromHex } from '../../x509/bytes.ts';

/** Hexadecimal of our own making as the octets that are stored; anything else is a fault of the caller's. */
export function octets(hex: string): Buffer {
  const bytes = fromHex(hex);
  if (bytes === undefined || bytes.length === 0) throw new TypeError('not hexadecimal');
  return bytes as Buffer;
}
