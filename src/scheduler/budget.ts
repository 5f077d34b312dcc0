/** So that a fleet never herds: each lane (a CA, an issuer, a kind of store) lets so many start in a time, and no burst. */
import { type Clock, DAY, type Duration, HOUR, type Instant } from '../base/clock.ts';
import { arrivalAfter, type Rate } from '../base/rate.ts';

interface Lane {
  readonly interval: Duration;
  arrival: Instant;
  /** When it was asked last. */
  seen: Instant;
  /** Whose turn is when; the earliest first. */
  readonly slots: Map<string, Instant>;
}

/** Slots are handed out so far ahead, and so many of a lane; who comes after that asks again then. */
const AHEAD: Duration = DAY;
const MOST_SLOTS = 100_000;
/** A slot that nobody took up is forgotten after so long. */
const KEPT: Duration = HOUR;

/**
 * A rate, with a slot for each who waits: they come again one after the other, each at its own time, and not
 * all of them for every slot. What is kept in memory is lost with the process: then those who wait come at their times
 * all the same.
 */
export class Budget {
  readonly #clock: Clock;
  readonly #rateOf: (lane: string) => Rate | undefined;
  readonly #lanes = new Map<string, Lane>();

  constructor(clock: Clock, rateOf: (lane: string) => Rate | undefined) {
    this.#clock = clock;
    this.#rateOf = rateOf;
  }

  /** 0: `who` may start now, and is counted; otherwise after so long, when its slot is. */
  take = (name: string, who: string): Duration => {
    const rate = this.#rateOf(name);
    if (rate === undefined) return 0;
    const now = this.#clock.now();
    const lane = this.#laneOf(name, rate.interval, now);
    const own = lane.slots.get(who);
    if (own !== undefined) {
      if (own > now) return own - now;
      lane.slots.delete(who);
      return 0;
    }
    const { arrival, at } = arrivalAfter(lane.arrival, rate, now);
    const slot = Math.max(now, Math.ceil(at));
    if (slot > now) {
      if (slot - now > AHEAD || lane.slots.size >= MOST_SLOTS) return slot - now;
      lane.slots.set(who, slot);
    }
    lane.arrival = arrival;
    return slot - now;
  };

  #laneOf(name: string, interval: Duration, now: Instant): Lane {
    const known = this.#lanes.get(name);
    // another rate, or a clock that went back: what was handed out means nothing any more
    if (known?.interval !== interval || now < known.seen) {
      const lane: Lane = { interval, arrival: now, seen: now, slots: new Map() };
      this.#lanes.set(name, lane);
      return lane;
    }
    known.seen = now;
    for (const [who, slot] of known.slots) {
      if (slot + KEPT > now) break;
      known.slots.delete(who);
    }
    return known;
  }
}
