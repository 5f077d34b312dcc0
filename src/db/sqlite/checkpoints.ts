import type { Database } from 'better-sqlite3';

/** Pages in the write-ahead log, estimated, after which they are moved into the database file. */
const CHECKPOINT_PAGES = 4000;
const PAGES_PER_BATCH = 8;
const PAGES_PER_JOB = 6;

/**
 * Not SQLite's own automatic checkpoint: that one swallows the error of a failed fsync. In a turn of its own, so that
 * the answers of the batch before do not wait for it.
 */
export class Checkpoints {
  readonly #database: Database;
  readonly #goesOn: () => boolean;
  readonly #failed: (error: unknown) => void;
  #pages = 0;

  constructor(database: Database, goesOn: () => boolean, failed: (error: unknown) => void) {
    this.#database = database;
    this.#goesOn = goesOn;
    this.#failed = failed;
  }

  committed(jobs: number): void {
    this.#pages += PAGES_PER_BATCH + PAGES_PER_JOB * jobs;
    if (this.#pages < CHECKPOINT_PAGES) return;
    this.#pages = 0;
    setImmediate(() => {
      if (!this.#goesOn()) return;
      try {
        this.#database.pragma('wal_checkpoint(PASSIVE)');
      } catch (error) {
        this.#failed(error);
      }
    });
  }
}
