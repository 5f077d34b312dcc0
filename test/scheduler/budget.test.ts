import { describe, expect, it } from 'vitest';
import { HOUR, SECOND } from '../../src/base/clock.ts';
import { Budget } from '../../src/scheduler/budget.ts';
import { FakeClock } from '../fakes/clock.ts';

const CA = { burst: 3, interval: 10 * SECOND };

describe('what a lane lets start', () => {
  it('is its burst at once, and then one in each interval', () => {
    const clock = new FakeClock();
    const budget = new Budget(clock, () => CA);
    expect([1, 2, 3].map(() => budget.take('order:public:le'))).toEqual([0, 0, 0]);
    expect(budget.take('order:public:le')).toBe(10 * SECOND);
    clock.advance(4 * SECOND);
    // what was refused was not counted
    expect(budget.take('order:public:le')).toBe(6 * SECOND);
    clock.advance(6 * SECOND);
    expect([1, 2].map(() => budget.take('order:public:le'))).toEqual([0, 10 * SECOND]);
  });

  it('is no more than its burst after a quiet time', () => {
    const clock = new FakeClock();
    const budget = new Budget(clock, () => CA);
    budget.take('order:public:le');
    clock.advance(5 * HOUR);
    expect([1, 2, 3, 4].map(() => budget.take('order:public:le'))).toEqual([0, 0, 0, 10 * SECOND]);
  });

  it('does not depend on other lanes, and is everything where none has a rate', () => {
    const budget = new Budget(new FakeClock(), (lane) => (lane === 'free' ? undefined : CA));
    for (let n = 0; n < 4; n++) budget.take('order:public:le');
    expect(budget.take('order:public:zerossl')).toBe(0);
    expect(Array.from({ length: 100 }, () => budget.take('free')).every((wait) => wait === 0)).toBe(true);
  });
});
