import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { openDatabase } from '../../../src/db/sqlite/open.ts';
import { auditDraft, certificateRecord, NOON, serialOf } from '../../support/records.ts';
import { refusalOf } from '../../support/errors.ts';
import { openTestStore, SILENT, temporaryFile } from './test-store.ts';

const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);

describe('the database file', () => {
  test('is private with its side files, whatever the umask', async () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const warnings: string[] = [];
    const log: Log = { ...SILENT, warn: (message) => warnings.push(message) };
    const { file, ledger } = openTestStore({ log });
    await ledger.record({ certificate: certificateRecord(1), audit: [auditDraft()] });
    expect(warnings).toEqual([]);
    expect([file, `${file}-wal`, `${file}-shm`].map(modeOf)).toEqual(['600', '600', '600']);
  });

  test('is made private again where somebody opened it, and the log says so', async () => {
    const before = openTestStore();
    const { file } = before;
    await before.close();
    chmodSync(file, 0o644);
    const warnings: string[] = [];
    const log: Log = { ...SILENT, warn: (message) => warnings.push(message) };
    openTestStore({ file, log });
    expect(modeOf(file)).toBe('600');
    expect(warnings).toEqual([expect.stringContaining('private again')]);
  });

  test.each([
    ['journal_mode', 'wal'],
    ['synchronous', 2],
    ['foreign_keys', 1],
    ['wal_autocheckpoint', 0],
    ['temp_store', 2],
    ['busy_timeout', 500],
  ])('is opened with %s = %s', (pragma, value) => {
    const database = openDatabase({ file: temporaryFile(), log: SILENT });
    expect(database.pragma(pragma, { simple: true })).toBe(value);
    database.close();
  });

  test('holds all that was recorded when it is opened again', async () => {
    const first = openTestStore();
    await first.ledger.record({ certificate: certificateRecord(1), audit: [auditDraft({ time: NOON + 5 })] });
    await first.ledger.record({ audit: [auditDraft({ time: NOON })] });
    await first.close();
    const second = openTestStore({ file: first.file });
    expect(second.ledger.findCertificate(serialOf(1))).toMatchObject({ serial: serialOf(1) });
    expect(second.inventory.count()).toBe(1);
    expect(second.latestAuditTime()).toBe(NOON + 5);
    await second.ledger.record({ audit: [auditDraft()] });
    expect(second.audit.last()?.sequence).toBe(3);
  });

  test.each([
    ['a text', Buffer.from('certificates, many of them\n'.repeat(500))],
    ['a page of nothing', Buffer.alloc(4096)],
  ])('is refused when it is %s, and left as it is', (_, content) => {
    const file = temporaryFile();
    writeFileSync(file, content);
    const { code, message } = refusalOf(() => openDatabase({ file, log: SILENT }));
    expect(code).toBe('store_unavailable');
    expect(message).toContain(file);
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  test('is refused where it cannot be', () => {
    const folder = dirname(temporaryFile());
    expect(refusalOf(() => openDatabase({ file: folder, log: SILENT })).code).toBe('store_unavailable');
    const nowhere = `${folder}/missing/chancery.db`;
    expect(refusalOf(() => openDatabase({ file: nowhere, log: SILENT })).message).toContain('ENOENT');
    expect(existsSync(nowhere)).toBe(false);
  });
});

describe('a damaged file', () => {
  const numbers = Array.from({ length: 1500 }, (_, n) => n);

  /** A file with records; the pages of one of its tables or indexes are damaged afterwards. */
  async function damagedFile(table: string): Promise<string> {
    const store = openTestStore();
    const { ledger, other, file } = store;
    await Promise.all(
      numbers.map((n) => ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] })),
    );
    await store.close();
    const leaves = other
      .prepare(`SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'`)
      .pluck()
      .all(table) as number[];
    other.close();
    expect(leaves.length).toBeGreaterThan(5);
    const content = readFileSync(file);
    for (const page of leaves) content.fill(0xa5, (page - 1) * 4096, (page - 1) * 4096 + 2048);
    writeFileSync(file, content);
    return file;
  }

  test('is not even opened where its audit log cannot be continued', async () => {
    const file = await damagedFile('audit_entries');
    const { code, message } = refusalOf(() => openTestStore({ file }));
    expect(code).toBe('store_unavailable');
    expect(message).toContain('damaged');
  });

  test('ends the store at the first look: nothing is recorded on a state that cannot be read', async () => {
    const file = await damagedFile('certificates');
    const store = openTestStore({ file });
    const { ledger, fatal } = store;
    expect(refusalOf(() => ledger.findCertificate(serialOf(1)))).toMatchObject({ code: 'store_unavailable' });
    const writing = ledger.record({ certificate: certificateRecord(9999), audit: [auditDraft()] });
    await expect(writing).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(store.health()).toMatchObject({ ok: false, reason: expect.stringContaining('SQLITE_CORRUPT') });
    await new Promise((resolve) => setImmediate(resolve));
    expect(fatal).toEqual([expect.objectContaining({ code: 'store_unavailable' })]);
  });

  test('ends the store when a record meets it, and all that wait are refused', async () => {
    const file = await damagedFile('certificates_serial');
    const { ledger, fatal, inventory } = openTestStore({ file });
    const writing = [2000, 2001, 2002].map((n) =>
      ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] }),
    );
    const results = await Promise.allSettled(writing);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fatal).toHaveLength(1);
    expect(inventory.count()).toBe(numbers.length);
  });
});
