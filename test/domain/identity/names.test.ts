import { describe, expect, it } from 'vitest';
import {
  dnsNameFault,
  emailFault,
  formatNameKey,
  parseGeneralNames,
  parseName,
  parseNames,
  sameNames,
  toNameLists,
} from '../../../src/domain/identity/names.ts';
import { refusalOf } from '../../support/errors.ts';

const label63 = 'a'.repeat(63);
const name253 = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`;

describe('Node CVE-2021-44531, 44532, 44533: DNS names are judged at the request', () => {
  it.each([
    'localhost',
    'example.test',
    'a.b.c.d.e.f',
    '1.example.test',
    'xn--bcher-kva.example',
    'a-b.example.test',
    '*.example.test',
    '*.a.b',
    label63,
    name253,
    '0x7f.example',
  ])('%j is one', (name) => {
    expect(dnsNameFault(name)).toBeUndefined();
    expect(parseName('dns', name.toUpperCase().replace('XN--', 'xn--')).value).toBe(name);
  });

  it.each([
    ['', 'nothing'],
    ['.', 'a dot'],
    ['example.test.', 'a trailing dot'],
    ['.example.test', 'a leading dot'],
    ['a..b', 'an empty label'],
    ['a_b.example.test', 'an underscore'],
    ['-a.example.test', 'a leading dash'],
    ['a-.example.test', 'a trailing dash'],
    ['ab--c.example.test', 'a reserved label'],
    ['xn--.example.test', 'an A-label of nothing'],
    ['xn--abc-.example.test', 'an A-label that ends with a dash'],
    ['xn--99999999.example.test', 'an A-label that is no Punycode'],
    ['a b.example.test', 'a space'],
    ['a\0.example.test', 'a NUL'],
    ['api.example.test\0.evil.test', 'a NUL that cuts the name'],
    ['api.example.test\n', 'a line break'],
    ['b\u00fccher.example', 'a U-label'],
    ['\u212aelvin.example', 'a Kelvin sign'],
    ['ex\u0430mple.test', 'a Cyrillic letter'],
    ['example\u3002test', 'an ideographic full stop'],
    ['*', 'a lone wildcard'],
    ['*.test', 'a wildcard over a whole top-level domain'],
    ['*.*.example.test', 'two wildcards'],
    ['a.*.example.test', 'a wildcard inside'],
    ['*a.example.test', 'a part of a label'],
    ['a*.example.test', 'a part of a label'],
    ['**.example.test', 'a pattern'],
    ['127.0.0.1', 'an IPv4 address'],
    ['1.2.3', 'a number at the end'],
    ['2130706433', 'a number'],
    ['::1', 'an IPv6 address'],
    ['example.test:443', 'a port'],
    ['https://example.test', 'a URL'],
    ['user@example.test', 'an e-mail address'],
    ['example.test/a', 'a path'],
    ['DNS:example.test', 'a printed subjectAltName'],
    ['example.test, DNS:evil.test', 'a printed list'],
    [`${label63}a.test`, 'a label of 64'],
    [`${name253}a`, 'a name of 254'],
    ['__proto__', 'no label'],
  ])('%j is none: %s', (name) => {
    const refusal = refusalOf(() => parseName('dns', name));
    expect(refusal.code).toBe('invalid_name');
    expect(refusal.message.length).toBeLessThan(600);
  });
});

describe('Go CVE-2024-45341: IP addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['FD00::00:1', 'fd00::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('%s is %s', (text, canonical) => {
    expect(parseName('ip', text).value).toBe(canonical);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '0x7f.1.1.1',
    '1.2.3.4/32',
    '10.0.0.1:80',
    ' 10.0.0.1',
    '::1%eth0',
    'fe80::1%1',
    '[::1]',
    '::1/128',
    ':::',
    '1::2::3',
    '12345::',
    'g::1',
    '1.2.3.4::',
    '1:2:3:4:5:6:7:8:9',
    'localhost',
    '\u0661.2.3.4',
  ])('%j is none', (text) => {
    expect(refusalOf(() => parseName('ip', text)).code).toBe('invalid_name');
  });
});

describe('Go CVE-2026-27137: e-mail addresses', () => {
  it('have their host in lower case and their local part as it is', () => {
    expect(parseName('email', 'Ann.Lee+x@Example.TEST').value).toBe('Ann.Lee+x@example.test');
  });

  it.each([
    '',
    '@',
    'ann',
    'ann@',
    '@example.test',
    'ann@@example.test',
    'a@b@example.test',
    'a b@example.test',
    '"a b"@example.test',
    'ann@example..test',
    'ann@*.example.test',
    'ann@\u212aelvin.test',
    '\u00fc@example.test',
    'ann\0@example.test',
    'ann@example.test\0',
    `${'a'.repeat(65)}@example.test`,
    'ann@[127.0.0.1]',
    'ann@example.test\r\nBcc: x',
  ])('%j is none', (text) => {
    expect(refusalOf(() => parseName('email', text)).code).toBe('invalid_name');
  });

  it('are judged the same when they are read from octets', () => {
    expect(emailFault('ann@example.test')).toBeUndefined();
    expect(emailFault('ann@Example.test')).toBeDefined();
  });
});

describe('the names of a request', () => {
  it('are sorted by kind and value, without doubles', () => {
    const names = parseNames({
      dns: ['b.test', 'A.test', 'a.test'],
      uri: ['spiffe://example.test/a'],
      ip: ['::1', '0:0::1'],
    });
    expect(names.map(formatNameKey)).toEqual([
      'uri:spiffe://example.test/a',
      'dns:a.test',
      'dns:b.test',
      'ip:::1',
    ]);
    expect(toNameLists(names)).toEqual({
      uri: ['spiffe://example.test/a'],
      dns: ['a.test', 'b.test'],
      ip: ['::1'],
    });
    expect(sameNames(names, parseNames(toNameLists(names)))).toBe(true);
    expect(sameNames(names, names.slice(1))).toBe(false);
  });

  it('are at most a hundred', () => {
    const dns = Array.from({ length: 101 }, (_, i) => `n${i}.example.test`);
    expect(parseNames({ dns: dns.slice(1) })).toHaveLength(100);
    expect(refusalOf(() => parseNames({ dns })).message).toContain('101');
  });

  it('of another kind are refused, whatever they say', () => {
    const refusal = refusalOf(() =>
      parseGeneralNames([{ kind: 'other', tag: 0xa0, value: Buffer.from('x') }]),
    );
    expect(refusal.message).toContain('[0]');
  });
});
