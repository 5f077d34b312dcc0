/**
 * The one writer. Recordings of many requests share a transaction, because it is the fsync that costs; a bad one is
 * undone by itself and does not harm its neighbours. A promise settles only after COMMIT returned.
 */
import type { Database, Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { AuditAppender } from './audit-appender.ts';
import { broken, rowFailure, severity, sqliteCode, unavailable } from './failures.ts';

export interface StoreHealth {
  readonly ok: boolean;
  /** Why not. */
  readonly reason?: string;
}

export interface WriterOptions {
  readonly database: Database;
  readonly audit: AuditAppender;
  readonly log: Log;
  readonly onFatal: (error: ChanceryError) => void;
  /** Recordings in one transaction. */
  readonly maxBatch?: number;
  /** Recordings that may wait; more are refused at once. */
  readonly maxQueue?: number;
}

interface Job {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ChanceryError) => void;
}

/** To be given once the transaction is durable. */
type Answer = () => void;

/** Pages in the write-ahead log, estimated, after which they are moved into the database file. */
const CHECKPOINT_PAGES = 4000;
const PAGES_PER_BATCH = 8;
const PAGES_PER_JOB = 6;

export class Writer {
  readonly #database: Database;
  readonly #audit: AuditAppender;
  readonly #log: Log;
  readonly #onFatal: (error: ChanceryError) => void;
  readonly #maxBatch: number;
  readonly #maxQueue: number;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  readonly #rollbackTo: Statement;
  #queue: Job[] = [];
  #scheduled = false;
  #closed = false;
  #uncheckpointed = 0;
  /** Why the last write failed. */
  #reason: string | undefined;
  #fatal: ChanceryError | undefined;

  constructor(options: WriterOptions) {
    const { database } = options;
    this.#database = database;
    this.#audit = options.audit;
    this.#log = options.log;
    this.#onFatal = options.onFatal;
    this.#maxBatch = options.maxBatch ?? 256;
    this.#maxQueue = options.maxQueue ?? 10_000;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#savepoint = database.prepare('SAVEPOINT job');
    this.#release = database.prepare('RELEASE job');
    this.#rollbackTo = database.prepare('ROLLBACK TO job');
  }

  /**
   * Runs `job` in the next transaction; resolves with its value when that is durable. Throwing undoes this job alone.
   * Rejects with `store_unavailable`, `shutting_down`, or what the job threw (`internal` for a row that does not fit).
   */
  write<T>(job: () => T): Promise<T> {
    if (this.#fatal !== undefined) return Promise.reject(this.#fatal);
    if (this.#closed)
      return Promise.reject(
        new ChanceryError('shutting_down', { message: 'the store is closed', retryAfter: 5 }),
      );
    if (this.#queue.length >= this.#maxQueue) return Promise.reject(queueFull(this.#maxQueue));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run: job, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Reads have no part in the queue, but their errors are judged like the writer's own. */
  read<T>(query: () => T): T {
    try {
      return query();
    } catch (error) {
      if (severity(error) === 'row') throw rowFailure(error);
      throw this.#fail(error);
    }
  }

  health(): StoreHealth {
    return this.#reason === undefined ? { ok: true } : { ok: false, reason: this.#reason };
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    while (this.#queue.length > 0) this.#writeBatch();
    try {
      this.#database.close();
    } catch (error) {
      this.#log.error('the database did not close', { error: String(error) });
    }
    return Promise.resolve();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#queue.length > 0) this.#writeBatch();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #writeBatch(): void {
    const batch = this.#queue.splice(0, this.#maxBatch);
    try {
      if (this.#fatal !== undefined) throw this.#fatal;
      const answers = this.#transact(batch);
      this.#recovered();
      for (const answer of answers) answer();
      this.#uncheckpointed += PAGES_PER_BATCH + PAGES_PER_JOB * batch.length;
      if (this.#uncheckpointed >= CHECKPOINT_PAGES) this.#scheduleCheckpoint();
    } catch (error) {
      this.#rollback();
      const failure = this.#fail(error);
      for (const job of batch) job.reject(failure);
    }
  }

  /**
   * First without savepoints, which cost a tenth of everything: a job that throws is rare. When one does, all is undone
   * and done again with a savepoint each. Jobs are written so that they can be run again.
   */
  #transact(batch: readonly Job[]): Answer[] {
    try {
      return this.#transaction(batch, (job) => this.#run(job));
    } catch (error) {
      if (!this.#isOfOneJob(error)) throw error;
      this.#rollback();
      return this.#transaction(batch, (job) => this.#runApart(job));
    }
  }

  #transaction(batch: readonly Job[], run: (job: Job) => Answer): Answer[] {
    this.#begin.run();
    this.#audit.begin();
    const answers = batch.map(run);
    this.#commit.run();
    this.#audit.committed();
    return answers;
  }

  #run(job: Job): Answer {
    const value = job.run();
    return () => job.resolve(value);
  }

  #runApart(job: Job): Answer {
    this.#savepoint.run();
    const mark = this.#audit.mark();
    try {
      const answer = this.#run(job);
      this.#release.run();
      return answer;
    } catch (error) {
      if (!this.#isOfOneJob(error)) throw error;
      this.#rollbackTo.run();
      this.#release.run();
      this.#audit.rewind(mark);
      const failure = rowFailure(error);
      if (failure.code === 'internal') this.#log.error('a record was refused', { error: String(error) });
      return () => job.reject(failure);
    }
  }

  /** SQLite has undone the whole transaction already where it saw no other way. */
  #isOfOneJob(error: unknown): boolean {
    return severity(error) === 'row' && this.#database.inTransaction;
  }

  #rollback(): void {
    if (!this.#database.inTransaction) return;
    try {
      this.#database.exec('ROLLBACK');
    } catch (error) {
      this.#log.error('a transaction was not rolled back', { error: String(error) });
    }
  }

  /**
   * Not SQLite's own automatic checkpoint: that one swallows the error of a failed fsync. In a turn of its own, so that
   * the answers of the batch before do not wait for it.
   */
  #scheduleCheckpoint(): void {
    this.#uncheckpointed = 0;
    setImmediate(() => {
      if (this.#closed || this.#fatal !== undefined) return;
      try {
        this.#database.pragma('wal_checkpoint(PASSIVE)');
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #fail(error: unknown): ChanceryError {
    if (this.#fatal !== undefined) return this.#fatal;
    const fatal = severity(error) === 'fatal';
    const failure = fatal ? broken(error) : unavailable(error);
    this.#complain(failure, error);
    if (fatal) this.#die(failure);
    return failure;
  }

  /** Once per reason, not once per request. */
  #complain(failure: ChanceryError, error: unknown): void {
    if (this.#reason !== failure.message)
      this.#log.error(failure.message, { code: sqliteCode(error), file: this.#database.name });
    this.#reason = failure.message;
  }

  #die(failure: ChanceryError): void {
    this.#fatal = failure;
    const waiting = this.#queue;
    this.#queue = [];
    for (const job of waiting) job.reject(failure);
    // after the rejections had their turn: whoever waits can still be told
    setImmediate(() => this.#onFatal(failure));
  }

  #recovered(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#log.info('the store takes records again');
  }
}

const queueFull = (limit: number): ChanceryError =>
  new ChanceryError('store_unavailable', {
    message: `${limit} records wait to be written`,
    rule: `at most ${limit} wait at once`,
    fix: 'Try again.',
    retryAfter: 1,
  });
