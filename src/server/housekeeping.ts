/** Keeps the store bounded: what nobody needs any more is forgotten, in small batches, beside everything else. */
import { type Clock, DAY, formatInstant, HOUR, type Instant, MINUTE } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Configuration } from '../config/index.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import { prunable } from '../domain/acme/order.ts';
import { forgettable, REVOKED_STAYS } from '../domain/issuance/retention.ts';
import type { Store } from '../db/sqlite/index.ts';

export interface HousekeepingOptions {
  readonly store: Pick<
    Store,
    'forgetCertificates' | 'forgetRevocations' | 'pruneClaims' | 'tokens' | 'latestAuditTime' | 'acme'
  >;
  readonly clock: Clock;
  readonly retention: Configuration['retention'];
  readonly log: Log;
  /** Milliseconds that only ever grow. */
  readonly monotonic?: () => number;
}

/** In one transaction: some ten milliseconds, in which others wait. */
const BATCH = 500;
const PAUSE = 50;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE));
/** A clock that leaps ahead must not make a year's records forgotten: somebody gets a day to notice. */
const LEAP = HOUR;
const LONG_SILENCE = 7 * DAY;
const GRACE = DAY;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #monotonic: () => number;
  #nextAt: Instant;
  /** The clock against the monotonic one, when it was last believed. */
  #offset: number;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    const now = options.clock.now();
    this.#offset = now - this.#monotonic();
    // after the start has settled, and for servers that never run for an hour as well
    const silence = now - options.store.latestAuditTime();
    this.#nextAt = now + (silence > LONG_SILENCE ? GRACE : MINUTE);
  }

  /** Begins a round when one is due; returns at once. */
  tick(): void {
    const now = this.#options.clock.now();
    if (this.#stopped || this.#running !== undefined || this.#leapt(now) || now < this.#nextAt) return;
    this.#nextAt = now + HOUR;
    this.#running = this.round()
      .catch((error: unknown) => {
        this.#options.log.warn('housekeeping failed and is tried again', {
          reason: error instanceof Error ? error.message : String(error),
        });
      })
      .finally(() => (this.#running = undefined));
  }

  #leapt(now: Instant): boolean {
    const offset = now - this.#monotonic();
    if (Math.abs(offset - this.#offset) <= LEAP) return false;
    this.#options.log.warn('the clock leapt: nothing is forgotten for a day', { now: formatInstant(now) });
    this.#offset = offset;
    this.#nextAt = now + GRACE;
    return true;
  }

  /** Everything that may be forgotten now. */
  async round(): Promise<void> {
    const { store, clock, retention } = this.#options;
    const now = clock.now();
    while (!this.#stopped && (await store.pruneClaims(now - retention.idempotency)) > 0) await pause();
    await store.tokens.prune(now - retention.tokens);
    while (!this.#stopped && (await store.acme.rates.prune(now)) > 0) await pause();
    const orders = prunable(now, retention.certificates, BATCH);
    while (!this.#stopped && (await store.acme.orders.prune(orders)) >= BATCH) await pause();
    const what = forgettable(now, retention.certificates);
    await this.#all((limit) =>
      store.forgetCertificates({ ...what, limit }, (count) => [
        forgottenDraft('certificates.forgotten', count, what.expiredBefore, clock.now()),
      ]),
    );
    const expiredBefore = now - REVOKED_STAYS;
    await this.#all((limit) =>
      store.forgetRevocations({ expiredBefore, limit }, (count) => [
        forgottenDraft('revocations.forgotten', count, expiredBefore, clock.now()),
      ]),
    );
  }

  /** Batch by batch, until one was not full. */
  async #all(forget: (limit: number) => Promise<number>): Promise<void> {
    for (let count = BATCH; count === BATCH && !this.#stopped;) {
      count = await forget(BATCH);
      if (count === BATCH) await pause();
    }
  }

  /** Ends after the batch at hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

const forgottenDraft = (
  event: 'certificates.forgotten' | 'revocations.forgotten',
  count: number,
  expiredBefore: Instant,
  now: Instant,
): AuditDraft => ({
  time: now,
  event,
  outcome: 'allowed',
  principal: 'system:server',
  door: 'internal',
  requestId: 'housekeeping',
  details: { count, expiredBefore: formatInstant(expiredBefore) },
});
