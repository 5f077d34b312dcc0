import type { Database } from 'better-sqlite3';
import type { AuditAppender } from './audit-appender.ts';
import type { Writer } from './writer.ts';

/** What every part of the store works with. */
export interface Rooms {
  readonly database: Database;
  readonly audit: AuditAppender;
  readonly writer: Writer;
}
