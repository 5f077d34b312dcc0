/** A clock that jumped back by over an hour cannot be believed: leaf signing stops, revocation never does (design: time). */
import { ChanceryError } from '../../base/errors.ts';
import { type Clock, formatInstant, HOUR, type Instant } from '../../base/clock.ts';

const TOLERANCE = HOUR;

/** `highest()` is the latest time that the audit log knows. */
export function clockGuard(clock: Clock, highest: () => Instant): () => void {
  return () => {
    const now = clock.now();
    const latest = highest();
    if (now >= latest - TOLERANCE) return;
    throw new ChanceryError('clock_went_back', {
      message: `it is ${formatInstant(now)}, but the audit log already has an entry of ${formatInstant(latest)}`,
      rule: 'nothing is signed while the clock is over an hour behind the audit log',
      fix: 'Set the clock right; if the log is what was wrong, stop the server and run `chancery server admin accept-clock`.',
      retryAfter: 60,
    });
  };
}
