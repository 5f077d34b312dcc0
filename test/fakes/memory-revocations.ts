/** What is revoked, in memory. */
import type { Instant } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { StoredCertificate } from '../../src/domain/issuance/ports.ts';
import type { ForgetRevocations } from '../../src/domain/revocation/retention.ts';
import type {
  CrlScope,
  KeyBlock,
  KnownSerial,
  PublishedCrl,
  Revocation,
  RevocationOrder,
  RevocationResult,
  RevocationStore,
  SeenMark,
  SerialStatus,
  StoredRevocation,
} from '../../src/domain/revocation/ports.ts';
import { CRL_REASONS, type CrlReason } from '../../src/x509/crl.ts';

/** The store around it. */
export interface Surroundings {
  write<T>(change: () => T): Promise<T>;
  append(drafts: readonly AuditDraft[]): void;
  findCertificate(serial: string): StoredCertificate | undefined;
  mark(serial: string, at: Instant, reason: number): void;
  readonly blocked: Set<string>;
}

const keyOf = (generation: string, serial: string): string => `${generation}/${serial}`;

export class MemoryRevocations implements RevocationStore {
  readonly all = new Map<string, StoredRevocation>();
  readonly known = new Map<string, KnownSerial>();
  readonly #store: Surroundings;

  constructor(store: Surroundings) {
    this.#store = store;
  }

  revoke(orders: readonly RevocationOrder[], recordedAt: Instant): Promise<readonly RevocationResult[]> {
    return this.#store.write(() => {
      if (orders.some(({ revocation }) => !/^(?:[0-9a-f]{2})+$/.test(revocation.serial)))
        throw new ChanceryError('internal', 'a record was refused by the store');
      return orders.map((order) => this.#revoke(order, recordedAt));
    });
  }

  block({ key }: KeyBlock, audit: readonly AuditDraft[]): Promise<boolean> {
    return this.#store.write(() => {
      const fresh = this.#block(key);
      if (fresh) this.#store.append(audit);
      return fresh;
    });
  }

  find(generation: string, serial: string): StoredRevocation | undefined {
    return this.all.get(keyOf(generation, serial));
  }

  status(generation: string, serial: string): SerialStatus {
    const found = this.find(generation, serial);
    if (found !== undefined) return { kind: 'revoked', revokedAt: found.revokedAt, reason: found.reason };
    const certificate = this.#certificate(generation, serial);
    if (certificate === undefined)
      return { kind: this.known.has(keyOf(generation, serial)) ? 'good' : 'unknown' };
    const { revokedAt, revocationReason } = certificate;
    if (revokedAt === null) return { kind: 'good' };
    return { kind: 'revoked', revokedAt, reason: CRL_REASONS[revocationReason ?? 0] as CrlReason };
  }

  unseen(limit: number): readonly StoredRevocation[] {
    return [...this.all.values()]
      .filter(({ crlSeenAt, ocspSeenAt }) => crlSeenAt === null || ocspSeenAt === null)
      .sort((a, b) => a.recordedAt - b.recordedAt)
      .slice(0, limit);
  }

  seen(marks: readonly SeenMark[]): Promise<void> {
    return this.#store.write(() => {
      for (const { generation, serial, crlSeenAt, ocspSeenAt } of marks) {
        const found = this.find(generation, serial);
        if (found !== undefined)
          this.all.set(keyOf(generation, serial), {
            ...found,
            crlSeenAt: found.crlSeenAt ?? crlSeenAt ?? null,
            ocspSeenAt: found.ocspSeenAt ?? ocspSeenAt ?? null,
          });
      }
    });
  }

  addKnown(serials: readonly KnownSerial[], audit: readonly AuditDraft[]): Promise<void> {
    return this.#store.write(() => {
      for (const serial of serials) {
        const key = keyOf(serial.generation, serial.serial);
        if (!this.known.has(key)) this.known.set(key, serial);
      }
      this.#store.append(audit);
    });
  }

  findKnown(generation: string, serial: string): KnownSerial | undefined {
    return this.known.get(keyOf(generation, serial));
  }

  forget(
    { expiredBefore, limit }: Parameters<ForgetRevocations>[0],
    published: readonly PublishedCrl[],
    audit: Parameters<ForgetRevocations>[1],
  ): Promise<number> {
    const named = ({ generation, notAfter, sequence }: StoredRevocation, scope: CrlScope): boolean =>
      published.some(
        (crl) =>
          crl.generation === generation &&
          crl.scope === scope &&
          crl.thisUpdate > notAfter &&
          crl.covers >= sequence,
      );
    return this.#store.write(() => {
      const old = [...this.all].filter(
        ([, one]) =>
          one.notAfter < expiredBefore &&
          named(one, one.shard) &&
          named(one, 'full') &&
          one.sequence < this.#nextSequence(one.generation) - 1,
      );
      const known = [...this.known].filter(([, { notAfter }]) => notAfter < expiredBefore);
      const gone = [...old.map(([key]) => key), ...known.map(([key]) => key)].slice(0, limit);
      for (const key of gone) if (!this.all.delete(key)) this.known.delete(key);
      if (gone.length > 0) this.#store.append(audit(gone.length));
      return gone.length;
    });
  }

  #revoke({ revocation, blockKey, audit }: RevocationOrder, recordedAt: Instant): RevocationResult {
    const changed = this.#change(revocation);
    if (changed === undefined)
      this.put({
        ...revocation,
        sequence: this.#nextSequence(revocation.generation),
        recordedAt,
        crlSeenAt: null,
        ocspSeenAt: null,
      });
    const blocked = blockKey !== undefined && this.#block(blockKey);
    const result = changed === 'already' && blocked ? 'blocked' : (changed ?? 'revoked');
    if (result !== 'already') this.#store.append(audit);
    return result;
  }

  #change({ generation, serial, reason }: Revocation): RevocationResult | undefined {
    const found = this.find(generation, serial);
    if (found === undefined)
      return (this.#certificate(generation, serial)?.revokedAt ?? null) === null ? undefined : 'already';
    if (reason !== 'keyCompromise' || found.reason === reason) return 'already';
    this.put({ ...found, reason, sequence: this.#nextSequence(generation) });
    return 'raised';
  }

  /** With the certificate that it is of. */
  put(revocation: StoredRevocation): void {
    const { generation, serial, revokedAt, reason } = revocation;
    this.all.set(keyOf(generation, serial), revocation);
    if (this.#certificate(generation, serial) !== undefined)
      this.#store.mark(serial, revokedAt, CRL_REASONS.indexOf(reason));
  }

  #certificate(generation: string, serial: string): StoredCertificate | undefined {
    const found = this.#store.findCertificate(serial);
    return found?.generation === generation ? found : undefined;
  }

  #nextSequence(generation: string): number {
    const all = [...this.all.values()].filter((one) => one.generation === generation);
    return 1 + Math.max(0, ...all.map(({ sequence }) => sequence));
  }

  #block(key: string): boolean {
    const before = this.#store.blocked.size;
    return this.#store.blocked.add(key).size > before;
  }
}
