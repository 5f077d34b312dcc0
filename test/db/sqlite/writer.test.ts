import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AuditAppender } from '../../../src/db/sqlite/audit-appender.ts';
import { migrate } from '../../../src/db/sqlite/migrate.ts';
import { Writer } from '../../../src/db/sqlite/writer.ts';
import { GENESIS, linkHash } from '../../../src/domain/audit/chain.ts';
import { auditDraft, certificateRecord, serialOf } from '../../support/records.ts';
import { openTestStore, SILENT, temporaryFile } from './test-store.ts';

/** A writer alone, and every statement that it ran. */
function openWriter(limits: { maxBatch?: number; maxQueue?: number } = {}): {
  writer: Writer;
  audit: AuditAppender;
  statements: string[];
} {
  const statements: string[] = [];
  const database = new Database(temporaryFile(), { verbose: (sql) => statements.push(String(sql)) });
  migrate(database, { log: SILENT });
  const audit = new AuditAppender(database);
  const writer = new Writer({ database, audit, log: SILENT, onFatal: () => undefined, ...limits });
  onTestFinished(() => writer.close());
  statements.length = 0;
  return { writer, audit, statements };
}

const commits = (statements: readonly string[]): number =>
  statements.filter((sql) => sql === 'COMMIT').length;

describe('the writer', () => {
  test.each([
    [1, 1],
    [4, 1],
    [5, 2],
    [12, 3],
  ])('%i jobs of one turn share %i transactions of 4', async (jobs, transactions) => {
    const { writer, statements } = openWriter({ maxBatch: 4 });
    const values = await Promise.all(Array.from({ length: jobs }, (_, n) => writer.write(() => n)));
    expect(values).toEqual(Array.from({ length: jobs }, (_, n) => n));
    expect(commits(statements)).toBe(transactions);
  });

  test('answers come after COMMIT, never before', async () => {
    const { writer, statements } = openWriter();
    const answered = (name: string): void => void statements.push(name);
    await Promise.all([
      writer.write(() => undefined).then(() => answered('answer')),
      writer
        .write(() => {
          throw new Error('a bad row');
        })
        .catch(() => answered('refusal')),
      writer.write(() => undefined).then(() => answered('answer')),
    ]);
    expect(statements.slice(statements.lastIndexOf('COMMIT'))).toEqual([
      'COMMIT',
      'answer',
      'refusal',
      'answer',
    ]);
    expect(statements.indexOf('answer')).toBeGreaterThan(statements.indexOf('COMMIT'));
  });

  test('another connection sees the record when the promise resolves', async () => {
    const { ledger, other } = openTestStore();
    const select = other.prepare('SELECT count(*) FROM certificates').pluck();
    for (let n = 1; n <= 20; n++) {
      await ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] });
      expect(select.get()).toBe(n);
    }
  });

  test('a job that fails half-way leaves nothing, in the middle of others that succeed', async () => {
    const { writer, audit } = openWriter();
    const append = (requestId: string): void => audit.append([auditDraft({ requestId })]);
    const results = await Promise.allSettled([
      writer.write(() => append('1')),
      writer.write(() => {
        append('2');
        throw new TypeError('bad');
      }),
      writer.write(() => append('3')),
      writer.write(() => {
        append('4');
        throw new TypeError('bad');
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    audit.begin();
    expect(audit.mark().end.sequence).toBe(2);
  });

  test('more jobs than may wait are refused at once, and those that wait are not', async () => {
    const { writer } = openWriter({ maxQueue: 3 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => writer.write(() => n)));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(results[4]).toMatchObject({ reason: { code: 'store_unavailable', detail: { retryAfter: 1 } } });
    expect(await writer.write(() => 'room again')).toBe('room again');
  });

  test('what waits is written when the store closes, what comes later is refused', async () => {
    const store = openTestStore();
    const { ledger, other } = store;
    const waiting = Array.from({ length: 300 }, (_, n) =>
      ledger.record({ certificate: certificateRecord(n), audit: [] }),
    );
    await store.close();
    await store.close();
    expect(await Promise.all(waiting)).toHaveLength(300);
    expect(other.prepare('SELECT count(*) FROM certificates').pluck().get()).toBe(300);
    await expect(ledger.record({ audit: [] })).rejects.toMatchObject({ code: 'shutting_down' });
  });

  test('two processes on one file continue one chain', async () => {
    const one = openTestStore();
    const two = openTestStore({ file: one.file });
    for (let n = 0; n < 10; n++) {
      await one.ledger.record({ audit: [auditDraft({ requestId: `one ${n}` })] });
      await two.ledger.record({ audit: [auditDraft({ requestId: `two ${n}` })] });
    }
    const entries = two.audit.entries(1, 100);
    expect(entries).toHaveLength(20);
    let previous = GENESIS;
    for (const { body, hash } of entries) {
      expect(hash).toBe(linkHash(previous, body));
      previous = hash;
    }
  });

  test('the log is moved into the database now and then, and nothing is lost by it', async () => {
    const { writer, statements } = openWriter();
    for (let n = 0; n < 300; n++) await writer.write(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(statements.filter((sql) => sql.includes('wal_checkpoint')).length).toBe(1);
  });
});

describe('a disk that is full in the middle of a transaction', () => {
  test('fails the whole transaction, and the next one passes', async () => {
    const { writer, audit, statements } = openWriter();
    const results = await Promise.allSettled([
      writer.write(() => audit.append([auditDraft()])),
      writer.write(() => {
        throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
      }),
      writer.write(() => audit.append([auditDraft()])),
    ]);
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
    expect(commits(statements)).toBe(0);
    expect(writer.health().ok).toBe(false);
    // nor does this connection see what was undone
    audit.begin();
    expect(audit.mark().end.sequence).toBe(0);
    await writer.write(() => audit.append([auditDraft()]));
    expect(audit.mark().end.sequence).toBe(1);
    expect(writer.health()).toEqual({ ok: true });
  });
});

describe('while another process holds the write lock', () => {
  test('recordings are refused within a second, and pass when it lets go', async () => {
    const store = openTestStore();
    const { ledger, other, fatal } = store;
    other.exec('BEGIN IMMEDIATE');
    const begun = performance.now();
    await expect(
      ledger.record({ certificate: certificateRecord(1), audit: [auditDraft()] }),
    ).rejects.toMatchObject({ code: 'store_unavailable', detail: { retryAfter: 1 } });
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(store.health()).toMatchObject({ ok: false, reason: expect.stringContaining('SQLITE_BUSY') });
    other.exec('COMMIT');
    await store.probe();
    expect(store.health()).toEqual({ ok: true });
    expect(ledger.findCertificate(serialOf(1))).toBeUndefined();
    await ledger.record({ certificate: certificateRecord(1), audit: [auditDraft()] });
    expect(fatal).toEqual([]);
  });
});

describe('while the audit table refuses entries', () => {
  test('nothing is recorded, and all passes when it takes them again', async () => {
    const { ledger, grants, audit, other, inventory } = openTestStore();
    other.exec(
      `CREATE TRIGGER refuse BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no more entries'); END`,
    );
    const record = { certificate: certificateRecord(1), audit: [auditDraft()] };
    await expect(ledger.record(record)).rejects.toMatchObject({ code: 'audit_unavailable' });
    const grant = { name: 'web', createdBy: 'admin', createdAt: 0 };
    const spec = { principal: '**', verbs: [], issuer: '*', profiles: [] };
    await expect(grants.add({ ...grant, spec }, [auditDraft()])).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
    expect(inventory.count()).toBe(0);
    expect(ledger.findCertificate(serialOf(1))).toBeUndefined();
    expect(grants.list()).toEqual([]);
    other.exec('DROP TRIGGER refuse');
    await ledger.record(record);
    expect(audit.last()?.sequence).toBe(1);
  });

  test('entries are never changed nor deleted', async () => {
    const { ledger, other } = openTestStore();
    await ledger.record({ audit: [auditDraft()] });
    for (const sql of [`UPDATE audit_entries SET body = 'x'`, 'DELETE FROM audit_entries'])
      expect(() => other.exec(sql), sql).toThrow('append-only');
  });
});
