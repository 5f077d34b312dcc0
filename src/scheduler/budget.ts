/** So that a fleet never herds: each lane (a CA, an issuer, a kind of store) lets so many start in a time, and no burst. */
import type { Clock, Duration, Instant } from '../base/clock.ts';
import { arrivalAfter, type Rate } from '../base/rate.ts';

export class Budget {
  readonly #clock: Clock;
  readonly #rateOf: (lane: string) => Rate | undefined;
  readonly #arrivals = new Map<string, Instant>();

  constructor(clock: Clock, rateOf: (lane: string) => Rate | undefined) {
    this.#clock = clock;
    this.#rateOf = rateOf;
  }

  /** 0: it may start now, and is counted; otherwise after so long. */
  take = (lane: string): Duration => {
    const rate = this.#rateOf(lane);
    if (rate === undefined) return 0;
    const now = this.#clock.now();
    const { arrival, at } = arrivalAfter(this.#arrivals.get(lane), rate, now);
    if (at > now) return Math.ceil(at - now);
    this.#arrivals.set(lane, arrival);
    return 0;
  };
}
