/** The generic cell rate algorithm (ITU-T I.371): one number a bucket says how much of its rate is taken. */
import type { Duration, Instant } from './clock.ts';

/** `burst` at once, then one every `interval`. */
export interface Rate {
  readonly burst: number;
  readonly interval: Duration;
}

/**
 * What taking one now makes of a bucket: its next theoretical arrival time, and from when on it is allowed; that is now
 * or before for a bucket that has room.
 */
export function arrivalAfter(
  arrival: Instant | undefined,
  { burst, interval }: Rate,
  now: Instant,
): { readonly arrival: Instant; readonly at: Instant } {
  const next = Math.max(arrival ?? now, now) + interval;
  return { arrival: next, at: next - burst * interval };
}
