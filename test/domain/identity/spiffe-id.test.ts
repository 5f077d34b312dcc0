import { describe, expect, it } from 'vitest';
import {
  isReserved,
  parseSpiffeId,
  parseTrustDomain,
  pathOf,
  spiffeId,
  spiffeIdFault,
  trustDomainFault,
  trustDomainOf,
} from '../../../src/domain/identity/spiffe-id.ts';
import { refusalOf } from '../../support/errors.ts';

const td = 'example.test';
const path = (octets: number): string => `/${'a'.repeat(octets - 1)}`;
const ofLength = (octets: number): string => `spiffe://${td}${path(octets - 9 - td.length)}`;

const GOOD: readonly string[] = [
  'spiffe://example.test/a',
  'spiffe://example.test/ns/prod/sa/api',
  'spiffe://example.test/a/b/c/d/e/f/g/h/i/j',
  'spiffe://e/a',
  'spiffe://1/a',
  'spiffe://1.2.3.4/service',
  'spiffe://a.b.c.d.e/x',
  'spiffe://example_test/a',
  'spiffe://-/a',
  'spiffe://_/a',
  'spiffe://./a',
  'spiffe://../a',
  'spiffe://a..b/c',
  'spiffe://a-b-c/d',
  'spiffe://xn--bcher-kva.test/a',
  'spiffe://example.test/A',
  'spiffe://example.test/MixedCase/Is/Kept',
  'spiffe://example.test/...',
  'spiffe://example.test/..a',
  'spiffe://example.test/a..',
  'spiffe://example.test/.a',
  'spiffe://example.test/a.',
  'spiffe://example.test/a.b.c',
  'spiffe://example.test/-',
  'spiffe://example.test/_',
  'spiffe://example.test/a-b_c.d',
  'spiffe://example.test/0123456789',
  'spiffe://example.test/chancery',
  'spiffe://example.test/chancery/admin',
  'spiffe://example.test/spiffe/example.test',
  'spiffe://example.test/http',
  `spiffe://${'a'.repeat(255)}/x`,
  `spiffe://${'a.'.repeat(127)}a/x`,
  ofLength(2047),
  ofLength(2048),
];

const BAD: readonly string[] = [
  // no ID at all
  '',
  ' ',
  '/',
  'a',
  'example.test',
  'example.test/a',
  '//example.test/a',
  '://example.test/a',
  'spiffe',
  'spiffe:',
  'spiffe:/',
  'spiffe://',
  'spiffe:/example.test/a',
  'spiffe:example.test/a',
  'spiffe//example.test/a',
  'spiffe:///a',
  'spiffe:////a',
  'spiffe://\\example.test/a',
  // another scheme, or this one in other letters
  'http://example.test/a',
  'https://example.test/a',
  'urn:spiffe:example.test',
  'ftp://example.test/a',
  'javascript:alert(1)',
  'data:,a',
  'Spiffe://example.test/a',
  'SPIFFE://example.test/a',
  'spiffE://example.test/a',
  'spiffes://example.test/a',
  'xspiffe://example.test/a',
  ' spiffe://example.test/a',
  '\tspiffe://example.test/a',
  '\nspiffe://example.test/a',
  '\u0000spiffe://example.test/a',
  '\ufeffspiffe://example.test/a',
  '\u017fpiffe://example.test/a', // long s, which upper-cases to S
  // no path: that is a trust domain
  'spiffe://example.test',
  'spiffe://example.test/',
  // port
  'spiffe://example.test:443/a',
  'spiffe://example.test:/a',
  'spiffe://example.test:0/a',
  'spiffe://[::1]/a',
  'spiffe://[::1]:443/a',
  'spiffe://::1/a',
  // userinfo
  'spiffe://user@example.test/a',
  'spiffe://user:password@example.test/a',
  'spiffe://@example.test/a',
  'spiffe://example.test@evil.test/a',
  'spiffe://:@example.test/a',
  // query and fragment
  'spiffe://example.test/a?',
  'spiffe://example.test/a?b',
  'spiffe://example.test/a?b=c',
  'spiffe://example.test?a',
  'spiffe://example.test?/a',
  'spiffe://example.test/?a',
  'spiffe://example.test/a#',
  'spiffe://example.test/a#b',
  'spiffe://example.test#a',
  'spiffe://example.test#/a',
  'spiffe://example.test/#a',
  'spiffe://example.test/a?b#c',
  // upper case in the trust domain
  'spiffe://Example.test/a',
  'spiffe://EXAMPLE.TEST/a',
  'spiffe://example.tesT/a',
  'spiffe://eXample.test/a',
  'spiffe://\u212aelvin.test/a',
  // characters that a trust domain has not
  'spiffe://example test/a',
  'spiffe://example\ttest/a',
  'spiffe://example\u0000test/a',
  'spiffe://exa%6dple.test/a',
  'spiffe://example.test%2fa/b',
  'spiffe://*/a',
  'spiffe://*.test/a',
  'spiffe://**/a',
  'spiffe://b\u00fccher.test/a',
  'spiffe://example\u3002test/a',
  'spiffe://ex\u0430mple.test/a',
  'spiffe://example.test\\a',
  'spiffe://example,test/a',
  'spiffe://example;test/a',
  'spiffe://example!/a',
  'spiffe://example$/a',
  'spiffe://example&b/a',
  'spiffe://example+b/a',
  'spiffe://example=b/a',
  'spiffe://(example)/a',
  'spiffe://~example/a',
  "spiffe://'example'/a",
  'spiffe://"example"/a',
  'spiffe://<example>/a',
  'spiffe://{example}/a',
  'spiffe://exam|ple/a',
  'spiffe://exam^ple/a',
  'spiffe://`example`/a',
  'spiffe://\u200bexample/a',
  'spiffe://example\u00ad/a',
  'spiffe://example\r\n/a',
  'spiffe://\ud800/a',
  // dot segments (SPI-01-003)
  'spiffe://example.test/.',
  'spiffe://example.test/..',
  'spiffe://example.test/./a',
  'spiffe://example.test/../a',
  'spiffe://example.test/a/.',
  'spiffe://example.test/a/..',
  'spiffe://example.test/a/./b',
  'spiffe://example.test/a/../b',
  'spiffe://example.test/a/b/../../c',
  'spiffe://example.test/../../etc/passwd',
  'spiffe://example.test/a/../chancery/admin',
  'spiffe://example.test/..//a',
  'spiffe://example.test/./',
  'spiffe://example.test/../',
  // dot segments in other clothes
  'spiffe://example.test/%2e%2e/a',
  'spiffe://example.test/%2E%2E/a',
  'spiffe://example.test/.%2e/a',
  'spiffe://example.test/%2e/a',
  'spiffe://example.test/a%2f..%2fb',
  'spiffe://example.test/..\\a',
  'spiffe://example.test/a\\..\\b',
  'spiffe://example.test/..;/a',
  'spiffe://example.test/\uff0e\uff0e/a',
  'spiffe://example.test/\u2025/a',
  'spiffe://example.test/%252e%252e/a',
  // empty segments and trailing slashes
  'spiffe://example.test//',
  'spiffe://example.test//a',
  'spiffe://example.test/a//b',
  'spiffe://example.test/a/',
  'spiffe://example.test/a//',
  'spiffe://example.test/a/b/',
  'spiffe://example.test///a',
  // percent-encoding (SPI-01-007)
  'spiffe://example.test/%61',
  'spiffe://example.test/a%20b',
  'spiffe://example.test/a%2fb',
  'spiffe://example.test/a%2Fb',
  'spiffe://example.test/a%00',
  'spiffe://example.test/%',
  'spiffe://example.test/a%',
  'spiffe://example.test/a%2',
  'spiffe://example.test/%zz',
  'spiffe://example.test/spire/agent/join_token/%2e%2e',
  'spiffe://example.test/a%c0%af',
  'spiffe://example.test/a%5cb',
  // characters that a segment has not
  'spiffe://example.test/a b',
  'spiffe://example.test/ a',
  'spiffe://example.test/a ',
  'spiffe://example.test/a\tb',
  'spiffe://example.test/a\nb',
  'spiffe://example.test/a\n',
  'spiffe://example.test/a\r\n',
  'spiffe://example.test/a\u0000',
  'spiffe://example.test/a\u0000b',
  'spiffe://example.test/a\u007f',
  'spiffe://example.test/*',
  'spiffe://example.test/**',
  'spiffe://example.test/a*',
  'spiffe://example.test/a:b',
  'spiffe://example.test/a@b',
  'spiffe://example.test/a;b',
  'spiffe://example.test/a,b',
  'spiffe://example.test/a=b',
  'spiffe://example.test/a+b',
  'spiffe://example.test/a&b',
  'spiffe://example.test/a$b',
  'spiffe://example.test/a!b',
  'spiffe://example.test/(a)',
  'spiffe://example.test/~a',
  "spiffe://example.test/a'b",
  'spiffe://example.test/"a"',
  'spiffe://example.test/<a>',
  'spiffe://example.test/{a}',
  'spiffe://example.test/a|b',
  'spiffe://example.test/a^b',
  'spiffe://example.test/`a`',
  'spiffe://example.test/[a]',
  'spiffe://example.test/a\\b',
  'spiffe://example.test/\u00fc',
  'spiffe://example.test/\u0430',
  'spiffe://example.test/\u200b',
  'spiffe://example.test/\ud83d\ude00',
  'spiffe://example.test/a\u0301',
  'spiffe://example.test/\u212a',
  'spiffe://example.test/a\ufeff',
  'spiffe://example.test/\u202ea',
  // the limits of SPIFFE-ID 2.3
  ofLength(2049),
  ofLength(2050),
  ofLength(65_536),
  `spiffe://${'a'.repeat(256)}/x`,
  `spiffe://${'a'.repeat(256)}`,
  `spiffe://${'a'.repeat(2040)}/x`,
];

describe('SPI-01-003, SPI-01-007: SPIFFE IDs are judged by the grammar, never by a URL parser', () => {
  it.each(GOOD)('%j is one', (text) => {
    expect(spiffeIdFault(text)).toBeUndefined();
    expect(parseSpiffeId(text)).toBe(text);
    expect(`spiffe://${trustDomainOf(parseSpiffeId(text))}${pathOf(parseSpiffeId(text))}`).toBe(text);
  });

  it.each(BAD)('%j is none', (text) => {
    const refusal = refusalOf(() => parseSpiffeId(text));
    expect(refusal.code).toBe('invalid_name');
    expect(refusal.detail.rule).toMatch(/SPIFFE-ID 2|X509-SVID 3\.1/);
    expect(refusal.message.length).toBeLessThan(1000);
  });

  it('has two hundred vectors, each once', () => {
    const all = [...GOOD, ...BAD];
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBeGreaterThanOrEqual(200);
  });

  it('SPIRE 1.13.1 (a length check on the wrong variable): the whole ID is measured, not a part of it', () => {
    const domain = parseTrustDomain('a'.repeat(255));
    const longest = 2048 - 9 - 255;
    expect(spiffeId(domain, path(longest))).toHaveLength(2048);
    expect(refusalOf(() => spiffeId(domain, path(longest + 1))).message).toContain('2048');
  });
});

describe('trust domains', () => {
  it.each(['example.test', 'a', '1', 'a-b_c.d', 'a'.repeat(255)])('%j is one', (text) => {
    expect(trustDomainFault(text)).toBeUndefined();
  });

  it.each(['', 'A', 'a b', 'a/b', 'a:1', 'a@b', 'a%', 'spiffe://a', 'b\u00fccher', 'a'.repeat(256)])(
    '%j is none',
    (text) => {
      expect(refusalOf(() => parseTrustDomain(text)).code).toBe('invalid_name');
    },
  );
});

describe('reserved names', () => {
  const own = parseTrustDomain(td);
  it.each([
    ['spiffe://example.test/chancery', true],
    ['spiffe://example.test/chancery/', true],
    ['spiffe://example.test/chancery/admin', true],
    ['spiffe://example.test/chancery/a/b', true],
    ['spiffe://example.test/chancery2', false],
    ['spiffe://example.test/a/chancery', false],
    ['spiffe://example.test/Chancery/a', false],
    ['spiffe://other.test/chancery/admin', false],
    ['spiffe://example.test', false],
  ])('%s: %s', (text, reserved) => {
    expect(isReserved(text, own)).toBe(reserved);
  });
});
