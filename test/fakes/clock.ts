import type { Clock, Duration, Instant } from '../../src/base/clock.ts';

/** Stands still until it is told to move. */
export class FakeClock implements Clock {
  #now: Instant;

  constructor(now: Instant = Date.UTC(2026, 5, 1, 12)) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  advance(duration: Duration): void {
    this.#now += duration;
  }

  set(now: Instant): void {
    this.#now = now;
  }
}
