/** Serials whose answers are signed ahead, of a store in memory. */
import type { PublishableSerials } from '../../src/domain/revocation/publication.ts';
import type { MemoryStore } from './memory-store.ts';

export function memoryPublishable(
  store: Pick<MemoryStore, 'certificates' | 'revocations'>,
): PublishableSerials {
  const unexpired = (now: number) =>
    [...store.certificates, ...store.revocations.known.values()]
      .filter(({ notAfter }) => notAfter >= now)
      .map(({ generation, serial, notAfter }) => ({ generation, serial, notAfter }));
  return {
    unexpired(now, limit, after) {
      const from = Number(after?.key ?? 0);
      const serials = unexpired(0)
        .slice(from, from + limit)
        .filter(({ notAfter }) => notAfter >= now);
      const key = from + limit;
      return {
        serials,
        next: key < unexpired(0).length ? { known: false, notAfter: 0, key } : undefined,
      };
    },
    revokedSince: (generation, sequence, now, limit) =>
      [...store.revocations.all.values()]
        .filter((one) => one.generation === generation && one.sequence > sequence && one.notAfter >= now)
        .sort((a, b) => a.sequence - b.sequence)
        .slice(0, limit)
        .map((one) => ({ serial: one.serial, notAfter: one.notAfter, sequence: one.sequence })),
    countUnexpired: (now, limit) => Math.min(limit, unexpired(now).length),
  };
}
