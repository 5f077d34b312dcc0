/** What a public CA puts up with: its limits are kept, not tried out, and one that is down is left alone for a while. */
import { type Clock, type Duration, HOUR, type Instant, MINUTE } from '../../base/clock.ts';
import { OrderFault, type PublicAuthorityStore } from '../../domain/renewal/ports.ts';

/** Let's Encrypt: 5 failed validations for each account, name and hour. Durable: a restart forgets none. */
export class FailureLimit {
  readonly #store: Pick<PublicAuthorityStore, 'failures' | 'noteFailure'>;
  readonly #clock: Clock;

  constructor(store: Pick<PublicAuthorityStore, 'failures' | 'noteFailure'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Throws `OrderFault` for a name that failed so often within the hour. */
  check(authority: string, directory: string, names: readonly string[], most: number): void {
    const now = this.#clock.now();
    for (const name of names) {
      const recent = this.#store.failures(directory, name, now - HOUR);
      const [oldest = now] = recent.slice(-most);
      if (recent.length >= most)
        throw new OrderFault(
          `${recent.length} validations of ${name} failed at ${authority} within an hour: its limit is kept`,
          false,
          oldest + HOUR,
        );
    }
  }

  failed(directory: string, names: readonly string[]): Promise<void> {
    return this.#store.noteFailure(directory, names, this.#clock.now());
  }
}

const LADDER: readonly Duration[] = [MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR];

/** CAs that are down or at their limit: while another can be asked, these are not asked for each certificate again. */
export class Resting {
  readonly #clock: Clock;
  readonly #rests = new Map<string, { readonly strikes: number; readonly until: Instant }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those that rest come last. */
  order(names: readonly string[]): readonly string[] {
    const now = this.#clock.now();
    const rests = (name: string): boolean => (this.#rests.get(name)?.until ?? 0) > now;
    return [...names.filter((name) => !rests(name)), ...names.filter(rests)];
  }

  failed(name: string, retryAt: Instant | undefined): void {
    const now = this.#clock.now();
    const known = this.#rests.get(name);
    // what failed side by side is one failure
    if (known !== undefined && known.until > now) return;
    const strikes = Math.min((known?.strikes ?? 0) + 1, LADDER.length);
    this.#rests.set(name, { strikes, until: Math.max(now + (LADDER[strikes - 1] ?? HOUR), retryAt ?? 0) });
  }

  answered(name: string): void {
    this.#rests.delete(name);
  }
}
