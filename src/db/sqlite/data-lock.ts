/** One process at a time works in a data folder: a lock that the kernel drops with the process, also after kill -9. */
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';

export interface DataLock {
  release(): void;
}

/** `undefined` when another process holds it. */
export function lockData(file: string): DataLock | undefined {
  // whoever may read it may lock it, too, and keep the server from starting
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const database = new Database(file, { timeout: 0 });
  try {
    database.pragma('journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** Whether another process holds the lock now. Takes nothing and leaves nothing. */
export function isLocked(file: string): boolean {
  if (!existsSync(file)) return false;
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true, timeout: 0 });
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;
  } finally {
    database?.close();
  }
}
