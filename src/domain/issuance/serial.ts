import type { Random } from '../../base/random.ts';
import type { Bytes } from '../../x509/bytes.ts';

/**
 * 16 random octets with the top bits 01: positive without a sign octet, always 16 octets long, 126 random bits
 * (BR 7.1 asks for 64). Uniqueness is the database's to enforce.
 */
export function newSerial(random: Random): Bytes {
  const serial = random.bytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}
