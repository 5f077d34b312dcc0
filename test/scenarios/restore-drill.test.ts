/**
 * An empty machine, an older backup and the journal: no revocation is forgotten, OCSP knows every living serial, CRL
 * numbers never fall, and the log says where the gap is.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfiguration } from '../../src/config/index.ts';
import { backUp } from '../../src/server/backup/back-up.ts';
import { restore } from '../../src/server/backup/restore.ts';
import { openData, type OpenedData } from '../../src/server/open.ts';
import { acceptJournal } from '../../src/server/accept-journal.ts';
import { crlNumberOf } from '../../src/domain/revocation/crl.ts';
import { readCertificateList } from '../../src/x509/crl.ts';
import { startServer } from '../../src/server/run.ts';
import { SILENT } from '../db/sqlite/test-store.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-drill-'));
const journal = join(folder, 'journal');
let running: TestServer;
const before: string[] = [];
const after: string[] = [];
const revoked = new Map<string, string>();
let numbers: Map<string, bigint>;

async function issue(n: number): Promise<string> {
  const { csr } = await makeCsr([{ kind: 'uri', value: `spiffe://example.test/app-${n}` }]);
  const body = { issuer: 'workload', profile: 'workload', csr };
  const { status, json } = await running.ask('POST', '/api/v1/certificates', body);
  expect(status).toBe(201);
  return String(json['serial']);
}

async function revoke(serial: string, reason: string): Promise<void> {
  const { status } = await running.ask('POST', '/api/v1/revocations', { serials: [serial], reason });
  expect(status).toBe(200);
  revoked.set(serial, reason);
}

const options = (data: string) => ({ data, env: {}, cwd: folder, say: () => undefined });

async function configuration(data: string) {
  return loadConfiguration({
    flags: { data, config: join(running.data, '..', 'chancery.yaml') },
    env: {},
    cwd: folder,
  });
}

async function opening(data: string): Promise<OpenedData> {
  return openData({
    config: await configuration(data),
    log: SILENT,
    createKeys: false,
    onFatal(error) {
      throw error;
    },
  });
}

/** A folder out of the backup, with what opens its keys. */
async function restored(name: string): Promise<string> {
  const data = join(folder, name);
  await restore({ ...options(data), from: 'backup.sealed', backupPassphraseFile: 'passphrase' });
  cpSync(join(running.data, 'keys', 'kek'), join(data, 'keys', 'kek'));
  return data;
}

function numbersOf({ store }: OpenedData): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const { root, number } of store.crls.crls()) found.set(`root ${root}`, number);
  for (const { generation, scope, number } of store.publishedCrls.published())
    found.set(`${generation} ${scope}`, number);
  return found;
}

const eventsOf = ({ store }: OpenedData, event: string): Record<string, unknown>[] =>
  store.audit
    .entries(1, 5000)
    .map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    .filter((entry) => entry['event'] === event);

beforeAll(async () => {
  writeFileSync(join(folder, 'passphrase'), 'correct horse battery staple\n');
  running = await startTestServer(`journal: { folder: ${JSON.stringify(journal)} }`);
  for (let n = 0; n < 4; n += 1) before.push(await issue(n));
  await revoke(before[0] ?? '', 'superseded');
  await backUp({ ...options(running.data), out: 'backup.sealed', backupPassphraseFile: 'passphrase' });
  for (let n = 4; n < 12; n += 1) after.push(await issue(n));
  await revoke(before[1] ?? '', 'keyCompromise');
  await revoke(after[0] ?? '', 'cessationOfOperation');
  await revoke(after[1] ?? '', 'unspecified');
  const { status } = await running.ask('POST', '/api/v1/generations/servers-1/revoke', {
    reason: 'cACompromise',
  });
  expect(status).toBe(200);
  await running.restart(); // CRLs of all this are published before ready
  await running.server.stop();
  const opened = await opening(running.data);
  numbers = numbersOf(opened);
  await opened.close();
  expect(numbers.size).toBeGreaterThan(3);
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('an older backup and the journal', () => {
  test('0 revocations are forgotten and OCSP knows every living serial (C: restore)', async () => {
    const opened = await opening(await restored('one'));
    const { revocations, ledger } = opened.store;
    for (const [serial, reason] of revoked)
      expect(revocations.status('workload-1', serial)).toMatchObject({ kind: 'revoked', reason });
    for (const serial of [...before, ...after].filter((one) => !revoked.has(one)))
      expect(revocations.status('workload-1', serial).kind).toBe('good');
    const leaked = ledger.findCertificate(before[1] ?? '')?.keyFingerprint ?? '';
    expect(ledger.isKeyBlocked(leaked)).toBe(true);
    const [replayed] = eventsOf(opened, 'journal.replayed');
    expect(replayed?.['details']).toMatchObject({ revocations: 4, unknownGenerations: ['servers-2'] });
    expect(
      eventsOf(opened, 'certificate.revoked').filter(
        ({ details }) => (details as Record<string, unknown>)['source'] === 'journal',
      ),
    ).toHaveLength(4);
    expect(opened.authority.generation('servers-1')?.revokedAt).toEqual(expect.any(Number));
    const [segment] = eventsOf(opened, 'log.segment.opened');
    expect(segment?.['details']).toHaveProperty('after.sequence', Number(segment?.['sequence']) - 1);
    await opened.close();
  });

  test('it is done once: another start finds nothing to do', async () => {
    const opened = await opening(join(folder, 'one'));
    expect(eventsOf(opened, 'journal.replayed')).toHaveLength(1);
    await opened.close();
  });

  test('0 CRL numbers fall or come twice, and the new CRLs name all', async () => {
    const data = join(folder, 'one');
    const server = await startServer(await configuration(data), SILENT);
    const crl = new Uint8Array(
      await (await fetch(`${server.urls.status}/crl/workload-1/full.crl`)).arrayBuffer(),
    );
    await server.stop();
    const list = readCertificateList(crl);
    expect(crlNumberOf(list)).toBeGreaterThan(numbers.get('workload-1 full') ?? 2n ** 80n);
    for (const serial of revoked.keys()) expect(Buffer.from(list.raw).toString('hex')).toContain(serial);
    const opened = await opening(data);
    for (const [scope, number] of numbersOf(opened))
      expect(number, scope).toBeGreaterThan(
        scope.startsWith('root') ? (numbers.get(scope) ?? 0n) - 1n : (numbers.get(scope) ?? 0n),
      );
    // the root still says so to everybody, and the generation that was lost lends its name to no other
    const internal = opened.store.crls.crls().find(({ root }) => root === 'internal');
    const serial = opened.authority.generation('servers-1')?.certificate.serial ?? new Uint8Array(0);
    expect(Buffer.from(internal?.der ?? '').toString('hex')).toContain(Buffer.from(serial).toString('hex'));
    expect(internal?.number).toBeGreaterThan(numbers.get('root internal') ?? 0n);
    expect(opened.authority.generations('servers').map(({ id }) => id)).toEqual(['servers-1', 'servers-3']);
    await opened.close();
  });

  test('the journal of a folder that runs is not taken by another server', async () => {
    const holder = await opening(join(folder, 'one'));
    const { code, message } = await refusalOfAsync(async () => opening(await restored('two')));
    expect(code).toBe('foreign_journal');
    expect(message).toContain('another process');
    await holder.close();
  });
});

describe('a journal that does not fit', () => {
  test('lost: the server does not start, and goes on when an operator accepts that', async () => {
    const data = await restored('three');
    const away = join(folder, 'journal-away');
    cpSync(journal, away, { recursive: true });
    rmSync(journal, { recursive: true });
    try {
      const { code, detail } = await refusalOfAsync(() => opening(data));
      expect(code).toBe('foreign_journal');
      expect(detail.message).toContain('is empty');
      expect(detail.fix).toContain('accept-journal');
      const accepted = await acceptJournal({
        ...options(data),
        config: join(running.data, '..', 'chancery.yaml'),
      });
      expect(accepted.reason).toContain('is empty');
      const opened = await opening(data);
      expect(eventsOf(opened, 'journal.accepted')).toHaveLength(1);
      await opened.close();
      const again = () =>
        acceptJournal({ ...options(data), config: join(running.data, '..', 'chancery.yaml') });
      expect((await refusalOfAsync(again)).code).toBe('not_ready');
      // and the folder that had the other one is refused now
      expect((await refusalOfAsync(() => opening(join(folder, 'one')))).message).toContain('was exchanged');
    } finally {
      rmSync(journal, { recursive: true });
      cpSync(away, journal, { recursive: true });
    }
  });

  test('cut off before what the database knows', async () => {
    const opened = await opening(join(folder, 'one'));
    const position = opened.store.journal.position();
    await opened.close();
    const path = join(journal, 'journal-0000000000000001.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, `${lines.slice(0, (position?.sequence ?? 1) - 1).join('\n')}\n`);
    const { code, message } = await refusalOfAsync(() => opening(join(folder, 'one')));
    expect(code).toBe('foreign_journal');
    expect(message).toContain('its end is missing');
  });
});
