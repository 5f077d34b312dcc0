/** Which CRL is the newest of each scope, in memory. */
import type { Instant } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type {
  CrlScope,
  PublishedCrl,
  PublishedCrlStore,
  Revocation,
  StoredRevocation,
} from '../../src/domain/revocation/ports.ts';

/** The store around it. */
export interface Surroundings {
  write<T>(change: () => T): Promise<T>;
  append(drafts: readonly AuditDraft[]): void;
  /** Replaces or adds one, and marks its certificate. */
  putRevocation(revocation: StoredRevocation): void;
  readonly revocations: ReadonlyMap<string, StoredRevocation>;
}

const keyOf = (generation: string, scope: CrlScope): string => `${generation}/${scope}`;

export class MemoryPublishedCrls implements PublishedCrlStore {
  readonly #store: Surroundings;
  readonly #crls = new Map<string, PublishedCrl>();

  constructor(store: Surroundings) {
    this.#store = store;
  }

  published(): readonly PublishedCrl[] {
    const order = ({ scope }: PublishedCrl): number => (scope === 'full' ? -1 : scope);
    return [...this.#crls.values()].sort((a, b) =>
      a.generation === b.generation ? order(a) - order(b) : a.generation < b.generation ? -1 : 1,
    );
  }

  publish(crls: readonly PublishedCrl[], audit: readonly AuditDraft[]): Promise<void> {
    return this.#store.write(() => {
      for (const { generation, scope, number } of crls) {
        const before = this.#crls.get(keyOf(generation, scope))?.number;
        if (before !== undefined && before >= number)
          throw new ChanceryError('already_exists', `CRL ${scope} ${number} of ${generation}`);
      }
      for (const crl of crls) this.#crls.set(keyOf(crl.generation, crl.scope), crl);
      this.#store.append(audit);
    });
  }

  latestSequence(generation: string, scope: CrlScope): number {
    const of = [...this.#store.revocations.values()].filter(
      (row) => row.generation === generation && (scope === 'full' || row.shard === scope),
    );
    return Math.max(0, ...of.map(({ sequence }) => sequence));
  }

  putBack(
    revocations: readonly Revocation[],
    recordedAt: Instant,
    audit: readonly AuditDraft[],
  ): Promise<number> {
    return this.#store.write(() => {
      const lost = revocations.filter(
        ({ generation, serial }) => !this.#store.revocations.has(`${generation}/${serial}`),
      );
      for (const revocation of lost)
        this.#store.putRevocation({
          ...revocation,
          sequence: this.latestSequence(revocation.generation, 'full') + 1,
          recordedAt,
          crlSeenAt: null,
          ocspSeenAt: null,
        });
      if (lost.length > 0) this.#store.append(audit);
      return lost.length;
    });
  }
}
