/** The audit log at work: sinks that must accept before anybody is answered, heads at their interval, exports. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { AnonymousRefusals, refusalsDraft } from '../domain/audit/aggregate.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import { exportLines } from '../domain/audit/export.ts';
import type { AuditHead } from '../domain/audit/head.ts';
import { nextHead, PreparedHead } from '../domain/audit/heads.ts';
import type { AuditSink, HeadSigner } from '../domain/audit/ports.ts';
import type { Ledger, Recording, RecordingResult } from '../domain/issuance/ports.ts';
import type { RevocationStore } from '../domain/revocation/ports.ts';
import type { Store } from '../db/sqlite/index.ts';
import type { ChanceryError } from '../base/errors.ts';

export interface AuditTrailOptions {
  readonly store: Store;
  readonly sinks: readonly AuditSink[];
  readonly signer: HeadSigner;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly headInterval: number;
  readonly log: Log;
}

export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #refusals = new AnonymousRefusals();
  readonly ledger: Ledger;
  readonly revocations: RevocationStore;
  #signing: Promise<AuditHead | undefined> = Promise.resolve(undefined);

  constructor(options: AuditTrailOptions) {
    this.#options = options;
    const { ledger, revocations } = options.store;
    this.ledger = {
      record: (recording) => this.#record(recording),
      findClaim: (principal, key) => ledger.findClaim(principal, key),
      findCertificate: (serial) => ledger.findCertificate(serial),
      findRevocation: (serial) => ledger.findRevocation(serial),
      isKeyBlocked: (fingerprint) => ledger.isKeyBlocked(fingerprint),
    };
    this.revocations = {
      ...revocations,
      revoke: (orders, recordedAt) => this.#shipped(() => revocations.revoke(orders, recordedAt)),
      block: (key, audit) => this.#shipped(() => revocations.block(key, audit)),
    };
  }

  /** Throws `audit_unavailable` while a required sink refuses entries. */
  check(): void {
    for (const sink of this.#options.sinks) sink.check();
  }

  #record(recording: Recording): Promise<RecordingResult> {
    return this.#shipped(() => this.#options.store.ledger.record(recording));
  }

  async #shipped<T>(write: () => Promise<T>): Promise<T> {
    this.check();
    const result = await write();
    this.#ship();
    return result;
  }

  async record(audit: readonly AuditDraft[]): Promise<void> {
    await this.#record({ audit });
  }

  #ship(): void {
    const { sinks, store } = this.#options;
    if (sinks.length === 0) return;
    const upTo = store.audit.last()?.sequence ?? 0;
    // one that refuses does not keep the others from their copy
    const failures = sinks.flatMap((sink) => {
      try {
        sink.ship(upTo);
        return [];
      } catch (error) {
        return [error];
      }
    });
    if (failures.length > 0) throw failures[0];
  }

  refusedAnonymous(error: ChanceryError, address: string | undefined): void {
    this.#refusals.add({ code: error.code, door: 'rest', address }, this.#options.clock.now());
  }

  /** Writes the window of anonymous refusals when it is over, and signs a head when one is due. */
  async tick(always = false): Promise<void> {
    const { clock, log } = this.#options;
    const window = this.#refusals.take(clock.now(), always);
    if (window !== undefined) {
      try {
        await this.record([refusalsDraft(window, clock.now())]);
      } catch (error) {
        this.#refusals.giveBack(window);
        log.warn('anonymous refusals could not be recorded', { reason: String(error) });
      }
    }
    await this.#sign(always ? 0 : this.#options.headInterval);
  }

  /** Signs the end of the log as it is now; `undefined` for an empty log. */
  async signNow(): Promise<AuditHead | undefined> {
    await this.#sign(0);
    return this.#lastHead();
  }

  /** One at a time: two heads for one end would be one too many. */
  #sign(interval: number): Promise<AuditHead | undefined> {
    this.#signing = this.#signing.catch(() => undefined).then(() => this.#signOnce(interval));
    return this.#signing;
  }

  async #signOnce(interval: number): Promise<AuditHead | undefined> {
    const { store, clock, signer } = this.#options;
    const prepared = nextHead(store.audit.last(), this.#lastHead(), clock.now(), interval);
    if (prepared === undefined) return undefined;
    const head = signer.sign(prepared);
    await store.audit.addHead(head);
    this.#ship();
    return head;
  }

  #lastHead(): AuditHead | undefined {
    return this.#options.store.audit.lastHead();
  }

  /** The whole log with its heads, ended by one that is made for this export. */
  async *exportLines(): AsyncGenerator<string> {
    const { store, clock, signer, trustDomain } = this.#options;
    const end = store.audit.last();
    if (end === undefined) return;
    const closing = signer.sign(PreparedHead.of(end, this.#lastHead(), clock.now()));
    let turn = 0;
    for (const line of exportLines(store.audit, trustDomain, closing)) {
      yield `${line}\n`;
      // others get their turn while a large log is read
      if (++turn % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  close(): void {
    for (const sink of this.#options.sinks) sink.close();
  }
}
