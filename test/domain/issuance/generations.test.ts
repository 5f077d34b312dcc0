import { describe, expect, it, test } from 'vitest';
import { DAY, HOUR } from '../../../src/base/clock.ts';
import {
  loginFault,
  mayRetire,
  PROPAGATION,
  refuseActivation,
  refuseRetirement,
  refuseRootRetirement,
  shouldActivateNext,
  shouldPrepareNext,
  slotsOf,
  stateOf,
} from '../../../src/domain/issuance/generations.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { refusalOf } from '../../support/errors.ts';

const start = Date.UTC(2026, 0, 1);
const LIFE = 360 * DAY;

/** A generation that lives 360 days. */
const stage = (
  number: number,
  born: number,
  activatedAt: number | null,
  retiredAt: number | null = null,
) => ({
  number,
  preparedAt: born,
  activatedAt,
  retiredAt,
  certificate: { notBefore: born, notAfter: born + LIFE },
});

describe('slots', () => {
  const first = stage(1, start, start);
  const second = stage(2, start + 240 * DAY, start + 241 * DAY);

  it.each([
    ['before anything is activated', start - 1, ['next', 'next']],
    ['the day the first is activated', start, ['current', 'next']],
    ['until the second is', start + 241 * DAY - 1, ['current', 'next']],
    ['from then on', start + 241 * DAY, ['superseded', 'current']],
  ])('%s', (_when, now, states) => {
    expect([first, second].map((each) => stateOf(each, [first, second], now))).toEqual(states);
  });

  it('a retired one is retired, whatever else it was', () => {
    const retired = { ...first, retiredAt: start + 300 * DAY };
    expect(stateOf(retired, [retired, second], start + 300 * DAY - 1)).toBe('superseded');
    expect(stateOf(retired, [retired, second], start + 300 * DAY)).toBe('retired');
    expect(slotsOf([retired, second], start + 300 * DAY)).toEqual({ current: second, next: undefined });
  });

  it('next is what was never activated and comes after the current one', () => {
    const next = stage(3, start + 300 * DAY, null);
    expect(slotsOf([first, second, next], start + 301 * DAY).next).toBe(next);
    expect(slotsOf([first, { ...second, activatedAt: null, retiredAt: start }, next], start + 1).next).toBe(
      next,
    );
    expect(slotsOf([{ ...first, activatedAt: null }, second], start + 301 * DAY).next).toBeUndefined();
    expect(slotsOf([], start)).toEqual({ current: undefined, next: undefined });
  });
});

describe('a year and more of an issuer', () => {
  it('prepares at a third of its life, activates a day later, and never leaves a day without an issuer', () => {
    const clock = new FakeClock(start);
    const line = [stage(1, start, start)];
    const happened: [string, number][] = [];
    for (let hours = 0; hours < 3 * 360 * 24; hours++) {
      const now = clock.now();
      const { current, next } = slotsOf(line, now);
      expect(current?.certificate.notAfter ?? 0).toBeGreaterThan(now);
      const days = (now - start) / DAY;
      if (shouldPrepareNext(current, next, now)) {
        line.push(stage(line.length + 1, now, null));
        happened.push(['prepared', days]);
      } else if (next !== undefined && shouldActivateNext(current, next, now)) {
        line[next.number - 1] = { ...next, activatedAt: now };
        happened.push(['activated', days]);
      }
      clock.advance(HOUR);
    }
    expect(happened.slice(0, 4)).toEqual([
      ['prepared', 240],
      ['activated', 241],
      ['prepared', 480],
      ['activated', 481],
    ]);
  });
});

describe('the next generation', () => {
  const current = stage(1, start, start);
  const at = (days: number): number => start + days * DAY;

  test.each([
    ['long before', 239.9, false],
    ['at a third', 240, true],
    ['after it has expired', 400, true],
  ])('is prepared %s: %s days', (_when, days, due) => {
    expect(shouldPrepareNext(current, undefined, at(days))).toBe(due);
  });

  test('is prepared at once where nothing issues, and never twice', () => {
    expect(shouldPrepareNext(undefined, undefined, start)).toBe(true);
    expect(shouldPrepareNext(undefined, {}, start)).toBe(false);
    expect(shouldPrepareNext(current, {}, at(350))).toBe(false);
  });

  test.each([
    ['not before it was published for a day', 240, PROPAGATION - 1, false],
    ['after a day', 240, PROPAGATION, true],
    ['at once where less than a sixth is left', 300.1, 0, true],
    ['not at once at a sixth', 300, 0, false],
  ])('is activated %s', (_when, born, after, due) => {
    const next = stage(2, at(born), null);
    expect(shouldActivateNext(current, next, at(born) + after)).toBe(due);
  });

  test('is activated at once where nothing issues, but not before it is valid, nor when it has expired', () => {
    const next = stage(2, start, null);
    expect(shouldActivateNext(undefined, next, start)).toBe(true);
    expect(shouldActivateNext(undefined, next, start - 1)).toBe(false);
    expect(shouldActivateNext(undefined, next, start + LIFE + 1)).toBe(false);
    expect(shouldActivateNext(undefined, undefined, start)).toBe(false);
  });
});

describe('what an operator may not do', () => {
  const next = { ...stage(2, start, null), stopped: null };

  test.each([
    ['it is current', next, 'current', start],
    ['it is superseded', next, 'superseded', start],
    ['it is retired', next, 'retired', start],
    ['it is not valid yet', next, 'next', start - 1],
    ['it has expired', next, 'next', start + LIFE + 1],
    ['it was stopped', { ...next, stopped: 'looked odd' }, 'next', start],
  ] as const)('activate a generation when %s', (_why, generation, state, now) => {
    expect(refusalOf(() => refuseActivation('servers-2', generation, state, now)).code).toBe('not_ready');
  });

  test('activating what is next and valid is fine', () => {
    expect(() => refuseActivation('servers-2', next, 'next', start)).not.toThrow();
  });

  test.each(['current', 'retired'] as const)('retire a %s generation', (state) => {
    const nothing = { count: 0, latest: undefined };
    expect(refusalOf(() => refuseRetirement('servers-1', state, nothing, start)).code).toBe('not_ready');
  });

  test('retire a generation whose certificates live: how many and until when is said', () => {
    const refusal = refusalOf(() =>
      refuseRetirement('servers-1', 'superseded', { count: 17, latest: start + DAY }, start),
    );
    expect(refusal.code).toBe('would_strand');
    expect(refusal.message).toBe(
      '17 certificates of servers-1 still live, the last until 2026-01-02T00:00:00Z',
    );
    expect(refusal.detail.data).toEqual({ living: 17, latestNotAfter: '2026-01-02T00:00:00Z' });
  });

  test.each([
    ['superseded', undefined, true],
    ['superseded', start - 1, true],
    ['superseded', start, false],
    ['next', undefined, true],
    ['current', undefined, false],
  ] as const)('a %s generation whose last certificate ends at %s may retire: %s', (state, latest, may) => {
    expect(mayRetire(state, latest, start)).toBe(may);
  });

  test('retire a root with generations below it, or the one that signs', () => {
    const below = [{ id: 'servers-1', certificate: { notAfter: start } }];
    expect(refusalOf(() => refuseRootRetirement('internal', 'superseded', below)).code).toBe('would_strand');
    expect(refusalOf(() => refuseRootRetirement('internal', 'current', [])).code).toBe('not_ready');
    expect(() => refuseRootRetirement('internal', 'superseded', [])).not.toThrow();
  });
});

describe('certificates of a generation log in', () => {
  const generation = { retiredAt: null, revokedAt: null };

  it('while it is known, not retired and not revoked by its root', () => {
    expect(loginFault(generation, start)).toBeUndefined();
    expect(loginFault({ ...generation, retiredAt: start + 1 }, start)).toBeUndefined();
    expect(loginFault(undefined, start)).toBe('is not known here');
    expect(loginFault({ ...generation, retiredAt: start }, start)).toMatch(/^retired at /);
    expect(loginFault({ ...generation, revokedAt: start + DAY }, start)).toMatch(
      /^was revoked by its root at /,
    );
  });
});
