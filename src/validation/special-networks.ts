/** Networks that nothing of a stranger's choice may lead to: IANA's special-purpose registries, and where clouds keep secrets. */
import { type IpRange, parseIpRange } from '../x509/ip.ts';

export interface SpecialNetwork {
  readonly range: IpRange;
  readonly text: string;
  readonly why: string;
}

/**
 * Private networks (RFC 1918, RFC 4193) are not here: an internal CA is for them. The addresses of instance metadata stand
 * apart, so that who allows their network does not allow them.
 */
const NETWORKS: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['0.0.0.0/32', 'unspecified'],
  ['100.64.0.0/10', 'shared address space of carriers'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['192.0.0.0/24', 'IETF protocol assignments'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', '6to4 relays'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['255.255.255.255/32', 'broadcast'],
  ['::/96', 'IPv4-compatible'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::ffff:0:0/96', 'IPv4-mapped'],
  ['64:ff9b:1::/48', 'NAT64 of local use'],
  ['100::/64', 'discard only'],
  ['100:0:0:1::/64', 'dummy prefix'],
  ['2001::/23', 'IETF protocol assignments'],
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'],
  ['5f00::/16', 'segment routing'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local'],
  ['ff00::/8', 'multicast'],
  // instance metadata: AWS, Azure, Google and most others; Alibaba; Azure's host; AWS, Google and Oracle over IPv6
  ['169.254.169.254/32', 'cloud metadata'],
  ['100.100.100.200/32', 'cloud metadata'],
  ['168.63.129.16/32', 'cloud metadata'],
  ['fd00:ec2::/32', 'cloud metadata'],
  ['fd20:ce::254/128', 'cloud metadata'],
  ['fd00:c1::a9fe:a9fe/128', 'cloud metadata'],
];

export const SPECIAL_NETWORKS: readonly SpecialNetwork[] = NETWORKS.flatMap(([text, why]) => {
  const range = parseIpRange(text);
  return range === undefined ? [] : [{ range, text, why }];
});

/**
 * The IPv4 address that packets to an IPv6 address end at: IPv4-mapped and -compatible (RFC 4291 2.5.5), NAT64 (RFC 6052),
 * 6to4 (RFC 3056), Teredo (RFC 4380); `undefined` for any other.
 */
export function embeddedIpv4(octets: Uint8Array): Uint8Array | undefined {
  if (octets.length !== 16) return undefined;
  const group = (i: number): number => ((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0);
  const zero = (from: number, to: number): boolean => octets.subarray(from, to).every((octet) => octet === 0);
  if (zero(0, 10) && group(5) === 0xffff) return octets.subarray(12);
  // :: and ::1 are addresses of their own
  if (zero(0, 12)) return zero(12, 14) ? undefined : octets.subarray(12);
  if (group(0) === 0x64 && group(1) === 0xff9b && zero(4, 12)) return octets.subarray(12);
  if (group(0) === 0x2002) return octets.subarray(2, 6);
  if (group(0) === 0x2001 && group(1) === 0) return octets.subarray(12).map((octet) => octet ^ 0xff);
  return undefined;
}
