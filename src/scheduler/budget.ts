/** So that a fleet never herds: each lane (a CA, an issuer, a kind of store) lets so many start in a time, and no burst. */
import type { Clock, Duration } from '../base/clock.ts';

export interface Rate {
  /** So many … */
  readonly count: number;
  /** … in so long. */
  readonly per: Duration;
  /** How many may start at once after a quiet time. */
  readonly burst: number;
}

/** GCRA (ITU-T I.371): one number for each lane. */
export class Budget {
  readonly #clock: Clock;
  readonly #rateOf: (lane: string) => Rate | undefined;
  /** When the lane is even again. */
  readonly #even = new Map<string, number>();

  constructor(clock: Clock, rateOf: (lane: string) => Rate | undefined) {
    this.#clock = clock;
    this.#rateOf = rateOf;
  }

  /** 0: it may start now, and is counted; otherwise after so long. */
  take = (lane: string): Duration => {
    const rate = this.#rateOf(lane);
    if (rate === undefined) return 0;
    const now = this.#clock.now();
    const interval = rate.per / rate.count;
    const even = Math.max(this.#even.get(lane) ?? 0, now);
    const wait = even - now - interval * (rate.burst - 1);
    if (wait > 0) return Math.ceil(wait);
    this.#even.set(lane, even + interval);
    return 0;
  };
}
