import { expect, test } from 'vitest';
import { AddressGuard } from '../../src/validation/address-guard.ts';
import { SPECIAL_NETWORKS } from '../../src/validation/special-networks.ts';
import { formatIp, parseIp } from '../../src/x509/ip.ts';
import { ranges } from './workbench.ts';

const octets = (text: string): Uint8Array => {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
};
const guard = (allow: readonly string[] = [], deny: readonly string[] = []): AddressGuard =>
  new AddressGuard({ allow: ranges(...allow), deny: ranges(...deny) });
const allows = (by: AddressGuard, address: string): boolean => by.judge(octets(address)).allowed;

test.each([
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  'fd12:3456:789a::1',
  'fc00::1',
  '8.8.8.8',
  '1.1.1.1',
  '2606:4700:4700::1111',
  '2a00::1',
])('private and public addresses may be probed: %s', (address) => {
  expect(allows(guard(), address)).toBe(true);
});

test.each([
  ['loopback', '127.0.0.1'],
  ['loopback', '127.255.255.254'],
  ['loopback', '::1'],
  ['unspecified', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['unspecified', '::'],
  ['link-local', '169.254.0.1'],
  ['link-local', 'fe80::1'],
  ['link-local', 'febf::1'],
  ['site-local', 'fec0::1'],
  ['multicast', '224.0.0.251'],
  ['multicast', '239.255.255.255'],
  ['multicast', 'ff02::1'],
  ['broadcast', '255.255.255.255'],
  ['reserved', '240.0.0.1'],
  ['carriers', '100.64.0.1'],
  ['carriers', '100.127.255.255'],
  ['documentation', '192.0.2.1'],
  ['documentation', '198.51.100.1'],
  ['documentation', '203.0.113.1'],
  ['documentation', '2001:db8::1'],
  ['documentation', '3fff::1'],
  ['benchmarking', '198.19.255.255'],
  ['IETF protocol assignments', '192.0.0.8'],
  ['IETF protocol assignments', '2001:2::1'],
  ['discard', '100::1'],
  ['segment routing', '5f00::1'],
  ['6to4 relays', '192.88.99.1'],
  ['cloud metadata', '169.254.169.254'],
  ['cloud metadata', '168.63.129.16'],
  ['cloud metadata', '100.100.100.200'],
  ['cloud metadata', 'fd00:ec2::254'],
  ['IPv4-mapped', '::ffff:127.0.0.1'],
  ['IPv4-mapped', '::ffff:10.0.0.1'],
  ['IPv4-compatible', '::127.0.0.1'],
  ['loopback', '64:ff9b::7f00:1'],
  ['cloud metadata', '64:ff9b::a9fe:a9fe'],
  ['NAT64 of local use', '64:ff9b:1::7f00:1'],
  ['loopback', '2002:7f00:1::1'],
  ['link-local', '2002:a9fe:1::1'],
  ['IETF protocol assignments', '2001:0:1:2:3:4:80ff:fffe'],
])('special addresses may not be probed: %s %s', (why, address) => {
  const verdict = guard().judge(octets(address));
  expect(verdict).toMatchObject({ allowed: false, address: formatIp(octets(address)) });
  expect(verdict.allowed ? '' : verdict.why).toContain(why);
});

test('the neighbours of the special networks may be', () => {
  for (const address of ['126.255.255.255', '128.0.0.0', '169.253.255.255', '169.255.0.0', '223.255.255.255'])
    expect(allows(guard(), address), address).toBe(true);
  for (const address of [
    '100.63.255.255',
    '100.128.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '172.32.0.0',
    '2003::1',
  ])
    expect(allows(guard(), address), address).toBe(true);
});

test('an IPv6 address that leads to an IPv4 one is allowed where that is', () => {
  expect(allows(guard(), '64:ff9b::a00:1')).toBe(true);
  expect(allows(guard([], ['10.0.0.0/8']), '64:ff9b::a00:1')).toBe(false);
  expect(allows(guard(), '2002:a00:1::1')).toBe(true);
  expect(allows(guard([], ['10.0.0.0/8']), '2002:a00:1::1')).toBe(false);
  // allowing the form is not allowing what it leads to
  expect(allows(guard(['::ffff:0:0/96']), '::ffff:10.0.0.1')).toBe(true);
  expect(allows(guard(['::ffff:0:0/96']), '::ffff:127.0.0.1')).toBe(false);
  expect(allows(guard(['2001::/23']), '2001:0:1:2:3:4:80ff:fffe')).toBe(false);
});

test('the longest prefix decides between allow and deny', () => {
  const both = guard(['10.1.0.0/16', '10.1.2.3'], ['10.0.0.0/8', '10.1.2.0/24']);
  expect(allows(both, '10.0.0.1')).toBe(false);
  expect(allows(both, '10.1.0.1')).toBe(true);
  expect(allows(both, '10.1.2.1')).toBe(false);
  expect(allows(both, '10.1.2.3')).toBe(true);
});

test('deny wins a tie, and the operator over what is built in', () => {
  expect(allows(guard(['10.0.0.0/8'], ['10.0.0.0/8']), '10.0.0.1')).toBe(false);
  expect(allows(guard(['127.0.0.0/8']), '127.0.0.1')).toBe(true);
  expect(allows(guard(['127.0.0.0/8'], ['127.0.0.0/8']), '127.0.0.1')).toBe(false);
  expect(allows(guard(['::1/128']), '::1')).toBe(true);
});

test('allowing everything does not allow what is special', () => {
  const wide = guard(['0.0.0.0/0', '::/0']);
  for (const { range } of SPECIAL_NETWORKS) expect(wide.judge(range.network).allowed).toBe(false);
});

test('allowing link-local does not allow instance metadata; its own address does', () => {
  expect(allows(guard(['169.254.0.0/16']), '169.254.1.1')).toBe(true);
  expect(allows(guard(['169.254.0.0/16']), '169.254.169.254')).toBe(false);
  expect(allows(guard(['169.254.169.254']), '169.254.169.254')).toBe(true);
});

test('only some networks: everything else denied', () => {
  const only = guard(['10.20.0.0/16'], ['0.0.0.0/0', '::/0']);
  expect(allows(only, '10.20.1.1')).toBe(true);
  for (const address of ['10.21.0.1', '8.8.8.8', 'fd00::1', '2606:4700::1'])
    expect(allows(only, address)).toBe(false);
});

test('a refusal names the rule of the operator', () => {
  const verdict = guard([], ['10.20.0.0/16']).judge(octets('10.20.0.1'));
  expect(verdict).toMatchObject({ allowed: false, why: 'acme.validation.deny: 10.20.0.0/16' });
});

test('every built-in network was understood, and its verdict stays the same when asked again', () => {
  expect(SPECIAL_NETWORKS.length).toBeGreaterThanOrEqual(33);
  const one = guard();
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 1500; i++) {
      const address = formatIp(Uint8Array.of(127, 0, i >> 8, i & 255));
      expect(one.judge(octets(address)).allowed).toBe(false);
      expect(one.judge(octets(`10.0.${i >> 8}.${i & 255}`)).allowed).toBe(true);
    }
});
