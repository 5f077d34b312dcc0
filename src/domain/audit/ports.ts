import type { AuditEntry } from './entry.ts';
import type { AuditHead } from './head.ts';
import type { PreparedHead } from './heads.ts';

/** Reading the log of record, and keeping its signed heads. Entries are written by the Ledger, with what they are about. */
export interface AuditLog {
  /** Entries with a sequence number from `from` on, ascending, at most `limit`. */
  entries(from: number, limit: number): readonly AuditEntry[];
  /** The newest entry; `undefined` for a log without any. */
  last(): AuditEntry | undefined;
  /** Heads that sign an entry from `from` on, ascending, at most `limit`. */
  heads(from: number, limit: number): readonly AuditHead[];
  /** The head that signs the newest signed entry; `undefined` before the first one. */
  lastHead(): AuditHead | undefined;
  /** Durable when it resolves. */
  addHead(head: AuditHead): Promise<void>;
}

/** Signs heads and nothing else: it takes no octets, only a `PreparedHead` (see `heads.ts`). */
export interface HeadSigner {
  /** `prepared.signed(keyId, signature over prepared.redeem(keyId))`, keyId being the SHA-256 of the public key. */
  sign(prepared: PreparedHead): AuditHead;
}

/** A place outside the database that gets a copy of every entry and head. */
export interface AuditSink {
  /** For messages, e.g. the path. */
  readonly name: string;
  /** A required sink must accept an entry before its caller is answered. */
  readonly required: boolean;
  /**
   * Copies every entry up to this sequence number that was not copied yet, and the heads that are there. Returns when
   * the sink has accepted them; throws `audit_unavailable` at once when it does not (a required sink), or logs it and
   * tries again with the next call (any other). Never waits for a reader.
   */
  ship(upTo: number): void;
  /**
   * Throws `audit_unavailable` while a required sink still refuses what it was given before; tries it again first.
   * Asked before anything is signed: so a dead sink refuses requests instead of leaving certificates nobody received.
   */
  check(): void;
  close(): void;
}

/** Up to where receivers were told. */
export interface WebhookPlaces {
  /** `undefined`: never. */
  place(webhook: string): number | undefined;
  /** Durable when it resolves. */
  putPlace(webhook: string, sequence: number): Promise<void>;
}
