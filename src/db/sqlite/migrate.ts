/** Numbered migrations over `PRAGMA user_version`, each in a transaction of its own. */
import { basename } from 'node:path';
import type { Database } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type Migration, MIGRATIONS } from './migrations/index.ts';

/** "CHCY": says whose file this is (`PRAGMA application_id`). */
const APPLICATION_ID = 0x43484359;

export interface MigrateOptions {
  readonly log: Log;
  readonly beforeMigration?: (from: number, to: number) => void;
  readonly migrations?: readonly Migration[];
}

/** Brings the schema to the newest that this release knows. Throws `newer_schema`, or `invalid_configuration` for a stranger's file. */
export function migrate(
  database: Database,
  { log, beforeMigration, migrations = MIGRATIONS }: MigrateOptions,
): void {
  const found = userVersion(database);
  const known = migrations.at(-1)?.number ?? 0;
  refuseStranger(database, found);
  if (found > known) throw newerSchema(database, found, known);
  const isNew = found === 0;
  for (const migration of migrations.slice(found)) {
    if (!isNew) {
      // whoever copies the file now must find everything in it
      database.pragma('wal_checkpoint(TRUNCATE)');
      beforeMigration?.(migration.number - 1, migration.number);
    }
    apply(database, migration);
    if (!isNew) log.info('migrated the database', { schema: migration.number, migration: migration.name });
  }
}

function apply(database: Database, migration: Migration): void {
  database
    .transaction(() => {
      // another process may have been quicker
      if (userVersion(database) >= migration.number) return;
      database.exec(migration.sql);
      database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${migration.number}`);
    })
    .immediate();
}

const userVersion = (database: Database): number =>
  database.pragma('user_version', { simple: true }) as number;

function refuseStranger(database: Database, found: number): void {
  const owner = database.pragma('application_id', { simple: true });
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (owner === APPLICATION_ID || (owner === 0 && found === 0 && tables === 0)) return;
  throw new ChanceryError('invalid_configuration', {
    message: `${database.name} is a database of another program`,
    rule: 'the store keeps its records in a file of its own',
    fix: 'Name another file under database.sqlite.',
  });
}

const newerSchema = (database: Database, found: number, known: number): ChanceryError =>
  new ChanceryError('newer_schema', {
    message: `${basename(database.name)} has schema ${found}, this release knows schemas up to ${known}`,
    rule: 'an older release never writes into the schema of a newer one',
    fix: 'Start the newer release again, or restore the copy that it made before its migration.',
    data: { found, known },
  });
