import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/base/clock.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { clockGuard } from '../../../src/domain/issuance/clock-guard.ts';
import { decideLifetime } from '../../../src/domain/issuance/lifetime.ts';
import { checkNames, DEFAULT_PROFILES, resolveTtl } from '../../../src/domain/issuance/profile.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { GENEROUS, grantOf, issued, makePipeline, SERVICE_ID } from '../../support/pipeline.ts';

describe('a clock that went back', () => {
  const highest = Date.UTC(2026, 5, 1);
  const clock = new FakeClock(highest);
  const guard = clockGuard(clock, () => highest);

  it('by an hour or less is believed', () => {
    clock.set(highest - HOUR);
    expect(() => guard()).not.toThrow();
  });

  it('by more stops signing, with both times in the message', () => {
    clock.set(highest - HOUR - 1);
    const refusal = refusalOf(guard);
    expect(refusal.code).toBe('clock_went_back');
    expect(refusal.message).toContain('2026-06-01T00:00:00Z');
    expect(refusal.detail.retryAfter).toBeGreaterThan(0);
  });

  it('and is believed again once it is right', () => {
    clock.set(highest);
    expect(() => guard()).not.toThrow();
  });
});

describe('the names of a profile', () => {
  const uri = ['spiffe://example.test/a'];
  it.each([
    ['workload', { uri }, true],
    ['workload', { uri, dns: ['a.test'], ip: ['10.0.0.1'] }, true],
    ['workload', { dns: ['a.test'] }, false],
    ['workload', { uri: [...uri, 'spiffe://example.test/b'] }, false],
    ['workload', { uri, email: ['a@b.test'] }, false],
    ['workload', { uri: ['spiffe://other.test/a'] }, false],
    ['server', { dns: ['a.test'] }, true],
    ['server', { ip: ['10.0.0.1'] }, true],
    ['server', { uri, dns: ['a.test'] }, true],
    ['server', { email: ['a@b.test'] }, false],
    ['server', {}, false],
    ['client', { email: ['a@b.test'] }, true],
    ['client', {}, false],
  ] as const)('%s, %j: %s', (name, lists, fits) => {
    const check = () => checkNames(DEFAULT_PROFILES[name], parseNames(lists), TRUST_DOMAIN);
    if (fits) expect(check).not.toThrow();
    else expect(refusalOf(check).code).toBe('profile_violation');
  });
});

describe('the lifetime', () => {
  const profile = DEFAULT_PROFILES.workload;
  const ask = {
    principalIds: [SERVICE_ID],
    verb: 'issue',
    issuer: 'workload',
    profile: 'workload',
    names: parseNames({ uri: ['spiffe://example.test/app'] }),
  } as const;
  const grants = (maxTtl?: string) => [grantOf({ ...GENEROUS, maxTtl })];

  it('that is asked for is granted or refused, never changed', () => {
    expect(decideLifetime(grants('10m'), ask, profile, 10 * MINUTE, TRUST_DOMAIN)).toMatchObject({
      ttl: 10 * MINUTE,
      decision: { allowed: true },
    });
    expect(decideLifetime(grants('10m'), ask, profile, 11 * MINUTE, TRUST_DOMAIN).decision.allowed).toBe(
      false,
    );
  });

  it('that is left out is the default, or as long as the grant allows', () => {
    expect(decideLifetime(grants(), ask, profile, undefined, TRUST_DOMAIN).ttl).toBe(HOUR);
    expect(decideLifetime(grants('2h'), ask, profile, undefined, TRUST_DOMAIN).ttl).toBe(HOUR);
    expect(decideLifetime(grants('10m'), ask, profile, undefined, TRUST_DOMAIN)).toMatchObject({
      ttl: 10 * MINUTE,
      decision: { allowed: true },
    });
  });

  it('does not help where anything else is refused', () => {
    expect(
      decideLifetime(grants('10m'), { ...ask, verb: 'revoke' }, profile, undefined, TRUST_DOMAIN).decision
        .allowed,
    ).toBe(false);
    expect(decideLifetime([], ask, profile, undefined, TRUST_DOMAIN).decision.allowed).toBe(false);
  });

  it('is in the certificate that comes of it', async () => {
    const pipeline = await makePipeline({ grants: [{ ...GENEROUS, maxTtl: '10m' }] });
    const record = issued(await pipeline.issue({}));
    expect(record.notAfter + SECOND - record.issuedAt).toBe(10 * MINUTE);
  });

  it.each([0, -1, 1, 9 * SECOND, DAY + SECOND, Number.NaN, Number.POSITIVE_INFINITY])(
    '%d ms is none',
    (ttl) => {
      expect(refusalOf(() => resolveTtl(profile, ttl)).code).toBe('profile_violation');
    },
  );
});
