import type { Instant } from '../../base/clock.ts';
import type { AuditEntry } from './entry.ts';
import type { AuditHead } from './head.ts';

/** Reading the log of record, and keeping its signed heads. Entries are written by the Ledger, with what they are about. */
export interface AuditLog {
  /** Entries with a sequence number from `from` on, ascending, at most `limit`. */
  entries(from: number, limit: number): readonly AuditEntry[];
  /** The newest entry; `undefined` for a log without any. */
  last(): AuditEntry | undefined;
  /** Heads that sign an entry from `from` on, ascending, at most `limit`. */
  heads(from: number, limit: number): readonly AuditHead[];
  /** Durable when it resolves. */
  addHead(head: AuditHead): Promise<void>;
}

/** Signs heads and nothing else. */
export interface HeadSigner {
  sign(unsigned: { readonly sequence: number; readonly hash: string; readonly time: Instant }): AuditHead;
}
