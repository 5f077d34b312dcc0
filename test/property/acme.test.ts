import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY, type Instant } from '../../src/base/clock.ts';
import {
  type AcmeAuthorization,
  authorizationStatus,
  type ChallengeAttempt,
} from '../../src/domain/acme/authorization.ts';
import { type AcmeOrder, orderStatus } from '../../src/domain/acme/order.ts';
import { NOON } from '../support/records.ts';
import { fuzzAcmeRequests } from './acme-requests.ts';
import { RUNS } from './runs.ts';

fuzzAcmeRequests(RUNS);

const instant = fc.integer({ min: NOON - 40 * DAY, max: NOON + 40 * DAY });
const maybe = (arbitrary: fc.Arbitrary<Instant>): fc.Arbitrary<Instant | null> =>
  fc.option(arbitrary, { nil: null });
const attempt: fc.Arbitrary<ChallengeAttempt> = fc.record({
  type: fc.constant('http-01' as const),
  startedAt: instant,
  validatedAt: maybe(instant),
  failedAt: maybe(instant),
  problem: fc.constant(null),
  log: fc.constant([]),
});
const authorization: fc.Arbitrary<AcmeAuthorization> = fc.record({
  id: fc.constant('a'),
  issuer: fc.constant('servers'),
  account: fc.constant('b'),
  name: fc.constant({ kind: 'dns' as const, value: 'www.example.test' }),
  wildcard: fc.boolean(),
  seed: fc.constant(new Uint8Array(32)),
  createdAt: instant,
  expiresAt: instant,
  deactivatedAt: maybe(instant),
  preauthorizedBy: fc.option(fc.constant('k'), { nil: null }),
  attempts: fc.array(attempt, { maxLength: 2 }),
});

describe('status', () => {
  it('RFC 8555 7.1.6: an order is ready only with a valid authorization for every name, and in time', () => {
    fc.assert(
      fc.property(
        fc.array(authorization, { maxLength: 4 }),
        fc.nat(4),
        instant,
        instant,
        maybe(fc.constant(1)),
        fc.boolean(),
        (authorizations, names, expiresAt, now, certified, vouches) => {
          const order = {
            names: Array(names).fill({ kind: 'dns', value: 'www.example.test' }),
            expiresAt,
            certificate: certified === null ? null : '0a',
          } as unknown as AcmeOrder;
          const status = orderStatus(order, authorizations, now, () => vouches);
          if (order.certificate !== null) {
            expect(status).toBe('valid');
            return;
          }
          if (status !== 'ready') {
            expect(['pending', 'invalid']).toContain(status);
            return;
          }
          expect(names).toBeGreaterThan(0);
          expect(authorizations).toHaveLength(names);
          expect(now).toBeLessThanOrEqual(expiresAt);
          for (const one of authorizations) {
            expect(authorizationStatus(one, now, () => vouches)).toBe('valid');
            expect(one.deactivatedAt).toBeNull();
            expect(
              one.preauthorizedBy !== null
                ? vouches
                : one.attempts.some(({ validatedAt }) => validatedAt !== null),
            ).toBe(true);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('RFC 8555 7.1.6: once over, an authorization never becomes valid by time', () => {
    fc.assert(
      fc.property(authorization, instant, fc.nat(40 * DAY), (one, now, later) => {
        const before = authorizationStatus(one, now, () => true);
        const after = authorizationStatus(one, now + later, () => true);
        if (before !== 'pending' && before !== 'valid') expect(after).not.toBe('valid');
      }),
      { numRuns: RUNS },
    );
  });
});
