/**
 * Looks at all managed certificates, a few milliseconds in each second: wakes those whose certificate was revoked or
 * whose issuer retires, and counts what the metrics say. A revocation that is told here wakes its wish at once; what was
 * missed (the process ended, too many at a time) is found by the next round. Nothing is kept for each certificate.
 */
import type { Clock, Duration, Instant } from '../../base/clock.ts';
import { SECOND } from '../../base/clock.ts';
import type { ManagedFacts } from '../../base/metrics.ts';
import { deliveryTo } from '../../domain/renewal/deliveries.ts';
import type { ManagedCertificate } from '../../domain/renewal/managed.ts';
import type { ManagedStore } from '../../domain/renewal/ports.ts';
import {
  VERSION_STATES,
  type IssuedFacts,
  type Version,
  versionState,
} from '../../domain/renewal/version.ts';

export interface RoundsOptions {
  readonly clock: Clock;
  readonly store: Pick<ManagedStore, 'list' | 'living' | 'wake' | 'holding'>;
  /** Of our own: the certificate has to be replaced at once. */
  readonly hasToGo: (certificate: IssuedFacts) => boolean;
  /** Whether its key is blocked: it takes the certificate itself, and is asked only after a key was blocked. */
  readonly keyIsBlocked: (managed: string, version: number) => boolean;
  /** Serials of ours with that key (SHA-256 of the SubjectPublicKeyInfo), the first few. */
  readonly serialsWithKey: (key: string) => readonly string[];
  /** Milliseconds of this process; rises. */
  readonly stopwatch: () => number;
}

const PAGE = 50;
const INTERVAL: Duration = 15 * SECOND;
/** Of each second, in milliseconds: usually, and while something has to be found. */
const SHARE = 5;
const URGENT_SHARE = 20;
const MOST_TOLD = 10_000;

export const NOTHING_MANAGED: ManagedFacts = {
  states: [],
  paused: 0,
  notServed: 0,
  degraded: 0,
  deadDeliveries: 0,
  lifeUsed: 0,
};

const nothing = (): Counts => ({
  states: new Map([...VERSION_STATES, 'new' as const].map((state) => [state, 0])),
  paused: 0,
  notServed: 0,
  degraded: 0,
  deadDeliveries: 0,
  lifeUsed: 0,
});

interface Counts {
  readonly states: Map<string, number>;
  paused: number;
  notServed: number;
  degraded: number;
  deadDeliveries: number;
  lifeUsed: number;
}

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #told = new Set<string>();
  #counted: Counts = nothing();
  #round: {
    after: string | undefined;
    readonly counts: Counts;
    readonly keys: boolean;
    readonly urgent: boolean;
  };
  #again: { keys: boolean } | undefined;
  #running = true;
  #beganAt: Instant = -Infinity;

  constructor(options: RoundsOptions) {
    this.#options = options;
    // what happened while nobody looked
    this.#round = { after: undefined, counts: nothing(), keys: true, urgent: true };
  }

  /** One of ours was revoked. Only noted: the next tick wakes who holds it. */
  revoked(serial: string): void {
    if (this.#told.size < MOST_TOLD) this.#told.add(serial);
    else this.lookAgain(false);
  }

  /** Nobody gets a certificate for it any more. */
  keyBlocked(key: string): void {
    for (const serial of this.#options.serialsWithKey(key)) this.revoked(serial);
    // those of public CAs are known by no serial of ours
    this.lookAgain(true);
  }

  /** Generations changed, or keys: all of them are looked at. */
  lookAgain(keys: boolean): void {
    this.#again = { keys: keys || (this.#again?.keys ?? false) };
  }

  facts = (): ManagedFacts => ({
    states: [...this.#counted.states].map(([state, count]) => ({ state, count })),
    paused: this.#counted.paused,
    notServed: this.#counted.notServed,
    degraded: this.#counted.degraded,
    deadDeliveries: this.#counted.deadDeliveries,
    lifeUsed: this.#counted.lifeUsed,
  });

  async tick(): Promise<void> {
    const { clock, store, stopwatch } = this.#options;
    const now = clock.now();
    const names = [...this.#told].flatMap((serial) => store.holding(serial));
    this.#told.clear();
    if (
      !this.#running &&
      (this.#again !== undefined || now >= this.#beganAt + INTERVAL || now < this.#beganAt)
    ) {
      this.#round = {
        after: undefined,
        counts: nothing(),
        keys: this.#again?.keys ?? false,
        urgent: this.#again !== undefined,
      };
      this.#again = undefined;
      this.#running = true;
      this.#beganAt = now;
    }
    const until = stopwatch() + (this.#round.urgent ? URGENT_SHARE : SHARE);
    while (this.#running && stopwatch() < until) names.push(...this.#page(now));
    if (names.length > 0) await store.wake([...new Set(names)], now);
  }

  /** The names of those that have to be woken. */
  #page(now: Instant): string[] {
    const { store } = this.#options;
    const round = this.#round;
    const page = store.list({ limit: PAGE, after: round.after });
    const names = page.filter((managed) => this.#look(managed, now)).map(({ name }) => name);
    round.after = page.at(-1)?.name;
    if (page.length < PAGE) {
      this.#counted = round.counts;
      this.#running = false;
    }
    return names;
  }

  #look({ name, pausedAt, wish }: ManagedCertificate, now: Instant): boolean {
    const { store, hasToGo, keyIsBlocked } = this.#options;
    const { counts, keys } = this.#round;
    const versions = store.living(name);
    const state = stateOf(versions);
    counts.states.set(state, (counts.states.get(state) ?? 0) + 1);
    if (pausedAt !== null) counts.paused += 1;
    let wake = false;
    for (const version of versions) {
      const { number, certificate, deliveries } = version;
      if (version.rolledBackAt === null && version.supersededAt === null) {
        if (version.degradedAt !== null) counts.degraded += 1;
        else if (version.notServedAt !== null && version.verifiedAt === null) counts.notServed += 1;
        counts.deadDeliveries += deliveries
          .filter(({ deadAt }) => deadAt !== null)
          // one that was taken out of the wish, or changed, waits for nobody
          .filter(({ target }) =>
            wish.targets.some((one) => one.id === target && deliveryTo(version, one)?.deadAt),
          ).length;
      }
      if (certificate === null || version.retiredAt !== null) continue;
      if (version.currentAt !== null && version.supersededAt === null)
        counts.lifeUsed = Math.max(counts.lifeUsed, lifeUsed(certificate, now));
      if (certificate.bad === null) wake ||= hasToGo(certificate) || (keys && keyIsBlocked(name, number));
    }
    return wake;
  }
}

/** Of the newest one that is not over. */
function stateOf(versions: readonly Version[]): string {
  const newest = versions.at(-1);
  return newest === undefined ? 'new' : versionState(newest);
}

const lifeUsed = ({ notBefore, notAfter }: IssuedFacts, now: Instant): number =>
  Math.max(0, (now - notBefore) / Math.max(1, notAfter - notBefore));
