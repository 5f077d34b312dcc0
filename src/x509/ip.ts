/** IP addresses between text and octets (RFC 4291, text as RFC 5952), and CIDR ranges. */
import type { Bytes } from './bytes.ts';

/** Of `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. */
const LONGEST = 45;

/** 4 or 16 octets; `undefined` when the text is no address. Zones, leading zeros and short IPv4 forms are none. */
export function parseIp(text: string): Bytes | undefined {
  if (text.length > LONGEST) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Bytes | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Bytes | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const groups = (part: string, isLast: boolean): number[] | undefined => {
    if (part === '') return [];
    const out: number[] = [];
    const pieces = part.split(':');
    for (const [i, piece] of pieces.entries()) {
      const v4 = isLast && i === pieces.length - 1 && piece.includes('.') ? parseIpv4(piece) : undefined;
      if (v4 !== undefined) out.push(((v4[0] ?? 0) << 8) | (v4[1] ?? 0), ((v4[2] ?? 0) << 8) | (v4[3] ?? 0));
      else if (/^[0-9a-fA-F]{1,4}$/.test(piece)) out.push(parseInt(piece, 16));
      else return undefined;
    }
    return out;
  };
  const left = groups(head, tail === undefined);
  const right = tail === undefined ? [] : groups(tail, true);
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...left, ...(Array(missing).fill(0) as number[]), ...right];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Canonical text of 4 or 16 octets. */
export function formatIp(octets: Bytes): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.start === -1) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}

export interface IpRange {
  readonly network: Bytes;
  /** Number of leading bits that count. */
  readonly prefix: number;
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a lone address. Host bits must be zero. */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = '', length, ...more] = text.split('/', 3);
  const network = parseIp(address);
  if (network === undefined || more.length > 0) return undefined;
  const bits = network.length * 8;
  if (length === undefined) return { network, prefix: bits };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) return undefined;
  const range = { network, prefix: Number(length) };
  return network.every((octet, i) => (octet & ~maskOctet(range.prefix, i) & 0xff) === 0) ? range : undefined;
}

const maskOctet = (prefix: number, index: number): number => {
  const bits = Math.max(0, Math.min(8, prefix - index * 8));
  return (0xff << (8 - bits)) & 0xff;
};

export function ipInRange(ip: Bytes, range: IpRange): boolean {
  if (ip.length !== range.network.length) return false;
  return ip.every((octet, i) => ((octet ^ (range.network[i] ?? 0)) & maskOctet(range.prefix, i)) === 0);
}

export const rangeInRange = (inner: IpRange, outer: IpRange): boolean =>
  inner.prefix >= outer.prefix && ipInRange(inner.network, outer);
