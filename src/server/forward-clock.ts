/** Time for what relying parties are told: it does not go back where the clock does, and does not stand still either. */
import type { Clock, Instant } from '../base/clock.ts';

/**
 * The clock, as long as it is not behind `latest`; else on from there by `elapsed` (milliseconds that only grow), until the
 * clock has caught up: what waits for a moment in it is not left waiting.
 */
export function forwardClock(
  clock: Clock,
  latest: () => Instant,
  elapsed: () => number = () => performance.now(),
): Clock {
  let behind: { readonly latest: Instant; readonly since: number } | undefined;
  return {
    now() {
      const now = clock.now();
      const floor = latest();
      if (now >= floor) {
        behind = undefined;
        return now;
      }
      if (behind?.latest !== floor) behind = { latest: floor, since: elapsed() };
      return floor + Math.floor(elapsed() - behind.since);
    },
  };
}
