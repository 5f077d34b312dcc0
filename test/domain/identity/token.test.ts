import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR, MINUTE } from '../../../src/base/clock.ts';
import { decide } from '../../../src/domain/identity/authorize.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { type StoredToken, tokenGrant, tokenState } from '../../../src/domain/identity/token.ts';
import { authenticateToken, grantsOf } from '../../../src/domain/identity/token-login.ts';
import { formatTokenString, parseTokenString } from '../../../src/domain/identity/token-string.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { GENEROUS, grantOf } from '../../support/pipeline.ts';

const now = Date.UTC(2026, 5, 1);
const token: StoredToken = {
  id: 't1',
  issuer: 'workload',
  profile: 'workload',
  names: parseNames({ uri: ['spiffe://example.test/app'], dns: ['app.example.test'] }),
  maxTtl: null,
  uses: 2,
  used: 0,
  expiresAt: now + HOUR,
  createdBy: 'system:test',
  createdAt: now,
  owner: null,
  revokedAt: null,
};

describe('the state of a token', () => {
  it.each<[Partial<StoredToken>, number, string]>([
    [{}, now, 'usable'],
    [{ used: 1 }, now, 'usable'],
    [{ used: 2 }, now, 'spent'],
    [{ used: 3 }, now, 'spent'],
    [{}, now + HOUR, 'usable'],
    [{}, now + HOUR + 1, 'expired'],
    [{ used: 2 }, now + HOUR + 1, 'expired'],
    [{ revokedAt: now }, now, 'revoked'],
    [{ revokedAt: now, used: 2 }, now + 2 * HOUR, 'revoked'],
  ])('%j at %d: %s', (changes, at, state) => {
    expect(tokenState({ ...token, ...changes }, at)).toBe(state);
  });
});

describe('a login by token', () => {
  it('is refused when nobody knows it, when it expired and when it was revoked', () => {
    for (const stored of [undefined, { ...token, expiresAt: now - 1 }, { ...token, revokedAt: now }])
      expect(refusalOf(() => authenticateToken(stored, now)).code).toBe('credential_rejected');
  });

  it('says of a spent one that it is spent', () => {
    expect(authenticateToken(token, now)).toMatchObject({ kind: 'token', spent: false });
    expect(authenticateToken({ ...token, used: 2 }, now)).toMatchObject({ kind: 'token', spent: true });
  });
});

describe('Vault CVE-2023-24999: a token is good for its own names, issuer and profile', () => {
  const principal = authenticateToken(token, now);
  const grants = grantsOf(principal, [grantOf({ ...GENEROUS, principal: 'token:**' })]);
  const ask = {
    principalIds: ['token:t1'],
    verb: 'issue',
    issuer: 'workload',
    profile: 'workload',
    names: token.names,
  } as const;
  const allowed = (changes: object): boolean => decide(grants, { ...ask, ...changes }, TRUST_DOMAIN).allowed;

  it('and nothing else, whatever grants there are for tokens', () => {
    expect(allowed({})).toBe(true);
    expect(allowed({ names: token.names.slice(0, 1) })).toBe(true);
    expect(allowed({ names: parseNames({ uri: ['spiffe://example.test/other'] }) })).toBe(false);
    expect(allowed({ names: parseNames({ dns: ['a.app.example.test'] }) })).toBe(false);
    expect(allowed({ names: [...token.names, ...parseNames({ ip: ['10.0.0.1'] })] })).toBe(false);
    expect(allowed({ issuer: 'servers' })).toBe(false);
    expect(allowed({ profile: 'client' })).toBe(false);
    expect(allowed({ verb: 'renew' })).toBe(false);
    expect(allowed({ verb: 'admin' })).toBe(false);
    expect(allowed({ principalIds: ['token:t2'] })).toBe(false);
  });

  it('a wildcard in them is a name, not a pattern', () => {
    const names = parseNames({ dns: ['*.example.test'], email: ['*@example.test'] });
    const own = [tokenGrant({ ...token, names })];
    const may = (wanted: typeof names): boolean =>
      decide(own, { ...ask, names: wanted }, TRUST_DOMAIN).allowed;
    expect(may(names)).toBe(true);
    expect(may(parseNames({ dns: ['a.example.test'] }))).toBe(false);
    expect(may(parseNames({ email: ['ann@example.test'] }))).toBe(false);
  });

  it('for no longer than it says', () => {
    const short = [tokenGrant({ ...token, maxTtl: 10 * MINUTE })];
    expect(decide(short, { ...ask, ttl: 10 * MINUTE }, TRUST_DOMAIN).allowed).toBe(true);
    expect(decide(short, { ...ask, ttl: 10 * MINUTE + 1000 }, TRUST_DOMAIN).allowed).toBe(false);
  });

  it('and never for a reserved one', () => {
    const names = parseNames({ uri: ['spiffe://example.test/chancery/admin'] });
    expect(decide([tokenGrant({ ...token, names })], { ...ask, names }, TRUST_DOMAIN).allowed).toBe(false);
  });
});

describe('the string of a token', () => {
  const root = 'ab'.repeat(32);

  it('is read back, with white space around it', () => {
    fc.assert(
      fc.property(
        fc.webUrl({ validSchemes: ['https'] }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (url, secret) => {
          const text = formatTokenString({ url, secret, root });
          expect(text).toMatch(/^chy_[A-Za-z0-9_-]+$/);
          expect(parseTokenString(` ${text}\n`)).toEqual({ url, secret: Buffer.from(secret), root });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('with any character changed is refused, without a word of it', () => {
    const text = formatTokenString({ url: 'https://a.test:8443', secret: Buffer.alloc(32, 7), root });
    for (let at = 0; at < text.length; at++) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      const refusal = refusalOf(() => parseTokenString(changed));
      expect(refusal.code).toBe('malformed_token');
      expect(JSON.stringify(refusal.detail)).not.toContain(text.slice(20, 40));
    }
    for (let length = 0; length < text.length; length++)
      expect(() => parseTokenString(text.slice(0, length))).toThrow();
  });

  it.each([
    ['http', { url: 'http://a.test' }],
    ['a short secret', { secret: Buffer.alloc(31) }],
    ['a root that is no digest', { root: 'ab' }],
    ['a root in upper case', { root: 'AB'.repeat(32) }],
  ])('with %s is refused', (_what, changes) => {
    const text = formatTokenString({ url: 'https://a.test', secret: Buffer.alloc(32), root, ...changes });
    expect(refusalOf(() => parseTokenString(text)).code).toBe('malformed_token');
  });
});
