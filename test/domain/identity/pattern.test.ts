import { describe, expect, it } from 'vitest';
import { type Name, parseName } from '../../../src/domain/identity/names.ts';
import {
  nameMatches,
  parsePattern,
  parsePrincipalPattern,
  exactPattern,
  patternContains,
  principalMatches,
  principalPatternContains,
} from '../../../src/domain/identity/pattern.ts';
import { refusalOf } from '../../support/errors.ts';

type Kind = Name['kind'];

describe('a name lies within a pattern', () => {
  it.each<[Kind, string, string, boolean]>([
    // one label
    ['dns', '*.example.test', 'a.example.test', true],
    ['dns', '*.example.test', 'A.EXAMPLE.TEST', true],
    ['dns', '*.EXAMPLE.test', 'a.example.test', true],
    ['dns', '*.example.test', 'a.b.example.test', false],
    ['dns', '*.example.test', 'example.test', false],
    ['dns', '*.example.test', 'evil-example.test', false],
    ['dns', '*.example.test', 'a.example.test.evil.test', false],
    ['dns', '*.example.test', '*.example.test', true], // a wildcard certificate is for what the pattern allows
    ['dns', '*.example.test', '*.a.example.test', false],
    ['dns', 'a.example.test', '*.example.test', false],
    ['dns', 'a.example.test', 'a.example.test', true],
    ['dns', 'a.example.test', 'b.example.test', false],
    ['dns', 'a.*.example.test', 'a.b.example.test', true],
    ['dns', 'a.*.example.test', 'a.b.c.example.test', false],
    ['dns', '*', 'localhost', true],
    ['dns', '*', 'a.b', false],
    // any depth
    ['dns', '**.example.test', 'a.example.test', true],
    ['dns', '**.example.test', 'a.b.c.example.test', true],
    ['dns', '**.example.test', '*.b.example.test', true],
    ['dns', '**.example.test', 'example.test', false],
    ['dns', '**.example.test', 'evilexample.test', false],
    ['dns', '**', 'anything.at.all', true],
    ['dns', 'a.**.test', 'a.b.test', true],
    ['dns', 'a.**.test', 'a.test', false],
    // paths
    ['uri', 'spiffe://example.test/a', 'spiffe://example.test/a', true],
    ['uri', 'spiffe://example.test/a', 'spiffe://example.test/A', false],
    ['uri', 'spiffe://example.test/a', 'spiffe://example.test/a/b', false],
    ['uri', 'spiffe://example.test/*', 'spiffe://example.test/a', true],
    ['uri', 'spiffe://example.test/*', 'spiffe://example.test/a/b', false],
    ['uri', 'spiffe://example.test/*', 'spiffe://other.test/a', false],
    ['uri', 'spiffe://example.test/ns/*/sa/*', 'spiffe://example.test/ns/prod/sa/api', true],
    ['uri', 'spiffe://example.test/ns/*/sa/*', 'spiffe://example.test/ns/prod/xx/api', false],
    ['uri', 'spiffe://example.test/ns/**', 'spiffe://example.test/ns/prod/sa/api', true],
    ['uri', 'spiffe://example.test/ns/**', 'spiffe://example.test/ns', false],
    ['uri', 'spiffe://example.test/ns/**', 'spiffe://example.test/nsx/a', false],
    ['uri', 'spiffe://example.test/**/api', 'spiffe://example.test/a/b/api', true],
    ['uri', 'spiffe://example.test/**/api', 'spiffe://example.test/api', false],
    ['uri', '**', 'spiffe://other.test/a', true],
    // addresses
    ['ip', '10.0.0.0/8', '10.255.255.255', true],
    ['ip', '10.0.0.0/8', '11.0.0.0', false],
    ['ip', '10.0.0.1', '10.0.0.1', true],
    ['ip', '10.0.0.1', '10.0.0.2', false],
    ['ip', '10.0.0.0/31', '10.0.0.1', true],
    ['ip', '10.0.0.0/31', '10.0.0.2', false],
    ['ip', '0.0.0.0/0', '203.0.113.9', true],
    ['ip', '0.0.0.0/0', '::1', false],
    ['ip', '::/0', '203.0.113.9', false],
    ['ip', '10.0.0.0/8', '::ffff:10.0.0.1', false],
    ['ip', 'fd00::/8', 'fdff::1', true],
    ['ip', 'fd00::/8', 'fe00::1', false],
    // e-mail
    ['email', '*@example.test', 'ann@example.test', true],
    ['email', '*@example.test', 'ann@sub.example.test', false],
    ['email', '*@**.example.test', 'ann@sub.example.test', true],
    ['email', 'ann@example.test', 'Ann@example.test', false],
    ['email', 'ann@example.test', 'ann@EXAMPLE.test', true],
    ['email', '**', 'ann@example.test', true],
  ])('%s %s, %s: %s', (kind, pattern, name, matches) => {
    expect(nameMatches(parsePattern(kind, pattern), parseName(kind, name))).toBe(matches);
  });

  it('of its own kind only', () => {
    expect(nameMatches(parsePattern('dns', '**'), parseName('ip', '10.0.0.1'))).toBe(false);
    expect(nameMatches(parsePattern('uri', '**'), parseName('dns', 'a.test'))).toBe(false);
    expect(nameMatches(parsePattern('ip', '::/0'), parseName('dns', 'a.test'))).toBe(false);
  });
});

describe('a pattern is refused', () => {
  it.each<[Kind, string]>([
    ['dns', ''],
    ['dns', 'a*.example.test'],
    ['dns', '*a.example.test'],
    ['dns', '***.example.test'],
    ['dns', '**.**.test'],
    ['dns', 'a..b'],
    ['dns', 'a_b.test'],
    ['dns', 'b\u00fccher.test'],
    ['dns', '\u212aelvin.test'],
    ['dns', '.example.test'],
    ['dns', 'example.test.'],
    ['dns', '10.0.0.1'],
    ['uri', ''],
    ['uri', '*'],
    ['uri', 'example.test/*'],
    ['uri', 'https://example.test/*'],
    ['uri', 'spiffe://example.test'],
    ['uri', 'spiffe://example.test/'],
    ['uri', 'spiffe://example.test/a*'],
    ['uri', 'spiffe://example.test/ns.*.x'],
    ['uri', 'spiffe://example.test/**/**'],
    ['uri', 'spiffe://Example.test/*'],
    ['uri', 'spiffe://example.test/../*'],
    ['uri', 'spiffe://example.test/%2a'],
    ['uri', 'spiffe://**'],
    ['ip', ''],
    ['ip', '10.0.0.1/8'],
    ['ip', '10.0.0.0/33'],
    ['ip', '10.0.0.0/08'],
    ['ip', '10.0.0.0/-1'],
    ['ip', '10.*.0.0'],
    ['ip', 'fd00::1/8'],
    ['ip', '::/129'],
    ['ip', '10.0.0.0/8/8'],
    ['email', 'ann'],
    ['email', '@example.test'],
    ['email', 'a*@example.test'],
    ['email', '**@example.test'],
    ['email', 'ann@exa*mple.test'],
  ])('%s %j', (kind, pattern) => {
    expect(refusalOf(() => parsePattern(kind, pattern)).code).toBe('invalid_name');
  });
});

describe('one pattern contains another', () => {
  it.each<[Kind, string, string, boolean]>([
    ['dns', '**', '**', true],
    ['dns', '**', '*.example.test', true],
    ['dns', '*', '**', false],
    ['dns', '**.test', '**', false],
    ['dns', '**.test', '**.example.test', true],
    ['dns', '**.example.test', '**.test', false],
    ['dns', '*.example.test', 'a.example.test', true],
    ['dns', '*.example.test', '*.example.test', true],
    ['dns', '*.example.test', '**.example.test', false],
    ['dns', 'a.example.test', '*.example.test', false],
    ['uri', 'spiffe://example.test/**', 'spiffe://example.test/a/*', true],
    ['uri', 'spiffe://example.test/*', 'spiffe://example.test/**', false],
    ['uri', 'spiffe://example.test/*/**', 'spiffe://example.test/a/**', true],
    ['uri', 'spiffe://example.test/a/**', 'spiffe://example.test/**', false],
    ['uri', '**', 'spiffe://other.test/**', true],
    ['ip', '10.0.0.0/8', '10.1.0.0/16', true],
    ['ip', '10.1.0.0/16', '10.0.0.0/8', false],
    ['ip', '0.0.0.0/0', '::/0', false],
    ['email', '*@**', 'ann@example.test', true],
    ['email', 'ann@**', '*@example.test', false],
  ])('%s %s contains %s: %s', (kind, outer, inner, contained) => {
    expect(patternContains(parsePattern(kind, outer), parsePattern(kind, inner))).toBe(contained);
  });

  it('an exact one contains itself and is contained like its name, also with a wildcard in that', () => {
    const wildcard = exactPattern({ kind: 'dns', value: '*.example.test' });
    expect(patternContains(wildcard, wildcard)).toBe(true);
    expect(patternContains(parsePattern('dns', '**.example.test'), wildcard)).toBe(true);
    expect(patternContains(parsePattern('dns', 'a.example.test'), wildcard)).toBe(false);
    expect(patternContains(wildcard, parsePattern('dns', 'a.example.test'))).toBe(false);
    expect(patternContains(wildcard, parsePattern('dns', '*.example.test'))).toBe(false);
  });
});

describe('principals', () => {
  const ann = 'mtls:clients:spiffe://example.test/ops/ann';
  it.each<[string, string, boolean]>([
    [ann, ann, true],
    ['mtls:clients:spiffe://example.test/ops/*', ann, true],
    ['mtls:clients:spiffe://example.test/**', ann, true],
    ['mtls:clients:spiffe://example.test/*', ann, false],
    ['mtls:clients:spiffe://other.test/**', ann, false],
    ['mtls:clients:**', ann, true],
    ['mtls:*:spiffe://example.test/ops/ann', ann, true],
    ['mtls:**', ann, true],
    ['mtls:servers:**', ann, false],
    ['mtls:clients:spiffe://example.test/ops', ann, false],
    ['mtls:clients:spiffe://example.test/ops/ann/x', ann, false],
    ['acme:**', ann, false],
    ['workload:**', ann, false],
    ['mtls:clients:dns:**.example.test', ann, false],
    ['mtls:clients:dns:**.example.test', 'mtls:clients:dns:a.b.example.test', true],
    ['mtls:clients:dns:*.example.test', 'mtls:clients:dns:a.b.example.test', false],
    ['mtls:clients:dns:*.example.test', 'mtls:clients:dns:evil-example.test', false],
    ['mtls:*:dns:a.example.test', 'mtls:clients:dns:a.example.test', true],
    ['mtls:clients:ip:10.0.0.1', 'mtls:clients:ip:10.0.0.1', true],
    ['mtls:clients:ip:fd00::1', 'mtls:clients:ip:fd00::1', true],
    ['mtls:clients:ip:fd00::1', 'mtls:clients:ip:fd00::2', false],
    ['mtls:clients:email:ann@example.test', 'mtls:clients:email:ann@example.test', true],
    ['mtls:clients:email:*', 'mtls:clients:email:ann@example.test', true],
    ['mtls:clients:email:*', 'mtls:clients:dns:ann', false],
    ['acme:**', 'acme:acct/17', true],
    ['acme:*', 'acme:acct/17', false],
    ['acme:*', 'acme:17', true],
    ['acme:17', 'acme:17', true],
    ['token:ci', 'token:ci', true],
    ['token:ci', 'token:ci2', false],
    ['jwt:google:ann', 'jwt:google:ann', true],
    ['jwt:google:ann', 'jwt:google:bob', false],
    ['jwt:**', 'jwt:google:ann', true],
    ['workload:spiffe:example.test', 'workload:spiffe:example.test', true],
  ])('%s, %s: %s', (pattern, id, matches) => {
    expect(principalMatches(parsePrincipalPattern(pattern), id)).toBe(matches);
  });

  it.each([
    '',
    '*',
    '**',
    'mtls',
    'mtls:',
    'mtls:clients',
    'mtls:clients:',
    'mtls:clients:spiffe://',
    'mtls:clients:*',
    'mtls:clients:dns:a*.test',
    'mtls:clients:spiffe://example.test/a*',
    'mtls:**:spiffe://**/a',
    'system:server',
    'root:**',
    'ACME:**',
    'acme:',
    'acme:a//b',
    'acme:**/**',
  ])('%j is no pattern', (text) => {
    expect(refusalOf(() => parsePrincipalPattern(text)).code).toBe('invalid_name');
  });

  it('contain each other as names do', () => {
    const contains = (outer: string, inner: string): boolean =>
      principalPatternContains(parsePrincipalPattern(outer), parsePrincipalPattern(inner));
    expect(contains('mtls:**', 'mtls:clients:**')).toBe(true);
    expect(contains('mtls:clients:**', 'mtls:*:dns:a.test')).toBe(false);
    expect(contains('acme:**', 'mtls:**')).toBe(false);
  });
});
