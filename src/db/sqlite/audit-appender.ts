/** Continues the audit chain inside the writer's transaction. */
import type { Database, Statement } from 'better-sqlite3';
import type { Instant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { toHex } from '../../x509/bytes.ts';
import { type ChainEnd, EMPTY_CHAIN, link, latestAfter } from '../../domain/audit/chain.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import { severity, sqliteCode } from './failures.ts';
import { octets } from './octets.ts';

/** Where the chain stood. */
export interface ChainMark {
  readonly end: ChainEnd;
  readonly latestTime: Instant;
}

interface LastRow {
  readonly sequence: number;
  readonly hash: Buffer;
  readonly latest_time: number;
}

const EMPTY: ChainMark = { end: EMPTY_CHAIN, latestTime: 0 };

export class AuditAppender {
  readonly #insert: Statement<[number, string, Buffer, number]>;
  readonly #last: Statement<[], LastRow>;
  #now: ChainMark;
  #latestCommitted: Instant;

  constructor(database: Database) {
    this.#insert = database.prepare(
      'INSERT INTO audit_entries (sequence, body, hash, latest_time) VALUES (?, ?, ?, ?)',
    );
    this.#last = database.prepare(
      'SELECT sequence, hash, latest_time FROM audit_entries ORDER BY sequence DESC LIMIT 1',
    );
    this.#now = this.#read();
    this.#latestCommitted = this.#now.latestTime;
  }

  /** From the table, not from memory: a transaction that failed, or another process, may have changed the end. */
  begin(): void {
    this.#now = this.#read();
  }

  mark(): ChainMark {
    return this.#now;
  }

  rewind(mark: ChainMark): void {
    this.#now = mark;
  }

  committed(): void {
    this.#latestCommitted = this.#now.latestTime;
  }

  /** The latest time that is durable in the log; 0 for an empty one. */
  latestTime(): Instant {
    return this.#latestCommitted;
  }

  /** Throws `audit_unavailable` when the table refuses the entry. */
  append(drafts: readonly AuditDraft[]): void {
    for (const draft of drafts) {
      const { sequence, body, hash } = link(this.#now.end, draft);
      const latestTime = latestAfter(this.#now.latestTime, draft);
      try {
        this.#insert.run(sequence, body, octets(hash), latestTime);
      } catch (error) {
        throw severity(error) === 'row' ? unwritable(error) : error;
      }
      this.#now = { end: { sequence, hash }, latestTime };
    }
  }

  #read(): ChainMark {
    const row = this.#last.get();
    return row === undefined
      ? EMPTY
      : { end: { sequence: row.sequence, hash: toHex(row.hash) }, latestTime: row.latest_time };
  }
}

const unwritable = (error: unknown): ChanceryError =>
  new ChanceryError(
    'audit_unavailable',
    {
      message: `the audit log refused an entry (${sqliteCode(error) ?? 'unknown'})`,
      rule: 'nothing is done that cannot be written into the audit log',
      fix: 'Try again; an operator sees why in the log.',
      retryAfter: 5,
    },
    { cause: error },
  );
