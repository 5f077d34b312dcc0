/** A database as it is, for programs that only look: nothing is made, migrated or written. */
import Database from 'better-sqlite3';
import type { Instant } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { AuditLog } from '../../domain/audit/ports.ts';
import type { AuthorityStore, Inventory } from '../../domain/issuance/ports.ts';
import type { ManagedStore } from '../../domain/renewal/ports.ts';
import type { JournalBook } from '../../domain/revocation/journal-book.ts';
import type { CrlStore, PublishedCrlStore } from '../../domain/revocation/ports.ts';
import { AuditAppender } from './audit-appender.ts';
import { openAuditLog } from './audit-log.ts';
import { openAuthorities } from './authorities.ts';
import { openCrls } from './crls.ts';
import { openInventory } from './inventory.ts';
import { openJournalBook } from './journal-book.ts';
import { openManaged } from './managed.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { cannotOpen } from './open.ts';
import { openPublishedCrls } from './published-crls.ts';
import { Writer } from './writer.ts';

export interface StoreRecords {
  readonly audit: Pick<AuditLog, 'entries' | 'last' | 'lastHead'>;
  readonly authorities: Pick<AuthorityStore, 'roots' | 'generations' | 'pending'>;
  readonly crls: Pick<CrlStore, 'crls'>;
  readonly publishedCrls: Pick<PublishedCrlStore, 'published'>;
  readonly inventory: Pick<Inventory, 'search'>;
  readonly managed: Pick<ManagedStore, 'list' | 'living' | 'count'>;
  readonly journal: Pick<JournalBook, 'position'>;
  /** The latest time in the audit log, 0 for an empty one. */
  readonly latestAuditTime: Instant;
}

export interface StoreView {
  /** Of the file. */
  readonly schema: number;
  /** The newest that this release knows. */
  readonly known: number;
  /** `undefined` for a schema of another release. */
  readonly records: StoreRecords | undefined;
  readonly close: () => void;
}

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Opens the file read-only, also beside the server that writes it. Throws `store_unavailable`. */
export function viewStore(file: string): StoreView {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true, fileMustExist: true, timeout: 500 });
    const schema = database.pragma('user_version', { simple: true }) as number;
    const known = MIGRATIONS.at(-1)?.number ?? 0;
    const opened = database;
    return {
      schema,
      known,
      records: schema === known ? readRecords(opened) : undefined,
      close: () => void opened.close(),
    };
  } catch (error) {
    database?.close();
    throw cannotOpen(file, error);
  }
}

function readRecords(database: Database.Database): StoreRecords {
  const audit = new AuditAppender(database);
  const rooms = {
    database,
    audit,
    writer: new Writer({ database, audit, log: SILENT, onFatal: () => undefined }),
  };
  return {
    audit: openAuditLog(rooms),
    authorities: openAuthorities(rooms),
    crls: openCrls(rooms),
    publishedCrls: openPublishedCrls(rooms),
    inventory: openInventory(rooms),
    managed: openManaged(rooms),
    journal: openJournalBook(rooms),
    latestAuditTime: audit.latestTime(),
  };
}
