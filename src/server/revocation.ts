/** Revocation, wired: the domain on the store, and who is told when something was revoked. */
import { setImmediate } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { GrantBook } from '../domain/identity/grant-book.ts';
import type { RevocationStore } from '../domain/revocation/ports.ts';
import type { RevocationPorts } from '../domain/revocation/request.ts';
import type { OpenedData } from './open.ts';

/**
 * Told after each durable change of what a CRL of the shard says, before the answer. It only notes it and returns; what
 * it missed (the process ended) it finds by the sequences in the store.
 */
export type RevocationListener = (generation: string, shard: number) => void;

export class RevocationEvents {
  readonly #log: Log;
  readonly #listeners: RevocationListener[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  listen(listener: RevocationListener): void {
    this.#listeners.push(listener);
  }

  /** Never throws: the revocation stands, whatever a listener makes of it. */
  revoked(generation: string, shard: number): void {
    for (const listener of this.#listeners)
      try {
        listener(generation, shard);
      } catch (error) {
        this.#log.error('a listener to revocations failed', { generation, shard, reason: String(error) });
      }
  }
}

export function revocationPorts(
  { clock, store, trail, authority }: OpenedData,
  trustDomain: RevocationPorts['trustDomain'],
  grants: GrantBook,
  events: RevocationEvents,
  metrics: Pick<Metrics, 'revocation'>,
): RevocationPorts {
  return {
    clock,
    trustDomain,
    grantsOf: (principal) => grants.of(principal),
    ledger: trail.ledger,
    inventory: store.inventory,
    store: counted(trail.revocations, metrics),
    generations: () => authority.allGenerations(),
    revoked: (generation, shard) => events.revoked(generation, shard),
    pause: () => setImmediate(),
  };
}

/** What is durable counts, at whichever door it was asked for. */
const counted = (store: RevocationStore, metrics: Pick<Metrics, 'revocation'>): RevocationStore => ({
  ...store,
  async revoke(orders, recordedAt) {
    const results = await store.revoke(orders, recordedAt);
    orders.forEach(({ revocation: { reason } }, i) => metrics.revocation(reason, results[i] ?? 'already'));
    return results;
  },
});
