/** A backup of a running server becomes another data folder, and never holds what opens its keys. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadConfiguration } from '../../src/config/index.ts';
import { masterOfPassphrase, openSealedFile, SealedWriter } from '../../src/keys/software/index.ts';
import { END, readArchive, renderHead } from '../../src/server/backup/archive.ts';
import { backUp, type BackedUp } from '../../src/server/backup/back-up.ts';
import { restore } from '../../src/server/backup/restore.ts';
import { recoverAdmin } from '../../src/server/recover.ts';
import { startServer } from '../../src/server/run.ts';
import { systemRandom } from '../../src/server/world.ts';
import { SILENT } from '../db/sqlite/test-store.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let running: TestServer;
let folder: string;
let made: BackedUp;
const name = (n: number) => ({ kind: 'uri', value: `spiffe://example.test/app-${n}` }) as const;
const issue = async (n: number): Promise<string> => {
  const { csr } = await makeCsr([name(n)]);
  const { status, json } = await running.ask('POST', '/api/v1/certificates', {
    issuer: 'workload',
    profile: 'workload',
    csr,
  });
  expect(status).toBe(201);
  return String(json['serial']);
};
const serials: string[] = [];

const options = (data = running.data) => ({ data, env: {}, cwd: folder, say: () => undefined });
const sealed = (more: object = {}) => ({ ...options(), backupPassphraseFile: 'passphrase', ...more });
const restoring = (data: string, from = made.file) => restore({ ...sealed({ data }), from });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-backup-'));
  writeFileSync(join(folder, 'passphrase'), 'correct horse battery staple\n');
  writeFileSync(join(folder, 'wrong'), 'correct horse battery stapler\n');
  running = await startTestServer();
  for (const n of [1, 2, 3]) serials.push(await issue(n));
  // while others write
  const busy = Promise.all([4, 5, 6, 7].map(issue));
  made = await backUp({ ...sealed(), out: 'backup.sealed' });
  await busy;
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function contents(file: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const { text } = await openSealedFile(file, 'backup', { passphraseFile: join(folder, 'passphrase') });
  let at = '';
  readArchive(text(), {
    begin: ({ path }) => void files.set((at = path), Buffer.alloc(0)),
    content: (octets) => void files.set(at, Buffer.concat([files.get(at) ?? Buffer.alloc(0), octets])),
    end: () => undefined,
  });
  return files;
}

test('a backup holds database, sealed keys and public files, and never what opens them or the admin’s key', async () => {
  expect(statSync(made.file).mode & 0o777).toBe(0o600);
  const files = await contents(made.file);
  expect([...files.keys()].sort()).toEqual([
    'audit.pub',
    'chancery.yaml',
    'client.yaml',
    'db/chancery.db',
    'keys/audit.key.json',
    'keys/clients-1.key.json',
    'keys/keyring.json',
    'keys/ocsp.clients-1.1.key.json',
    'keys/ocsp.servers-1.1.key.json',
    'keys/ocsp.workload-1.1.key.json',
    'keys/root-internal.key.json',
    'keys/root-workload.key.json',
    'keys/servers-1.key.json',
    'keys/workload-1.key.json',
    'roots.pem',
  ]);
  const all = Buffer.concat([...files.values()]);
  const kek = readFileSync(join(running.data, 'keys', 'kek'), 'latin1').trim();
  expect(all.includes(kek)).toBe(false);
  expect(all.includes(Buffer.from(kek, 'base64'))).toBe(false);
  expect(all.includes('PRIVATE KEY')).toBe(false);
  expect(readFileSync(made.file).includes('spiffe://')).toBe(false); // nothing to read without the passphrase
});

test('it is on record with who made it, and leaves nothing else behind', async () => {
  const { json } = await running.ask('GET', '/api/v1/audit?limit=100');
  const text = JSON.stringify(json);
  expect(text).toContain('"event":"server.backed-up"');
  expect(text).toContain(`"sha256":"${made.sha256}"`);
  expect(text).toContain(`"principal":"local:uid:${process.getuid?.()}"`);
  expect(
    readdirSync(join(running.data, 'db')).filter((file) => !/^chancery\.db(-wal|-shm)?$/.test(file)),
  ).toEqual([]);
  expect(readdirSync(folder).sort()).toEqual(['backup.sealed', 'passphrase', 'wrong']);
  // the server goes on, and its chain with it
  serials.push(await issue(8));
});

test('it becomes an authority of its own, that knows what was issued before and goes on', async () => {
  const data = join(folder, 'restored');
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const restored = await restoring(data);
  expect(restored).toMatchObject({ data, trustDomain: 'example.test', created: made.created });
  expect(restored.missing.join('\n')).toMatch(/keys\/kek of the old folder[\s\S]*server admin recover/);
  expect(statSync(join(data, 'keys')).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(join(data, 'keys')))
    expect(statSync(join(data, 'keys', file)).mode & 0o777).toBe(0o600);
  expect(existsSync(join(data, 'keys', 'kek'))).toBe(false);
  expect(readdirSync(join(data, 'admin'))).toEqual([]);

  // without what opens the keys nothing starts
  const config = join(running.data, '..', 'chancery.yaml');
  const loaded = await loadConfiguration({ flags: { config, data }, env: {}, cwd: folder });
  expect((await refusalOfAsync(() => startServer(loaded, SILENT))).code).toBe('wrong_passphrase');
  cpSync(join(running.data, 'keys', 'kek'), join(data, 'keys', 'kek'));
  await running.server.stop();
  await recoverAdmin({ ...options(data), config });
  const server = await startServer(loaded, SILENT);
  const login = {
    cert: readFileSync(join(data, 'admin', 'cert.pem'), 'utf8'),
    key: readFileSync(join(data, 'admin', 'key.pem'), 'utf8'),
  };
  for (const serial of serials.slice(0, 3))
    expect((await running.ask('GET', `/api/v1/certificates/${serial}`, undefined, { login })).status).toBe(
      200,
    );
  // issued after the backup was made
  const later = await running.ask('GET', `/api/v1/certificates/${serials[3]}`, undefined, { login });
  expect(later.status).toBe(404);
  const { text } = await running.ask('GET', '/api/v1/audit?limit=100', undefined, { login });
  expect(text).toContain('"event":"server.restored"');
  await server.stop();
  await running.restart();
});

test('a folder in use is never written over', async () => {
  const before = readFileSync(join(running.data, 'client.yaml'));
  const { code, message } = await refusalOfAsync(() => restoring(running.data));
  expect(code).toBe('already_exists');
  expect(message).toContain(running.data);
  expect(readFileSync(join(running.data, 'client.yaml')).equals(before)).toBe(true);
  const { code: again } = await refusalOfAsync(() => backUp({ ...sealed(), out: 'backup.sealed' }));
  expect(again).toBe('already_exists');
});

test('a backup that was cut off or changed, or with another passphrase, restores nothing', async () => {
  const copy = join(folder, 'spoiled');
  const data = join(folder, 'nothing');
  onTestFinished(() => [copy, data].forEach((path) => rmSync(path, { recursive: true, force: true })));
  cpSync(made.file, copy);
  truncateSync(copy, made.size - 70_000);
  expect((await refusalOfAsync(() => restoring(data, copy))).code).toBe('damaged_backup');
  const octets = readFileSync(made.file);
  octets[octets.length - 1000] = (octets[octets.length - 1000] ?? 0) ^ 4;
  writeFileSync(copy, octets);
  expect((await refusalOfAsync(() => restoring(data, copy))).code).toBe('damaged_backup');
  const wrong = { ...sealed({ data, backupPassphraseFile: 'wrong' }), from: made.file };
  expect((await refusalOfAsync(() => restore(wrong))).code).toBe('wrong_passphrase');
  const none = { ...sealed({ data, backupPassphraseFile: undefined }), from: made.file };
  expect((await refusalOfAsync(() => restore(none))).code).toBe('usage');
  expect(existsSync(data)).toBe(false);
});

test('a sealed file that lacks a key, or holds a damaged database, is refused, and the folder stays empty', async () => {
  const good = await contents(made.file);
  const master = await masterOfPassphrase(join(folder, 'passphrase'), systemRandom());
  const remake = (path: string, change: (files: Map<string, Buffer>) => void): string => {
    const files = new Map(good);
    change(files);
    const file = join(folder, path);
    onTestFinished(() => rmSync(file, { force: true }));
    const facts = {
      created: '',
      version: '',
      trustDomain: 'example.test',
      schema: made.schema,
      database: 'chancery.db',
    };
    const writer = new SealedWriter(file, 'backup', facts, master, systemRandom());
    for (const [name, octets] of files) {
      writer.write(renderHead({ path: name, size: octets.length }));
      writer.write(octets);
    }
    writer.write(END);
    writer.finish();
    return file;
  };
  const data = join(folder, 'empty');
  mkdirSync(data);
  onTestFinished(() => rmSync(data, { recursive: true }));
  const damagedPages = (files: Map<string, Buffer>): void => {
    files.set('db/chancery.db', Buffer.from(files.get('db/chancery.db') ?? []).fill(0x41, 8192, 20_000));
  };
  const newer = (files: Map<string, Buffer>): void => {
    const file = join(folder, 'newer.db');
    writeFileSync(file, files.get('db/chancery.db') ?? '');
    const database = new Database(file);
    database.pragma('journal_mode = DELETE');
    database.pragma('user_version = 99');
    database.close();
    files.set('db/chancery.db', readFileSync(file));
    rmSync(file);
  };
  const cases = [
    [
      remake('a', (files) => files.delete('keys/servers-1.key.json')),
      'damaged_backup',
      /it has no key servers-1/,
    ],
    [
      remake('b', (files) => files.delete('keys/keyring.json')),
      'damaged_backup',
      /it has no keys\/keyring\.json/,
    ],
    [remake('c', damagedPages), 'store_unavailable', /is damaged/],
    [remake('d', newer), 'newer_schema', /schema 99/],
  ] as const;
  for (const [file, code, message] of cases) {
    const refused = await refusalOfAsync(() => restoring(data, file));
    expect([refused.code, refused.message]).toEqual([code, expect.stringMatching(message)]);
    expect(readdirSync(data)).toEqual([]);
  }
});

test.each(['../evil', 'keys/kek', 'admin/key.pem', '/etc/passwd', 'db/../x'])(
  'a file %s has no place in a backup',
  (path) => {
    const head = Buffer.from(JSON.stringify({ path, size: 0 }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    const sink = { begin: () => undefined, content: () => undefined, end: () => undefined };
    expect(() => readArchive([Buffer.concat([length, head, END])], sink)).toThrow(path);
    expect(() => renderHead({ path, size: 0 })).toThrow('does not belong');
  },
);
