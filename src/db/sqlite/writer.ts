/**
 * The one writer. Recordings of many requests share a transaction, because it is the fsync that costs; a bad one is
 * undone by itself and does not harm its neighbours. A promise settles only after COMMIT returned.
 */
import type { Database, Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Journal } from '../../domain/revocation/journal.ts';
import type { JournalRecord } from '../../domain/revocation/ports.ts';
import type { AuditAppender } from './audit-appender.ts';
import { Checkpoints } from './checkpoints.ts';
import { broken, queueFull, rowFailure, severity, sqliteCode, unavailable } from './failures.ts';
import { JournalDesk } from './journal-desk.ts';

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
  /** What the journal is told before; `undefined` for nothing. */
  readonly journal: readonly JournalRecord[] | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ChanceryError) => void;
}

type Batch = readonly Job[];
/** To be given once the transaction is durable. */
type Answer = () => void;

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
  readonly #desk: JournalDesk;
  readonly #checkpoints: Checkpoints;
  #queue: Job[] = [];
  #scheduled = false;
  /** The journal is being told of a batch: no other is begun. */
  #telling: Promise<void> | undefined;
  #closed = false;
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
    this.#desk = new JournalDesk(database);
    this.#checkpoints = new Checkpoints(
      database,
      () => !this.#closed && this.#fatal === undefined,
      (error) => void this.#fail(error),
    );
  }

  /** From now on nothing is committed that this journal was to know and does not. */
  attach(journal: Journal): void {
    this.#desk.attach(journal);
  }

  /**
   * Runs `job` in the next transaction; resolves with its value when that is durable. Throwing undoes this job alone.
   * Rejects with `store_unavailable`, `shutting_down`, or what the job threw (`internal` for a row that does not fit).
   * The journal is told first: a job that fails after that leaves records there which are true all the same (a certificate
   * that was signed, a revocation that was decided), and take effect where they are read.
   */
  write<T>(job: () => T, journal?: readonly JournalRecord[]): Promise<T> {
    if (this.#fatal !== undefined) return Promise.reject(this.#fatal);
    if (this.#closed)
      return Promise.reject(
        new ChanceryError('shutting_down', { message: 'the store is closed', retryAfter: 5 }),
      );
    if (this.#queue.length >= this.#maxQueue) return Promise.reject(queueFull(this.#maxQueue));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run: job, journal, resolve: resolve as (value: unknown) => void, reject });
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

  /** Like `write`, and the journal is told something, too, while it takes no records. */
  probe(job: () => void): Promise<void> {
    return this.write(job, this.#desk.reason === undefined ? undefined : []);
  }

  health(): StoreHealth {
    const reason = this.#reason ?? this.#desk.reason;
    return reason === undefined ? { ok: true } : { ok: false, reason };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#telling !== undefined || this.#queue.length > 0) {
      await this.#telling;
      if (this.#queue.length > 0) this.#writeBatch();
    }
    try {
      this.#database.close();
    } catch (error) {
      this.#log.error('the database did not close', { error: String(error) });
    }
    this.#desk.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#telling !== undefined) return; // who tells schedules again
      if (this.#queue.length > 0) this.#writeBatch();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  /** At once where there is no journal or it is a file; else when it has answered, and meanwhile the next batch grows. */
  #writeBatch(): void {
    const batch = this.#queue.splice(0, this.#maxBatch);
    try {
      const told = this.#fatal === undefined ? this.#desk.tell(batch) : undefined;
      if (told === undefined) this.#commitBatch(batch);
      else this.#telling = this.#commitWhenTold(batch, told);
    } catch (error) {
      this.#rejectUntold(batch, error);
    }
  }

  async #commitWhenTold(batch: Batch, told: Promise<void>): Promise<void> {
    try {
      await told;
      this.#commitBatch(batch);
    } catch (error) {
      this.#rejectUntold(batch, error);
    }
    this.#telling = undefined;
    if (this.#queue.length > 0) this.#schedule();
  }

  #commitBatch(batch: Batch): void {
    try {
      if (this.#fatal !== undefined) throw this.#fatal;
      const answers = this.#transact(batch);
      this.#recovered();
      for (const answer of answers) answer();
      this.#checkpoints.committed(batch.length);
    } catch (error) {
      this.#rollback();
      this.#desk.notCommitted();
      const failure = this.#fail(error);
      for (const job of batch) job.reject(failure);
    }
  }

  /** Nothing of the batch was begun. What needs no journal may go on without it. */
  #rejectUntold(batch: Batch, error: unknown): void {
    const before = this.#desk.reason;
    const { failure, fatal } = this.#desk.failed(error);
    if (before !== this.#desk.reason) this.#log.error(failure.message);
    for (const job of batch) if (job.journal !== undefined) job.reject(failure);
    if (fatal) this.#die(failure);
    const others = batch.filter(({ journal }) => journal === undefined);
    if (others.length > 0) this.#commitBatch(others);
  }

  /**
   * First without savepoints, which cost a tenth of everything: a job that throws is rare. When one does, all is undone
   * and done again with a savepoint each. Jobs are written so that they can be run again.
   */
  #transact(batch: Batch): Answer[] {
    try {
      return this.#transaction(batch, (job) => this.#run(job));
    } catch (error) {
      if (!this.#isOfOneJob(error)) throw error;
      this.#rollback();
      return this.#transaction(batch, (job) => this.#runApart(job));
    }
  }

  #transaction(batch: Batch, run: (job: Job) => Answer): Answer[] {
    this.#begin.run();
    this.#audit.begin();
    const answers = batch.map(run);
    this.#desk.remember();
    this.#commit.run();
    this.#desk.committed();
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
    if (this.#desk.healed()) this.#log.info('the journal takes records again');
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#log.info('the store takes records again');
  }
}
