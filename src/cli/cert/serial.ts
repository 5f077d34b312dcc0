/** Serial numbers as people paste them: `4F:A2:…`, `0x4fa2…`, in upper case, with a leading zero octet. */
import { ChanceryError } from '../../base/errors.ts';

/** A fingerprint as people paste it. */
export const plainHex = (text: string): string => text.replaceAll(':', '').toLowerCase();

/** Lower-case hexadecimal as the API writes it. Throws `usage`. */
export function readSerial(text: string): string {
  const serial = text
    .replace(/[:\s]/g, '')
    .replace(/^0x/i, '')
    .toLowerCase()
    .replace(/^00(?=[89a-f])/, ''); // the sign octet of DER
  if (/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) return serial;
  throw new ChanceryError('usage', {
    message: `${JSON.stringify(text)} is no serial number`,
    rule: 'RFC 5280 4.1.2.2: at most 20 octets, written in hexadecimal',
    fix: 'Take it from `chancery cert list`.',
  });
}
