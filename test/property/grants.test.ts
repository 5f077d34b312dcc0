import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { decide } from '../../src/domain/identity/authorize.ts';
import { grantExcess, type GrantSpec, VERBS } from '../../src/domain/identity/grant.ts';
import { type Name, parseName } from '../../src/domain/identity/names.ts';
import {
  nameMatches,
  type NamePattern,
  parsePattern,
  patternContains,
} from '../../src/domain/identity/pattern.ts';
import { formatIp } from '../../src/x509/ip.ts';
import { TRUST_DOMAIN } from '../support/authority.ts';
import { grantOf } from '../support/pipeline.ts';
import { RUNS } from './runs.ts';

// few letters and short names, so that patterns and names meet often
const label = fc.constantFrom('a', 'b', 'c');
const labels = fc.array(label, { minLength: 2, maxLength: 4 });
const withWildcards = (parts: readonly string[], stars: readonly number[], deep: number): string[] =>
  parts.map((part, i) => (i === deep ? '**' : stars.includes(i) ? '*' : part));
const spread = fc
  .tuple(labels, fc.array(fc.nat(3), { maxLength: 2 }), fc.integer({ min: -3, max: 3 }))
  .map(([parts, stars, deep]) => withWildcards(parts, stars, deep));

const ip = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const range = fc.tuple(ip, fc.nat(128)).map(([octets, prefix]) => {
  const bits = Math.min(prefix, octets.length * 8);
  const network = octets.map((octet, i) => octet & (0xff << (8 - Math.max(0, Math.min(8, bits - i * 8)))));
  return `${formatIp(network)}/${bits}`;
});

const pattern: fc.Arbitrary<NamePattern> = fc.oneof(
  fc
    .oneof(
      fc.constant('**'),
      spread.map((parts) => parts.join('.')),
    )
    .map((text) => parsePattern('dns', text)),
  fc
    .oneof(
      fc.constant('**'),
      spread.map((parts) => `spiffe://example.test/${parts.join('/')}`),
    )
    .map((text) => parsePattern('uri', text)),
  fc
    .oneof(
      fc.constant('**'),
      fc.tuple(fc.constantFrom('a', '*'), spread).map(([local, host]) => `${local}@${host.join('.')}`),
    )
    .map((text) => parsePattern('email', text)),
  range.map((text) => parsePattern('ip', text)),
);
const name: fc.Arbitrary<Name> = fc.oneof(
  fc
    .tuple(fc.boolean(), labels)
    .map(([wild, parts]) => parseName('dns', `${wild ? '*.' : ''}${parts.join('.')}`)),
  labels.map((parts) => parseName('uri', `spiffe://example.test/${parts.join('/')}`)),
  fc.tuple(label, labels).map(([local, parts]) => parseName('email', `${local}@${parts.join('.')}`)),
  ip.map((octets) => parseName('ip', formatIp(octets))),
);

describe('patterns', () => {
  it('what the inner matches, the outer matches, wherever it contains the inner', () => {
    let met = 0;
    fc.assert(
      fc.property(pattern, pattern, name, (outer, inner, value) => {
        if (!patternContains(outer, inner) || !nameMatches(inner, value)) return;
        met++;
        expect(nameMatches(outer, value)).toBe(true);
      }),
      { numRuns: RUNS * 10 },
    );
    expect(met).toBeGreaterThan(RUNS / 100);
  });

  it('a pattern contains itself, and containing goes on through a third', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        expect(patternContains(a, a)).toBe(true);
        if (patternContains(a, b) && patternContains(b, c)) expect(patternContains(a, c)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('without a wildcard matches one name: itself', () => {
    fc.assert(
      fc.property(labels, name, (parts, value) => {
        const text = parts.join('.');
        expect(nameMatches(parsePattern('dns', text), value)).toBe(
          value.kind === 'dns' && value.value === text,
        );
      }),
      { numRuns: RUNS },
    );
  });
});

const subset = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });
const spec: fc.Arbitrary<GrantSpec> = fc
  .record({
    verbs: subset(VERBS.slice(0, 3)),
    issuer: fc.constantFrom('*', 'servers', 'clients'),
    profiles: fc.oneof(fc.constant(['*']), subset(['server', 'client'])),
    patterns: fc.array(pattern, { maxLength: 3 }),
    maxTtl: fc.constantFrom(undefined, '1h', '2h'),
  })
  .map(({ patterns, ...rest }) => {
    const of = (kind: Name['kind']): string[] =>
      patterns.filter((own) => own.kind === kind).map(({ text }) => text);
    return {
      principal: 'acme:**',
      ...rest,
      uri: of('uri'),
      dns: of('dns'),
      ip: of('ip'),
      email: of('email'),
    };
  });
const ask = fc.record({
  principalIds: fc.constant(['acme:17']),
  verb: fc.constantFrom(...VERBS.slice(0, 3)),
  issuer: fc.constantFrom('servers', 'clients'),
  profile: fc.constantFrom('server', 'client'),
  names: fc.array(name, { maxLength: 2 }),
  ttl: fc.constantFrom(HOUR, 2 * HOUR, 3 * HOUR),
});

describe('grants', () => {
  it('whatever a grant without excess allows, the grantor’s own allows', () => {
    let met = 0;
    fc.assert(
      fc.property(spec, spec, ask, (outerSpec, innerSpec, request) => {
        const [outer, inner] = [grantOf(outerSpec, 'outer'), grantOf(innerSpec, 'inner')];
        if (grantExcess(outer, inner).length > 0 || !decide([inner], request, TRUST_DOMAIN).allowed) return;
        met++;
        expect(decide([outer], request, TRUST_DOMAIN).allowed).toBe(true);
      }),
      { numRuns: RUNS * 10 },
    );
    expect(met).toBeGreaterThan(10);
  });

  it('taking a grant away never allows more', () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 4 }), ask, (specs, request) => {
        const grants = specs.map((own, i) => grantOf(own, `g${i}`));
        const all = decide(grants, request, TRUST_DOMAIN).allowed;
        for (const left of grants)
          if (
            decide(
              grants.filter((grant) => grant !== left),
              request,
              TRUST_DOMAIN,
            ).allowed
          )
            expect(all).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('no grant reaches a reserved name', () => {
    fc.assert(
      fc.property(spec, labels, (own, parts) => {
        const names = [parseName('uri', `spiffe://example.test/chancery/${parts.join('/')}`)];
        const request = {
          principalIds: ['acme:17'],
          verb: 'issue',
          issuer: 'servers',
          profile: 'server',
          names,
        } as const;
        expect(
          decide([grantOf({ ...own, uri: [...(own.uri ?? []), '**'] }, 'g')], request, TRUST_DOMAIN).allowed,
        ).toBe(false);
      }),
      { numRuns: RUNS },
    );
  });
});
