import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/base/clock.ts';
import type { Rate } from '../../src/base/rate.ts';
import { Budget } from '../../src/scheduler/budget.ts';
import { FakeClock } from '../fakes/clock.ts';
import { NOW } from '../support/chains.ts';

const CA = { burst: 1, interval: MINUTE };

const opened = (rate: Rate): { clock: FakeClock; budget: Budget } => {
  const clock = new FakeClock(NOW);
  return { clock, budget: new Budget(clock, (lane) => (lane === 'free' ? undefined : rate)) };
};

/** Everybody comes when they were told to; how often each had to, and when each started. */
function run({ clock, budget }: ReturnType<typeof opened>, count: number) {
  const due = new Map(Array.from({ length: count }, (_, n) => [`w${n}`, NOW]));
  const asked = new Map<string, number>();
  const started: number[] = [];
  while (due.size > 0) {
    const next = Math.min(...due.values());
    clock.advance(next - clock.now());
    for (const [who, at] of due) {
      if (at > clock.now()) continue;
      asked.set(who, (asked.get(who) ?? 0) + 1);
      const wait = budget.take('lane', who);
      if (wait > 0) due.set(who, clock.now() + wait);
      else {
        due.delete(who);
        started.push(clock.now());
      }
    }
  }
  return { most: Math.max(...asked.values()), started };
}

describe('the budget of a lane', () => {
  test('5,000 wait: each is told its own slot, and comes again once', () => {
    const { most, started } = run(opened({ burst: 50, interval: SECOND / 50 }), 5000);
    expect(most).toBe(2);
    const took = (started.at(-1) ?? 0) - NOW;
    expect(took).toBeGreaterThan(98 * SECOND);
    expect(took).toBeLessThanOrEqual(100 * SECOND);
    // never more than the burst and the rate let
    for (let i = 100; i < started.length; i += 1)
      expect((started[i] ?? 0) - (started[i - 100] ?? 0)).toBeGreaterThanOrEqual(SECOND - 2);
  });

  test('more than a day can take: who has no slot asks again when the day is over, in the order of slots', () => {
    const { most, started } = run(opened({ burst: 30, interval: HOUR / 100 }), 5000);
    // 30 at once, then 100 in each hour: 50 hours
    expect(most).toBeLessThanOrEqual(4);
    expect((started.at(-1) ?? 0) - NOW).toBeLessThan(50 * HOUR);
  });

  test('who asks before its slot hears the same time, and takes no second one', () => {
    const { clock, budget } = opened(CA);
    expect(budget.take('lane', 'a')).toBe(0);
    expect(budget.take('lane', 'b')).toBe(MINUTE);
    clock.advance(20 * SECOND);
    expect(budget.take('lane', 'b')).toBe(40 * SECOND);
    expect(budget.take('lane', 'c')).toBe(100 * SECOND);
    clock.advance(40 * SECOND);
    expect(budget.take('lane', 'b')).toBe(0);
    expect(budget.take('lane', 'b')).toBe(2 * MINUTE);
  });

  test('is its burst at once, and then one in each interval; no more than its burst after a quiet time', () => {
    const { clock, budget } = opened({ burst: 3, interval: 10 * SECOND });
    const waits = (...who: string[]): number[] => who.map((one) => budget.take('lane', one));
    expect(waits('a', 'b', 'c', 'd')).toEqual([0, 0, 0, 10 * SECOND]);
    clock.advance(5 * HOUR);
    expect(waits('a', 'b', 'c', 'd')).toEqual([0, 0, 0, 10 * SECOND]);
  });

  test('lanes do not wait for each other, and one without a rate for nobody', () => {
    const { budget } = opened(CA);
    expect([budget.take('one', 'a'), budget.take('other', 'a')]).toEqual([0, 0]);
    expect([budget.take('free', 'a'), budget.take('free', 'b')]).toEqual([0, 0]);
  });

  test('a slot that nobody takes up is forgotten', () => {
    const { clock, budget } = opened(CA);
    budget.take('lane', 'a');
    budget.take('lane', 'gone');
    clock.advance(2 * HOUR);
    expect(budget.take('lane', 'b')).toBe(0);
    expect(budget.take('lane', 'gone')).toBe(MINUTE);
  });

  test('D9: a clock that goes back a day delays nobody by a day', () => {
    const { clock, budget } = opened(CA);
    budget.take('lane', 'a');
    budget.take('lane', 'b');
    clock.advance(-DAY);
    expect(budget.take('lane', 'b')).toBe(0);
    expect(budget.take('lane', 'c')).toBe(MINUTE);
  });

  test('another rate counts at once', () => {
    const clock = new FakeClock(NOW);
    let interval = HOUR;
    const budget = new Budget(clock, () => ({ burst: 1, interval }));
    budget.take('lane', 'a');
    expect(budget.take('lane', 'b')).toBe(HOUR);
    interval = MINUTE;
    expect(budget.take('lane', 'b')).toBe(0);
    expect(budget.take('lane', 'c')).toBe(MINUTE);
  });
});
