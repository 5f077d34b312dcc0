import { copyFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../../src/db/sqlite/migrate.ts';
import { type Migration, MIGRATIONS } from '../../../src/db/sqlite/migrations/index.ts';
import { refusalOf } from '../../support/errors.ts';
import { openTestStore, SILENT, temporaryFile } from './test-store.ts';

const NEXT = MIGRATIONS.length + 1;

/** A release of the future. */
const LATER: readonly Migration[] = [
  ...MIGRATIONS,
  { number: NEXT, name: 'later', sql: 'ALTER TABLE grants ADD COLUMN colour TEXT' },
  { number: NEXT + 1, name: 'last', sql: `UPDATE grants SET colour = 'red'` },
];

function open(file: string): Database.Database {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  onTestFinished(() => void database.close());
  return database;
}

const version = (database: Database.Database): unknown => database.pragma('user_version', { simple: true });

const addGrant = (database: Database.Database, name: string): void =>
  void database
    .prepare(`INSERT INTO grants (name, spec, created_by, created_at) VALUES (?, '{}', 'me', 0)`)
    .run(name);

const grants = (database: Database.Database): unknown[] =>
  database.prepare('SELECT name FROM grants ORDER BY name').pluck().all();

describe('migrations', () => {
  test('are numbered from 1 without gaps', () => {
    expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, i) => i + 1));
  });

  test('make every table STRICT', () => {
    const database = open(temporaryFile());
    migrate(database, { log: SILENT });
    const tables = database.pragma('table_list') as { name: string; schema: string; strict: number }[];
    const ours = tables.filter(({ name, schema }) => schema === 'main' && !name.startsWith('sqlite_'));
    expect(ours.filter(({ strict }) => strict !== 1)).toEqual([]);
    expect(ours.length).toBeGreaterThan(8);
  });

  test('bring a new file to the newest schema, where there is nothing to copy first', () => {
    const database = open(temporaryFile());
    const copies: number[] = [];
    migrate(database, { log: SILENT, beforeMigration: (from) => copies.push(from) });
    expect(version(database)).toBe(MIGRATIONS.length);
    expect(copies).toEqual([]);
  });

  test('make the roots of before the first of their lines, current as they were', async () => {
    const file = temporaryFile();
    const database = open(file);
    migrate(database, { log: SILENT, migrations: MIGRATIONS.slice(0, 2) });
    database.exec(`INSERT INTO roots VALUES ('internal', 'root-internal', x'01');
      INSERT INTO generations VALUES ('servers-1', 'servers', 'internal', 1, 'servers-1', x'02', 4, 1000, NULL, NULL)`);
    const { authorities } = openTestStore({ file });
    expect(authorities.roots()).toEqual([
      {
        ...{ name: 'internal', line: 'internal', number: 1, keyId: 'root-internal' },
        ...{ certificate: Buffer.from([1]), preparedAt: 0, activatedAt: 0, retiredAt: null },
      },
    ]);
    expect(authorities.generations()).toEqual([
      expect.objectContaining({ id: 'servers-1', preparedAt: 0, activatedAt: 1000 }),
    ]);
  });

  test('run in order, each once, and keep what is there', () => {
    const database = open(temporaryFile());
    migrate(database, { log: SILENT });
    addGrant(database, 'web');
    migrate(database, { log: SILENT, migrations: LATER });
    migrate(database, { log: SILENT, migrations: LATER });
    expect(version(database)).toBe(NEXT + 1);
    expect(database.prepare('SELECT name, colour FROM grants').all()).toEqual([
      { name: 'web', colour: 'red' },
    ]);
  });

  test('let the file be copied before each, with everything in it', () => {
    const file = temporaryFile();
    const database = open(file);
    migrate(database, { log: SILENT });
    addGrant(database, 'web');
    const steps: [number, number][] = [];
    migrate(database, {
      log: SILENT,
      migrations: LATER,
      beforeMigration: (from, to) => {
        steps.push([from, to]);
        copyFileSync(file, `${file}.${from}`);
      },
    });
    expect(steps).toEqual([
      [NEXT - 1, NEXT],
      [NEXT, NEXT + 1],
    ]);
    for (const [from] of steps) {
      const copy = open(`${file}.${from}`);
      expect(version(copy)).toBe(from);
      expect(grants(copy)).toEqual(['web']);
    }
  });

  test('do not begin when the copy fails', () => {
    const database = open(temporaryFile());
    migrate(database, { log: SILENT });
    const beforeMigration = (): void => {
      throw new Error('no room for a copy');
    };
    expect(() => migrate(database, { log: SILENT, migrations: LATER, beforeMigration })).toThrow('no room');
    expect(version(database)).toBe(MIGRATIONS.length);
  });

  test('leave the schema before when they fail', () => {
    const database = open(temporaryFile());
    migrate(database, { log: SILENT });
    addGrant(database, 'web');
    const broken = {
      number: NEXT,
      name: 'broken',
      sql: 'DELETE FROM grants; INSERT INTO nowhere VALUES (1)',
    };
    expect(() => migrate(database, { log: SILENT, migrations: [...MIGRATIONS, broken] })).toThrow('nowhere');
    expect(version(database)).toBe(MIGRATIONS.length);
    expect(grants(database)).toEqual(['web']);
  });

  test('an older release refuses a newer schema by name and changes nothing', () => {
    const database = open(temporaryFile());
    migrate(database, { log: SILENT, migrations: LATER });
    const { code, detail } = refusalOf(() => migrate(database, { log: SILENT }));
    expect(code).toBe('newer_schema');
    expect(detail.message).toContain(`schema ${NEXT + 1}`);
    expect(detail.message).toContain(`up to ${MIGRATIONS.length}`);
    expect(detail.fix).toContain('newer release');
    expect(version(database)).toBe(NEXT + 1);
  });

  test.each([
    ['has its tables', 'CREATE TABLE customers (id INTEGER PRIMARY KEY)'],
    ['has its version', 'PRAGMA user_version = 1; CREATE TABLE customers (id INTEGER PRIMARY KEY)'],
    ['says whose it is', 'PRAGMA application_id = 42'],
  ])('refuse the file of another program that %s', (_, sql) => {
    const database = open(temporaryFile());
    database.exec(sql);
    expect(refusalOf(() => migrate(database, { log: SILENT })).code).toBe('invalid_configuration');
  });
});
