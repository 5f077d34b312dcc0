/** What stands between the writer and the journal: tells it of a batch, and keeps in the database how far it was told. */
import type { Database, Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import { type Journal, JournalFailure, type JournalPosition } from '../../domain/revocation/journal.ts';
import type { JournalRecord } from '../../domain/revocation/ports.ts';

export const READ_POSITION = `SELECT value FROM meta WHERE key = 'journal'`;
export const WRITE_POSITION = `INSERT INTO meta (key, value) VALUES ('journal', ?)
  ON CONFLICT DO UPDATE SET value = excluded.value`;

export const renderPosition = ({ journal, sequence, hash }: JournalPosition): string =>
  JSON.stringify({ journal, sequence, hash });

export class JournalDesk {
  readonly #write: Statement<[string]>;
  #journal: Journal | undefined;
  /** The newest line, as long as it is not committed. */
  #told: JournalPosition | undefined;
  /** Records were told and not committed: whoever starts next looks at all of them again. */
  #held = false;
  #failure: string | undefined;
  #heals = false;

  constructor(database: Database) {
    this.#write = database.prepare(WRITE_POSITION);
  }

  attach(journal: Journal): void {
    this.#journal = journal;
  }

  /** Why the journal takes no records; `undefined` while it does. */
  get reason(): string | undefined {
    return this.#failure;
  }

  /** Durable when it returns `undefined` or resolves. Throws or rejects like `Journal.append`. */
  tell(
    batch: readonly { readonly journal: readonly JournalRecord[] | undefined }[],
  ): Promise<void> | undefined {
    const journal = this.#journal;
    if (journal === undefined) return undefined;
    const lists = batch.flatMap((job) => (job.journal === undefined ? [] : [job.journal]));
    if (lists.length === 0) return undefined;
    const position = journal.append({ records: lists.flat() });
    if (!(position instanceof Promise)) return void this.#took(position);
    return position.then((taken) => this.#took(taken));
  }

  #took(position: JournalPosition): void {
    this.#told = position;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#heals = true;
  }

  /** Inside the transaction. */
  remember(): void {
    if (this.#told !== undefined && !this.#held) this.#write.run(renderPosition(this.#told));
  }

  committed(): void {
    this.#told = undefined;
  }

  /** The transaction was undone. What was told stands in the journal, behind what the database knows. */
  notCommitted(): void {
    this.#held ||= this.#told !== undefined;
    this.#told = undefined;
  }

  failed(cause: unknown): { readonly failure: ChanceryError; readonly fatal: boolean } {
    const known = cause instanceof JournalFailure;
    const fatal = !known || cause.fatal;
    const message = known ? cause.message : `the journal takes no records any more: ${String(cause)}`;
    this.#failure = message;
    const failure = new ChanceryError(
      'store_unavailable',
      {
        message,
        rule: 'nothing is answered before the journal has it',
        fix: fatal
          ? 'An operator has to look at the journal, then start the server again.'
          : 'Try again; an operator sees why in the log.',
        retryAfter: fatal ? 60 : 5,
      },
      { cause },
    );
    return { failure, fatal };
  }

  /** Once after each failure. */
  healed(): boolean {
    const healed = this.#heals;
    this.#heals = false;
    return healed;
  }

  close(): void {
    this.#journal?.close();
  }
}
