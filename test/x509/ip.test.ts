import { isIP, SocketAddress } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIp, ipInRange, parseIp, parseIpRange, rangeInRange } from '../../src/x509/ip.ts';
import { RUNS } from '../property/runs.ts';

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const v6 = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // many zeros, where the abbreviation has to choose
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))),
);

describe('addresses', () => {
  it('are read back from their text', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (octets) => {
        expect(parseIp(formatIp(octets))).toEqual(octets);
      }),
      { numRuns: RUNS },
    );
  });

  it('are written as Node writes them', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (octets) => {
        const text = formatIp(octets);
        const family = octets.length === 4 ? 'ipv4' : 'ipv6';
        const theirs = new SocketAddress({ address: text, family }).address;
        // Node writes mapped addresses with a dotted tail; we read that, and write one form
        expect(theirs.includes('.') ? formatIp(parseIp(theirs) ?? octets) : theirs).toBe(text);
      }),
      { numRuns: RUNS },
    );
  });

  it('are texts that Node takes for addresses too, and no others', () => {
    const alphabet = fc.constantFrom(...'0123456789abcfFg:.::%/ ');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: alphabet, maxLength: 24 }),
          v6.map(formatIp),
          fc
            .tuple(v6.map(formatIp), fc.nat(30), alphabet)
            .map(([text, at, char]) => text.slice(0, at) + char + text.slice(at + 1)),
        ),
        (text) => {
          if (text.includes('%')) expect(parseIp(text)).toBeUndefined();
          else expect(parseIp(text) !== undefined).toBe(isIP(text) !== 0);
        },
      ),
      { numRuns: RUNS * 5 },
    );
  });

  it('RFC 4291 2.2 (3): dotted octets stand only at the end', () => {
    expect(formatIp(parseIp('::ffff:192.0.2.1') ?? Buffer.alloc(4))).toBe('::ffff:c000:201');
    expect(formatIp(parseIp('1:2:3:4:5:6:7.8.9.10') ?? Buffer.alloc(4))).toBe('1:2:3:4:5:6:708:90a');
    for (const text of ['1.2.3.4::', '1.2.3.4::1', '::1.2.3.4:1', '1:2:3:4:5:6:7:1.2.3.4', '::1.2.3'])
      expect(parseIp(text)).toBeUndefined();
  });

  it('RFC 5952: the longest run of zeros, the first of equals, never a single one', () => {
    for (const [text, canonical] of [
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:DB8::0001', '2001:db8::1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['1:0:0:0:0:0:0:0', '1::'],
    ] as const)
      expect(formatIp(parseIp(text) ?? Buffer.alloc(4))).toBe(canonical);
  });
});

describe('ranges', () => {
  it('hold exactly the addresses that share their first bits', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), fc.oneof(v4, v6), fc.nat(128), (ip, other, length) => {
        const bits = ip.length * 8;
        const prefix = Math.min(length, bits);
        const binary = (octets: Uint8Array): string =>
          [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
        const cut = binary(ip).slice(0, prefix).padEnd(bits, '0');
        const network = Uint8Array.from(cut.match(/.{8}/g) ?? [], (octet) => parseInt(octet, 2));
        const range = parseIpRange(`${formatIp(network)}/${prefix}`);
        if (range === undefined) throw new Error('no range');
        expect(ipInRange(ip, range)).toBe(true);
        const same = other.length === ip.length && binary(other).startsWith(binary(ip).slice(0, prefix));
        expect(ipInRange(other, range)).toBe(same);
        const lone = parseIpRange(formatIp(other));
        expect(lone && rangeInRange(lone, range)).toBe(same);
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    '10.0.0.1/8',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '/8',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0.0/+8',
    '10.0.0.0/1e1',
    'example.test/8',
  ])('%s is none', (text) => {
    expect(parseIpRange(text)).toBeUndefined();
  });
});
