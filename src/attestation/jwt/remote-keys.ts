/**
 * The keys of a login provider, fetched when they are needed. A set counts for ten minutes; a key that is not in it
 * makes it be fetched again. While the provider is down the last set goes on for an hour, no longer: by then a key that
 * was withdrawn would still be trusted.
 */
import { ChanceryError } from '../../base/errors.ts';
import { type Clock, formatInstant, HOUR, type Instant, MINUTE, SECOND } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';

const FRESH = 10 * MINUTE;
const USABLE = HOUR;
/** Between two tries while the provider does not answer. */
const RETRY_PAUSE = 5 * SECOND;
/** Between two fetches that strangers can cause by naming a key that nobody has. */
const UNKNOWN_KEY_PAUSE = 30 * SECOND;

export interface RemoteKeysOptions {
  readonly name: string;
  /** Rejects with an Error that says why there is no set. */
  readonly fetch: () => Promise<KeySet>;
  readonly clock: Clock;
  readonly log: Log;
}

export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions;
  #held: { readonly keys: KeySet; readonly at: Instant } | undefined;
  #running: Promise<void> | undefined;
  #failure: { readonly reason: string; readonly at: Instant } | undefined;
  #lookedForUnknown: Instant | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  async current(): Promise<KeySet> {
    if (!this.#isYounger(FRESH) && !this.#isWaiting()) await this.#refresh();
    if (this.#held !== undefined && this.#isYounger(USABLE)) return this.#held.keys;
    throw this.#unavailable();
  }

  async again(seen: KeySet): Promise<KeySet> {
    const now = this.#options.clock.now();
    if (this.#running === undefined && this.#held?.keys === seen) {
      const last = this.#lookedForUnknown;
      if (last !== undefined && now >= last && now - last < UNKNOWN_KEY_PAUSE) return seen;
      this.#lookedForUnknown = now;
    }
    if (this.#running !== undefined || this.#held?.keys === seen) await this.#refresh();
    return this.#held?.keys ?? seen;
  }

  /** A clock that went back leaves nothing young. */
  #isYounger(age: number): boolean {
    const now = this.#options.clock.now();
    const at = this.#held?.at;
    return at !== undefined && now >= at && now - at < age;
  }

  #isWaiting(): boolean {
    if (this.#running !== undefined || this.#failure === undefined) return false;
    const since = this.#options.clock.now() - this.#failure.at;
    return since >= 0 && since < RETRY_PAUSE;
  }

  /** One fetch at a time, for everybody who waits. Never rejects. */
  #refresh(): Promise<void> {
    this.#running ??= this.#fetch().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #fetch(): Promise<void> {
    const { fetch, clock, log, name } = this.#options;
    try {
      const keys = await fetch();
      this.#held = { keys, at: clock.now() };
      this.#failure = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failure = { reason, at: clock.now() };
      log.warn('the keys of a login provider could not be fetched', { provider: name, reason });
    }
  }

  #unavailable(): ChanceryError {
    const { name } = this.#options;
    const { reason = 'they were not fetched yet' } = this.#failure ?? {};
    const last = this.#held === undefined ? '' : `; the last ones are of ${formatInstant(this.#held.at)}`;
    return new ChanceryError('login_provider_unavailable', {
      message: `the keys of the login provider ${name} cannot be had: ${reason}${last}`,
      rule: 'keys of a provider that does not answer are used for an hour, no longer',
      fix: 'Try again, and tell an operator: the provider or the way to it needs a look.',
      retryAfter: RETRY_PAUSE / SECOND,
    });
  }
}
