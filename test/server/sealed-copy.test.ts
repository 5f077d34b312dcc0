/** Before a migration the database is copied under the keyring; the copy comes back as it was, and only there. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { loadConfiguration } from '../../src/config/index.ts';
import { MIGRATIONS } from '../../src/db/sqlite/migrations/index.ts';
import { openKeyring } from '../../src/keys/software/index.ts';
import { sealCopy, unsealCopy } from '../../src/server/backup/sealed-copy.ts';
import { initializeAuthority } from '../../src/server/initialize.ts';
import { systemRandom } from '../../src/server/world.ts';
import { SILENT } from '../db/sqlite/test-store.ts';
import { refusalOfAsync } from '../support/errors.ts';

let folder: string;
let data: string;
const FIRST = MIGRATIONS[0];

/** A data folder as the first release left it: schema 1, with rows of its own. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  data = join(folder, 'data');
  await open();
  const file = join(data, 'db', 'chancery.db');
  rmSync(file);
  for (const side of ['-wal', '-shm']) rmSync(`${file}${side}`, { force: true });
  const database = new Database(file);
  database.exec(FIRST?.sql ?? '');
  database.exec(`INSERT INTO grants VALUES ('from-schema-1', '{"verbs":[]}', 'somebody', 0)`);
  database.pragma(`application_id = ${0x43484359}`);
  database.pragma('user_version = 1');
  database.close();
});

/** Opens the folder as a start does. */
async function open(): Promise<void> {
  const config = await loadConfiguration({ flags: { data }, env: {}, cwd: folder });
  await initializeAuthority(config, SILENT);
}

const copies = (): string[] =>
  readdirSync(join(data, 'db'))
    .filter((name) => name.startsWith('before'))
    .sort();
const unseal = (file: string, out: string) =>
  unsealCopy({
    data,
    file: join(data, 'db', file),
    out: join(folder, out),
    env: {},
    cwd: folder,
    say: () => undefined,
  });

test('migrating a database of schema 1 leaves a sealed copy of each step, which comes back as it was', async () => {
  await open();
  expect(copies()).toEqual(
    MIGRATIONS.slice(1)
      .map(({ number }) => `before-schema-${number}.db.sealed`)
      .sort(),
  );
  const sealed = readFileSync(join(data, 'db', 'before-schema-2.db.sealed'));
  expect(statSync(join(data, 'db', 'before-schema-2.db.sealed')).mode & 0o777).toBe(0o600);
  expect(sealed.includes('from-schema-1')).toBe(false);

  expect(await unseal('before-schema-2.db.sealed', 'old.db')).toMatchObject({ schema: 1 });
  expect(statSync(join(folder, 'old.db')).mode & 0o777).toBe(0o600);
  const database = new Database(join(folder, 'old.db'), { readonly: true });
  onTestFinished(() => void database.close());
  expect(database.pragma('user_version', { simple: true })).toBe(1);
  expect(database.prepare('SELECT name FROM grants').pluck().all()).toEqual(['from-schema-1']);
});

test('a copy is never overwritten by what comes out of another, and opens only where it was made', async () => {
  await open();
  writeFileSync(join(folder, 'there.db'), 'mine');
  expect((await refusalOfAsync(() => unseal('before-schema-2.db.sealed', 'there.db'))).code).toBe(
    'already_exists',
  );
  expect(readFileSync(join(folder, 'there.db'), 'utf8')).toBe('mine');

  const kept = join(folder, 'kept.sealed');
  copyFileSync(join(data, 'db', 'before-schema-2.db.sealed'), kept);
  rmSync(data, { recursive: true });
  await open();
  const { code } = await refusalOfAsync(() =>
    unsealCopy({ data, file: kept, out: join(folder, 'o.db'), env: {}, cwd: folder, say: () => undefined }),
  );
  expect(code).toBe('wrong_passphrase');
});

test('the last three copies stay', async () => {
  const keyring = await openKeyring(join(data, 'keys'));
  for (const to of [9, 10, 11, 12])
    sealCopy(join(data, 'db', 'chancery.db'), keyring, systemRandom(), to - 1, to);
  expect(copies()).toEqual([10, 11, 12].map((to) => `before-schema-${to}.db.sealed`));
});

test('without room for the copy nothing is migrated', async () => {
  // a folder in its way stands for a disk that refuses
  mkdirSync(join(data, 'db', 'before-schema-2.db.sealed'));
  await expect(open()).rejects.toThrow();
  const database = new Database(join(data, 'db', 'chancery.db'), { readonly: true });
  onTestFinished(() => void database.close());
  expect(database.pragma('user_version', { simple: true })).toBe(1);
});
