import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DAY, type Instant } from '../../src/base/clock.ts';
import {
  type AcmeAuthorization,
  authorizationStatus,
  type ChallengeAttempt,
} from '../../src/domain/acme/authorization.ts';
import { type AcmeOrder, orderStatus } from '../../src/domain/acme/order.ts';
import { asProblem } from '../../src/domain/acme/problem.ts';
import { makeAcme, signed, type TestAcme, type TestClient } from '../support/acme.ts';
import { NOON } from '../support/records.ts';
import { RUNS } from './runs.ts';

let acme: TestAcme;
let client: TestClient;
beforeAll(async () => {
  acme = await makeAcme();
  client = acme.client();
  await client.register();
});

const PATHS = [
  'new-account',
  'new-order',
  'key-change',
  'revoke-cert',
  'account/x',
  'order/x/finalize',
  'authz/x',
  'challenge/x/http-01',
  'certificate/00',
  'orders/x',
];

/** JSON that means something here, or nothing at all. */
const leaf = fc.oneof(
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text) as unknown),
  fc.constantFrom(
    'ES256',
    'none',
    'HS256',
    '',
    0,
    -1,
    1e308,
    null,
    true,
    [],
    {},
    '__proto__',
    '\0',
    '*',
    '*.example.test',
    '2026-06-31T00:00:00Z',
    'mailto:',
    '..',
  ),
);
const payload = fc.dictionary(
  fc.constantFrom(
    'identifiers',
    'notBefore',
    'notAfter',
    'profile',
    'replaces',
    'contact',
    'status',
    'csr',
    'certificate',
    'reason',
    'externalAccountBinding',
    'onlyReturnExisting',
    'protected',
    'payload',
    'signature',
    'account',
    'oldKey',
    '__proto__',
    'constructor',
  ),
  fc.oneof(leaf, fc.array(fc.dictionary(fc.constantFrom('type', 'value'), leaf), { maxLength: 3 })),
);
const header = fc.dictionary(
  fc.constantFrom('alg', 'kid', 'jwk', 'url', 'nonce', 'crit', 'b64', 'x5c', '__proto__'),
  fc.oneof(leaf, fc.constant(undefined)),
  { maxKeys: 2 },
);

/** What it came to: never a failure inside. */
async function outcome(sent: Promise<{ status: number }>): Promise<number> {
  try {
    return (await sent).status;
  } catch (error) {
    return asProblem(error).status;
  }
}

describe('requests of strangers', () => {
  it('RFC 8555 6.2: a body of whatever octets is refused with 4xx', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PATHS), fc.oneof(fc.string(), fc.json()), async (path, body) => {
        const status = await outcome(client.post(path, undefined, { body }));
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: RUNS },
    );
  });

  it('RFC 8555 6.2: a JWS with any header and payload, rightly signed, is answered or refused, never failed at', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PATHS), header, payload, async (path, over, content) => {
        const url = client.url(path);
        const head = { alg: 'ES256', nonce: acme.server.nonce(), url, kid: client.kid, ...over };
        const body = JSON.stringify(signed(client.key, head, content));
        const status = await outcome(client.post(path, undefined, { body }));
        expect(status).toBeLessThan(500);
      }),
      { numRuns: RUNS },
    );
  });

  it('RFC 8555 6.2: a JWS in which one character is another is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom(...'AZaz09-_".{}'), async (at, char) => {
        const url = client.url('new-order');
        const head = { alg: 'ES256', nonce: acme.server.nonce(), url, kid: client.kid };
        const text = JSON.stringify(
          signed(client.key, head, { identifiers: [{ type: 'dns', value: 'www.example.test' }] }),
        );
        const index = at % text.length;
        if (text[index] === char) return;
        const body = text.slice(0, index) + char + text.slice(index + 1);
        const status = await outcome(client.post('new-order', undefined, { body }));
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: RUNS },
    );
  });

  it('nothing that was sent stands in a prototype', () => {
    expect(({} as Record<string, unknown>)['identifiers']).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('status');
  });
});

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
