/** What an error of SQLite means for what comes after it. */
import Database from 'better-sqlite3';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';

/**
 * `row`: this one statement, its neighbours are well. `heals`: nothing can be written now, the next try may pass.
 * `fatal`: after a failed fsync nobody knows what is on the disk, and trying again can only hide it; nor does a corrupt
 * file mend.
 */
export type Severity = 'row' | 'heals' | 'fatal';

const FATAL = /^SQLITE_(IOERR_(FSYNC|DIR_FSYNC|DATA|CORRUPTFS)|CORRUPT|NOTADB|READONLY_DBMOVED)/;
const HEALS = /^SQLITE_(FULL|READONLY|CANTOPEN|IOERR|BUSY|LOCKED|NOMEM|PROTOCOL|PERM|NOLFS|INTERRUPT)/;
const WAITS_FOR_OTHERS = /^SQLITE_(BUSY|LOCKED|PROTOCOL)/;

/** `SQLITE_FULL`, `SQLITE_IOERR_WRITE`, …; `undefined` for an error that is not SQLite's. */
export const sqliteCode = (error: unknown): string | undefined =>
  error instanceof Database.SqliteError ? error.code : undefined;

/** `kinds`: `UNIQUE`, `PRIMARYKEY`, … */
export const isConstraintViolation = (error: unknown, ...kinds: readonly string[]): boolean =>
  kinds.some((kind) => sqliteCode(error) === `SQLITE_CONSTRAINT_${kind}`);

export function severity(error: unknown): Severity {
  const code = sqliteCode(error);
  if (code === undefined) return 'row';
  if (FATAL.test(code)) return 'fatal';
  return HEALS.test(code) ? 'heals' : 'row';
}

/** SQLite's words and code, or whoever's. */
export const describe = (error: unknown): string =>
  error instanceof Database.SqliteError
    ? `${error.message} (${error.code})`
    : error instanceof Error
      ? error.message
      : String(error);

const RULE = 'nothing is answered before its record is durable';

export const unavailable = (error: unknown): ChanceryError =>
  new ChanceryError(
    'store_unavailable',
    {
      message: `the store takes no records now: ${describe(error)}`,
      rule: RULE,
      fix: 'Try again; an operator sees why in the log.',
      retryAfter: WAITS_FOR_OTHERS.test(sqliteCode(error) ?? '') ? 1 : 5,
    },
    { cause: error },
  );

export const broken = (error: unknown): ChanceryError =>
  new ChanceryError(
    'store_unavailable',
    {
      message: `the store takes no records any more: ${describe(error)}`,
      rule: `${RULE}; a failed fsync or a corrupt file does not heal`,
      fix: 'An operator has to look at the disk, then start the server again or restore a backup.',
      retryAfter: 60,
    },
    { cause: error },
  );

/** The failure of one recording alone. The driver's words stay in `cause`: they may quote values. */
export const rowFailure = (error: unknown): ChanceryError =>
  isChanceryError(error)
    ? error
    : new ChanceryError(
        'internal',
        `a record was refused by the store (${sqliteCode(error) ?? (error instanceof Error ? error.name : 'unknown')})`,
        { cause: error },
      );

export const queueFull = (limit: number): ChanceryError =>
  new ChanceryError('store_unavailable', {
    message: `${limit} records wait to be written`,
    rule: `at most ${limit} wait at once`,
    fix: 'Try again.',
    retryAfter: 1,
  });
