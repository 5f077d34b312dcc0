/** A consistent copy of a database, also while another process writes it, and what may be done to a file from outside. */
import Database from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { ChainEnd } from '../../domain/audit/chain.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import { AuditAppender } from './audit-appender.ts';
import { cannotOpen } from './open.ts';

/** All pages in one step: in several, a busy writer makes the copy begin again and again. */
const ALL_PAGES = 0x7fffffff;

/** Copies with SQLite's backup API, then reads every page of the copy. Throws `store_unavailable`. */
export async function snapshotDatabase(file: string, to: string): Promise<void> {
  const database = open(file, { readonly: true, fileMustExist: true });
  try {
    await database.backup(to, { progress: () => ALL_PAGES });
  } catch (error) {
    throw cannotOpen(file, error);
  } finally {
    database.close();
  }
  checkDatabase(to);
}

/** Reads every page. Throws `store_unavailable` for a file that is damaged. Leaves no side files. */
export function checkDatabase(file: string): void {
  const database = open(file, { fileMustExist: true });
  try {
    // a file by itself: nothing beside it belongs to it
    database.pragma('journal_mode = DELETE');
    const found = database.pragma('quick_check(1)', { simple: true });
    if (found !== 'ok') throw new Error(String(found));
  } catch (error) {
    throw damagedDatabase(file, error);
  } finally {
    database.close();
  }
}

/**
 * Adds entries to the audit log of a file that a server may be working with: the chain's end is read inside of the
 * transaction, there as here. Nothing is migrated.
 */
export function appendAuditEntries(
  file: string,
  drafts: readonly AuditDraft[] | ((end: ChainEnd) => readonly AuditDraft[]),
): void {
  const database = open(file, { fileMustExist: true });
  try {
    database.pragma('synchronous = FULL');
    const audit = new AuditAppender(database);
    database
      .transaction(() => {
        audit.begin();
        audit.append(typeof drafts === 'function' ? drafts(audit.mark().end) : drafts);
      })
      .immediate();
  } catch (error) {
    throw cannotOpen(file, error);
  } finally {
    database.close();
  }
}

function open(file: string, options: Database.Options): Database.Database {
  try {
    return new Database(file, { timeout: 5000, ...options });
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

const damagedDatabase = (file: string, error: unknown): ChanceryError =>
  new ChanceryError(
    'store_unavailable',
    {
      message: `${file} is damaged: ${error instanceof Error ? error.message : String(error)}`,
      rule: 'a database is copied and restored whole, or not at all',
      fix: 'Use an older backup, and keep this file for whoever looks into it.',
    },
    { cause: error },
  );
