/**
 * When certificates were last presented at our doors: remembered here, written every half minute in small batches, so
 * that no request waits for it. A kill loses the last half minute; a clean stop nothing.
 */
import { type Clock, type Instant, SECOND } from '../base/clock.ts';
import type { Inventory } from '../domain/issuance/ports.ts';

export interface PresentationsOptions {
  readonly inventory: Pick<Inventory, 'presented'>;
  readonly clock: Clock;
  /** Certificates that are remembered between two writes; of more, those seen first are kept. */
  readonly limit?: number;
}

const INTERVAL = 30 * SECOND;
const LIMIT = 100_000;
/** In one transaction: a few milliseconds, in which others wait. */
const BATCH = 500;

export class Presentations {
  readonly #inventory: Pick<Inventory, 'presented'>;
  readonly #clock: Clock;
  readonly #limit: number;
  #seen = new Map<string, Instant>();
  #writtenAt: Instant;
  #writing: Promise<void> | undefined;

  constructor({ inventory, clock, limit = LIMIT }: PresentationsOptions) {
    this.#inventory = inventory;
    this.#clock = clock;
    this.#limit = limit;
    this.#writtenAt = clock.now();
  }

  /** A certificate logged in. */
  note(serial: string): void {
    if (this.#seen.size < this.#limit || this.#seen.has(serial)) this.#seen.set(serial, this.#clock.now());
  }

  /** Begins to write when it is time, or when there is no room left; returns at once. */
  tick(): void {
    const age = Math.abs(this.#clock.now() - this.#writtenAt);
    if (this.#writing !== undefined || (age < INTERVAL && this.#seen.size < this.#limit)) return;
    void this.flush().catch(() => undefined); // what was not written stays for the next time
  }

  /** Writes everything that is remembered. Rejects with `store_unavailable`; what was not written is remembered on. */
  flush(): Promise<void> {
    const before = this.#writing ?? Promise.resolve();
    const writing = before.catch(() => undefined).then(() => this.#write());
    this.#writing = writing;
    return writing.finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    this.#writtenAt = this.#clock.now();
    const marks = [...this.#seen].map(([serial, at]) => ({ serial, at }));
    this.#seen = new Map();
    for (let i = 0; i < marks.length; i += BATCH)
      try {
        await this.#inventory.presented(marks.slice(i, i + BATCH));
      } catch (error) {
        for (const { serial, at } of marks.slice(i))
          this.#seen.set(serial, Math.max(at, this.#seen.get(serial) ?? 0));
        throw error;
      }
  }
}
