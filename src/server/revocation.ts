/** Revocation, wired: the domain on the store, and who is told when something was revoked. */
import { setImmediate } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { GrantBook } from '../domain/identity/grant-book.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import type { RevocationOrder, RevocationStore } from '../domain/revocation/ports.ts';
import type { RevocationPorts } from '../domain/revocation/request.ts';
import { revoke } from '../domain/revocation/revoke.ts';
import type { OpenedData } from './open.ts';

/**
 * Told after each durable change of what a CRL of the shard says, before the answer. It only notes it and returns; what
 * it missed (the process ended) it finds by the sequences in the store.
 */
export type RevocationListener = (generation: string, shard: number) => void;

/** Only notes what it is told, and never throws. */
export interface RevocationWatcher {
  revoked(serial: string): void;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  keyBlocked(key: string): void;
}

export class RevocationEvents {
  readonly #log: Log;
  readonly #listeners: RevocationListener[] = [];
  readonly #watchers: RevocationWatcher[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  listen(listener: RevocationListener): void {
    this.#listeners.push(listener);
  }

  /** Told of each certificate and key, likewise. */
  watch(watcher: RevocationWatcher): void {
    this.#watchers.push(watcher);
  }

  recorded(orders: readonly RevocationOrder[]): void {
    for (const { revocation, blockKey } of orders)
      for (const watcher of this.#watchers) {
        watcher.revoked(revocation.serial);
        if (blockKey !== undefined) watcher.keyBlocked(blockKey);
      }
  }

  blocked(key: string): void {
    for (const watcher of this.#watchers) watcher.keyBlocked(key);
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
  const counting = counted(trail.revocations, metrics);
  return {
    clock,
    trustDomain,
    grantsOf: (principal) => grants.of(principal),
    ledger: trail.ledger,
    inventory: store.inventory,
    store: {
      ...trail.revocations,
      async revoke(orders, recordedAt) {
        const results = await counting.revoke(orders, recordedAt);
        events.recorded(orders);
        return results;
      },
      async block(key, audit) {
        const isNew = await trail.revocations.block(key, audit);
        events.blocked(key.key);
        return isNew;
      },
    },
    generations: () => authority.allGenerations(),
    revoked: (generation, shard) => events.revoked(generation, shard),
    pause: () => setImmediate(),
  };
}

/** A managed certificate whose time is over, by the loop itself. One that was revoked or has expired is left as it is. */
export async function revokeSuperseded(ports: RevocationPorts, serial: string): Promise<void> {
  const record = ports.ledger.findCertificate(serial);
  if (record === undefined || record.notAfter < ports.clock.now()) return;
  await revoke(ports, {
    principal: systemPrincipal('managed'),
    door: { name: 'internal', requestId: 'managed' },
    selection: { kind: 'serials', serials: [serial] },
    reason: 'superseded',
  });
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
