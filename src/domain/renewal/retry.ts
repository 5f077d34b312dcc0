/** When something that failed is tried again. */
import { type Duration, HOUR, type Instant, MINUTE, SECOND } from '../../base/clock.ts';

/** Orders cost the CA's patience (Let's Encrypt: 5 failures an hour): so fewer, and further apart. */
const ORDER_LADDER: readonly Duration[] = [
  5 * MINUTE,
  20 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  16 * HOUR,
  24 * HOUR,
];

/** Deliveries cost nothing, and a target that is back should be current within a minute. */
const DELIVERY_LADDER: readonly Duration[] = [2 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND];

/** After so many tries in a row (about a day and a half) a target is a case for people. */
export const DELIVERY_PATIENCE = 3000;

const rung = (ladder: readonly Duration[], attempts: number): Duration =>
  ladder[Math.min(Math.max(attempts, 1), ladder.length) - 1] ?? HOUR;

/** `attempts` failed so far; `draw` is 0 to 1, `retryAfter` what the other side asked for. */
export const nextOrderTry = (
  now: Instant,
  attempts: number,
  draw: number,
  retryAfter: Instant | undefined,
): Instant => Math.max(spread(now, rung(ORDER_LADDER, attempts), draw), retryAfter ?? 0);

export const nextDeliveryTry = (now: Instant, attempts: number, draw: number): Instant =>
  spread(now, rung(DELIVERY_LADDER, attempts), draw);

/** Up to a quarter more. */
const spread = (now: Instant, wait: Duration, draw: number): Instant =>
  Math.round(now + wait * (1 + draw / 4));
