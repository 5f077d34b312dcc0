/** Opens the database file as we want it: private, write-ahead logged, synchronous, with the newest schema. */
import { chmodSync, closeSync, fstatSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { describe, sqliteCode } from './failures.ts';
import { migrate, type MigrateOptions } from './migrate.ts';

export interface DatabaseOptions extends MigrateOptions {
  readonly file: string;
}

/** Milliseconds that a write waits for another process. It stands still meanwhile, so not long. */
const BUSY_TIMEOUT = 500;

export function openDatabase(options: DatabaseOptions): Database.Database {
  const { file, log } = options;
  makePrivate(file, log);
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { timeout: BUSY_TIMEOUT });
    configure(database);
    migrate(database, options);
    return database;
  } catch (error) {
    database?.close();
    throw cannotOpen(file, error);
  }
}

function configure(database: Database.Database): void {
  if (database.pragma('journal_mode = WAL', { simple: true }) !== 'wal')
    throw new ChanceryError('store_unavailable', {
      message: `${database.name} cannot be written ahead (WAL)`,
      rule: 'the database lies on a local file system that can be written and mapped into memory',
      fix: 'Move the data folder to a local disk.',
    });
  // this build of SQLite has NORMAL as its default for WAL, which loses the last commits with the power
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  // the writer does it: see there
  database.pragma('wal_autocheckpoint = 0');
  // what is undone is kept in memory, not in a file under /tmp
  database.pragma('temp_store = MEMORY');
}

/** SQLite gives its side files (-wal, -shm) the mode of the database. */
function makePrivate(file: string, log: Log): void {
  try {
    const handle = openSync(file, 'a', 0o600);
    const mode = fstatSync(handle).mode & 0o777;
    closeSync(handle);
    if ((mode & 0o077) === 0) return;
    chmodSync(file, 0o600);
    log.warn('the database could be read by others and is private again', { file, mode: mode.toString(8) });
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

/** Why the store cannot start, for the operator in front of it. */
export function cannotOpen(file: string, error: unknown): ChanceryError {
  if (isChanceryError(error)) return error;
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(sqliteCode(error) ?? ''))
    return new ChanceryError(
      'store_unavailable',
      {
        message: `${file} is damaged, or not a database at all: ${describe(error)}`,
        rule: 'nothing is signed on a state that cannot be read',
        fix: 'Restore a backup, or name another file under database.sqlite.',
      },
      { cause: error },
    );
  return new ChanceryError(
    'store_unavailable',
    {
      message: `${file} cannot be opened: ${describe(error)}`,
      rule: 'the server reads and writes its database',
      fix: 'Look at the volume: is it mounted, writable, and has it room?',
    },
    { cause: error },
  );
}
