/** CRLs that are left alone for a while: what failed a moment ago, and what took long to build. */
import { type Duration, type Instant, SECOND } from '../../base/clock.ts';
import { isRefusal } from './publisher.ts';

/** What the disk or the store refused: a disk that has room again is used within ten seconds. */
const RETRY_AFTER = 5 * SECOND;
/** What was wrong with the CRL itself does not pass as fast. */
const REFUSED_RETRY_AFTER = 30 * SECOND;
/** A long list is built again only after a pause of so many times what it took. */
const PAUSE_FACTOR = 5;
const LONGEST_PAUSE = 20 * SECOND;

export class CrlRests {
  readonly #problems = new Map<string, { readonly reason: string; readonly retryAt: Instant }>();
  /** By a clock that only grows. */
  readonly #pausedUntil = new Map<string, number>();

  /** What there is to say of it; `undefined` where that was said already. */
  failed(key: string, error: unknown, now: Instant): string | undefined {
    const reason = error instanceof Error ? error.message : String(error);
    const said = this.#problems.get(key)?.reason === reason;
    const pause = isRefusal(error) ? REFUSED_RETRY_AFTER : RETRY_AFTER;
    this.#problems.set(key, { reason, retryAt: now + pause });
    return said ? undefined : reason;
  }

  succeeded(key: string): void {
    this.#problems.delete(key);
  }

  /** Why it could not be published; `undefined` where it was. */
  problem(key: string): string | undefined {
    return this.#problems.get(key)?.reason;
  }

  /** It failed a moment ago. A clock that was set back ends no pause by years. */
  hasJustFailed(key: string, now: Instant): boolean {
    const left = (this.#problems.get(key)?.retryAt ?? 0) - now;
    return left > 0 && left <= REFUSED_RETRY_AFTER;
  }

  /** Returns the pause after what took so long. */
  pauseAfter(key: string, took: Duration): Duration {
    const pause = Math.min(LONGEST_PAUSE, PAUSE_FACTOR * took);
    this.#pausedUntil.set(key, performance.now() + pause);
    return pause;
  }

  isPaused(key: string): boolean {
    return (this.#pausedUntil.get(key) ?? 0) > performance.now();
  }
}
