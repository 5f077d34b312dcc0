import { describe, expect, it } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import {
  type Ask,
  authorize,
  authorizeEverywhere,
  authorizeGranting,
  decide,
  mismatches,
} from '../../../src/domain/identity/authorize.ts';
import {
  ALL_NAMES,
  builtinGrant,
  type Grant,
  type GrantSpec,
  VERBS,
} from '../../../src/domain/identity/grant.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import type { Principal } from '../../../src/domain/identity/principal.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { grantOf } from '../../support/pipeline.ts';

const ANN = 'mtls:clients:spiffe://example.test/ops/ann';
const ADMIN = 'mtls:clients:spiffe://example.test/chancery/admin';
const ann: Principal = {
  kind: 'mtls',
  issuer: 'clients',
  names: parseNames({ uri: ['spiffe://example.test/ops/ann'] }),
  serial: '0a',
};

const SPEC: GrantSpec = {
  name: 'web',
  principal: ANN,
  verbs: ['issue', 'renew'],
  issuer: 'servers',
  profiles: ['server'],
  dns: ['**.example.test'],
  maxTtl: '24h',
};
const ASK: Ask = {
  principalIds: [ANN],
  verb: 'issue',
  issuer: 'servers',
  profile: 'server',
  names: parseNames({ dns: ['a.example.test'] }),
  ttl: 24 * HOUR,
};
const web = grantOf(SPEC);
const admin = builtinGrant('admin', ADMIN, { verbs: VERBS, issuer: '*', profiles: ['*'], ...ALL_NAMES });
const decideWith = (grants: readonly Grant[], ask: Partial<Ask> = {}) =>
  decide(grants, { ...ASK, ...ask }, TRUST_DOMAIN);

describe('deny by default', () => {
  it('without any grant', () => {
    expect(decideWith([])).toEqual({ allowed: false, rule: 'deny-by-default' });
  });

  it('and names the grant that allows', () => {
    expect(decideWith([web])).toMatchObject({ allowed: true, rule: 'web' });
    expect(authorize([web], ASK, TRUST_DOMAIN)).toBe('web');
  });

  it.each<[Partial<Ask>, string]>([
    [{ principalIds: ['mtls:clients:spiffe://example.test/ops/bob'] }, 'principal'],
    [{ principalIds: [] }, 'principal'],
    [{ verb: 'revoke' }, 'verb'],
    [{ issuer: 'workload' }, 'issuer'],
    [{ profile: 'client' }, 'profile'],
    [{ names: parseNames({ dns: ['example.test'] }) }, 'name'],
    [{ names: parseNames({ dns: ['a.example.test', 'b.evil.test'] }) }, 'name'],
    [{ names: parseNames({ dns: ['a.example.test'], ip: ['10.0.0.1'] }) }, 'name'],
    [{ names: parseNames({ uri: ['spiffe://example.test/a'] }) }, 'name'],
    [{ ttl: 24 * HOUR + 1 }, 'ttl'],
  ])('%j is refused for its %s', (ask, facet) => {
    const decision = decideWith([web], ask);
    expect(decision.allowed).toBe(false);
    expect(decision.nearest?.rule).toBe('web');
    expect(decision.nearest?.lacks.map((lack) => lack.facet)).toEqual([facet]);
  });

  it('one grant has to cover the whole request: two halves do not add up', () => {
    const a = grantOf({ ...SPEC, name: 'a', dns: ['a.example.test'] });
    const b = grantOf({ ...SPEC, name: 'b', dns: ['b.example.test'] });
    const names = parseNames({ dns: ['a.example.test', 'b.example.test'] });
    expect(decideWith([a, b], { names }).allowed).toBe(false);
    expect(decideWith([a, b]).rule).toBe('a');
  });

  it('the first grant that covers it decides, so that the answer is always the same', () => {
    expect(decideWith([grantOf({ ...SPEC, name: 'first' }), web]).rule).toBe('first');
  });
});

describe('the nearest grant is the one that lacks least', () => {
  it('another name is nearer than another verb, and that nearer than another principal', () => {
    const otherName = grantOf({ ...SPEC, name: 'other-name', dns: ['x.example.test'] });
    const otherVerb = grantOf({ ...SPEC, name: 'other-verb', verbs: ['read'] });
    const otherPrincipal = grantOf({ ...SPEC, name: 'other-principal', principal: 'acme:**' });
    expect(decideWith([otherPrincipal, otherVerb, otherName]).nearest?.rule).toBe('other-name');
    expect(decideWith([otherPrincipal, otherVerb]).nearest?.rule).toBe('other-verb');
    expect(decideWith([otherPrincipal]).nearest?.rule).toBe('other-principal');
  });

  it('the refusal says rule, nearest grant and what it lacks, with the offending value', () => {
    const refusal = refusalOf(() =>
      authorize([web], { ...ASK, names: parseNames({ dns: ['a.evil.test'] }) }, TRUST_DOMAIN),
    );
    expect(refusal.code).toBe('not_granted');
    expect(refusal.message).toContain('dns:a.evil.test');
    expect(refusal.detail.rule).toContain('"web"');
    expect(refusal.detail.rule).toContain('**.example.test');
    expect(refusal.detail.data).toMatchObject({ decision: { allowed: false, nearest: { rule: 'web' } } });
  });

  it('a built-in grant of somebody else is nobody’s business', () => {
    expect(decideWith([admin]).nearest).toBeUndefined();
    expect(decideWith([admin], { principalIds: [ADMIN] }).allowed).toBe(true);
  });
});

describe('reserved names', () => {
  const reserved = parseNames({ uri: ['spiffe://example.test/chancery/server'] });
  const everything = grantOf({
    ...SPEC,
    name: 'all',
    issuer: '*',
    profiles: ['*'],
    maxTtl: undefined,
    ...ALL_NAMES,
  });

  it.each([
    '**',
    'spiffe://example.test/**',
    'spiffe://example.test/*/*',
    'spiffe://*/*/server',
    'spiffe://*/**',
  ])('are matched by no pattern, not even %s', (pattern) => {
    expect(
      decideWith([grantOf({ ...SPEC, uri: [pattern] })], { names: reserved }).nearest?.lacks.at(-1)?.message,
    ).toContain('reserved');
  });

  it('are not the administrator’s either', () => {
    expect(decideWith([admin], { principalIds: [ADMIN], names: reserved }).allowed).toBe(false);
    expect(decideWith([everything], { names: reserved }).allowed).toBe(false);
  });

  it('are the server’s own, by a grant that says so', () => {
    const own = builtinGrant(
      'server',
      'system:server',
      { verbs: ['issue'], issuer: '*', profiles: ['*'], uri: ['**'] },
      true,
    );
    expect(decideWith([own], { principalIds: ['system:server'], names: reserved }).allowed).toBe(true);
  });

  it.each([
    'spiffe://example.test/chancery',
    'spiffe://example.test/chancery/**',
    'spiffe://example.test/chancery/admin',
  ])('cannot be granted: %s', (uri) => {
    expect(refusalOf(() => grantOf({ ...SPEC, uri: [uri] })).code).toBe('invalid_name');
  });

  it('reserved principals are matched by no pattern', () => {
    for (const principal of ['mtls:**', 'mtls:clients:**', 'mtls:clients:spiffe://example.test/**', ADMIN])
      expect(decideWith([grantOf({ ...SPEC, principal })], { principalIds: [ADMIN] }).allowed).toBe(false);
    expect(
      decideWith([grantOf({ ...SPEC, principal: 'mtls:**' })], { principalIds: ['system:server'] }).allowed,
    ).toBe(false);
  });
});

describe('nobody can grant more than they hold', () => {
  const holds = grantOf({
    ...SPEC,
    name: 'holds',
    verbs: ['issue', 'admin'],
    uri: ['spiffe://example.test/web/**'],
  });
  const wants = (more: Partial<GrantSpec>): Grant =>
    grantOf({
      principal: 'acme:**',
      verbs: ['issue'],
      issuer: 'servers',
      profiles: ['server'],
      dns: ['a.example.test'],
      maxTtl: '1h',
      name: 'wanted',
      ...more,
    });

  it.each<[Partial<GrantSpec>, boolean]>([
    [{}, true],
    [{ dns: ['**.example.test'] }, true],
    [{ dns: ['**.b.example.test'], uri: ['spiffe://example.test/web/*'] }, true],
    [{ verbs: ['issue', 'admin'] }, true],
    [{ maxTtl: '24h' }, true],
    [{ verbs: ['revoke'] }, false],
    [{ issuer: '*' }, false],
    [{ issuer: 'workload' }, false],
    [{ profiles: ['*'] }, false],
    [{ profiles: ['server', 'client'] }, false],
    [{ dns: ['**.test'] }, false],
    [{ dns: ['example.test'] }, false],
    [{ dns: ['**'] }, false],
    [{ uri: ['spiffe://example.test/**'] }, false],
    [{ uri: ['**'] }, false],
    [{ ip: ['10.0.0.1'] }, false],
    [{ email: ['*@example.test'] }, false],
    [{ maxTtl: '25h' }, false],
    [{ maxTtl: undefined }, false],
  ])('%j: %s', (more, allowed) => {
    const grant = () => authorizeGranting([web, holds], ann, wants(more), TRUST_DOMAIN);
    if (allowed) expect(grant()).toBe('holds');
    else expect(refusalOf(grant).code).toBe('grant_exceeds_own');
  });

  it('who holds no grant with the verb admin grants nothing', () => {
    expect(refusalOf(() => authorizeGranting([web], ann, wants({}), TRUST_DOMAIN)).code).toBe('not_granted');
  });
});

describe('reading everything', () => {
  it('takes a grant on every issuer, profile and name', () => {
    const all = grantOf({
      principal: ANN,
      verbs: ['read'],
      issuer: '*',
      profiles: ['*'],
      ...ALL_NAMES,
      name: 'auditor',
    });
    expect(authorizeEverywhere([web, all], ann, 'read', TRUST_DOMAIN)).toBe('auditor');
    for (const less of [
      { issuer: 'servers' },
      { profiles: ['server'] },
      { dns: ['**.test'] },
      { ip: ['0.0.0.0/0'] },
      { verbs: ['issue'] as const },
      { maxTtl: '1h' },
    ]) {
      const grant = grantOf({ ...all.spec, ...less });
      expect(refusalOf(() => authorizeEverywhere([grant], ann, 'read', TRUST_DOMAIN)).code).toBe(
        'not_granted',
      );
    }
  });

  it('and by the principal it is for', () => {
    const all = grantOf({
      principal: 'acme:**',
      verbs: ['read'],
      issuer: '*',
      profiles: ['*'],
      ...ALL_NAMES,
    });
    expect(refusalOf(() => authorizeEverywhere([all], ann, 'read', TRUST_DOMAIN)).code).toBe('not_granted');
  });
});

describe('a grant is parsed', () => {
  it.each([
    [{ name: 'builtin-x' }, 'invalid_request'],
    [{ name: 'builtin:x' }, 'invalid_request'],
    [{ name: 'A' }, 'invalid_request'],
    [{ name: '__proto__' }, 'invalid_request'],
    [{ name: 'a'.repeat(64) }, 'invalid_request'],
    [{ maxTtl: '1' }, 'invalid_duration'],
    [{ maxTtl: '0s' }, 'invalid_duration'],
    [{ maxTtl: '-1h' }, 'invalid_duration'],
    [{ maxTtl: '999999999d' }, 'invalid_duration'],
    [{ dns: ['a*b'] }, 'invalid_name'],
    [{ principal: 'everybody' }, 'invalid_name'],
  ])('%j is refused with %s', (more, code) => {
    expect(refusalOf(() => grantOf({ ...SPEC, ...more })).code).toBe(code);
  });

  it('a kind of name that is left out allows none of it', () => {
    const bare = grantOf({ principal: ANN, verbs: ['issue'], issuer: '*', profiles: ['*'] });
    expect(mismatches(bare, ASK, TRUST_DOMAIN).map(({ facet }) => facet)).toEqual(['name']);
  });
});
