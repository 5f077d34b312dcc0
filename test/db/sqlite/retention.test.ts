/** A store with many certificates opens as fast as an empty one, and forgets without standing still. */
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { PRUNED_AT_ONCE } from '../../../src/db/sqlite/claims.ts';
import { openStore } from '../../../src/db/sqlite/index.ts';
import { DAY } from '../../../src/base/clock.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { auditDraft, certificateRecord, NOON } from '../../support/records.ts';
import { openTestStore, SILENT, temporaryFile } from './test-store.ts';

const MANY = 200_000;
const OLD = 3000;

/** `MANY` certificates, of which the first `OLD` expired 500 days ago; and as many audit entries. */
function fill(file: string): void {
  const database = new Database(file);
  database.pragma('synchronous = OFF');
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
    INSERT INTO certificates (serial, fingerprint, key_fingerprint, generation, issuer, profile, principal, rule,
      not_before, not_after, issued_at, shard, names, der)
    SELECT CAST(printf('s%015d', i) AS BLOB), CAST(printf('f%031d', i) AS BLOB), x'00', 'servers-1', 'servers', 'server', 'p', 'r',
      0, CASE WHEN i <= ${OLD} THEN ${NOON - 500 * DAY} + i ELSE ${NOON + DAY} + i END, 0, 0,
      json_array(json_array('dns', 'h' || i || '.example.test')), zeroblob(700) FROM n;
    INSERT INTO certificate_names SELECT 'h' || id || '.example.test', id, 'dns' FROM certificates;
    UPDATE certificates SET labels = '{"env":"production"}' WHERE id <= ${OLD};
    INSERT INTO certificate_labels SELECT 'env:production', id FROM certificates WHERE labels IS NOT NULL;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
    INSERT INTO audit_entries SELECT i, '{}', zeroblob(32), ${NOON} FROM n;`);
  database.close();
}

test('200,000 certificates and audit entries are no reason to start later, and old ones go in small steps', async () => {
  const file = temporaryFile();
  await openTestStore({ file }).close();
  fill(file);
  const options = { file, clock: new FakeClock(), log: SILENT, onFatal: () => undefined };
  const cpu = process.cpuUsage();
  const store = openStore(options);
  const spent = process.cpuUsage(cpu);
  // reading one of their indexes from end to end takes several times as much
  expect((spent.user + spent.system) / 1000).toBeLessThan(25);
  expect([store.inventory.count(), store.latestAuditTime()]).toEqual([MANY, NOON]);

  const limits = { expiredBefore: NOON - 400 * DAY, revokedExpiredBefore: NOON - 400 * DAY, limit: 500 };
  const steps: number[] = [];
  for (let count = 500; count === 500;) {
    const before = process.cpuUsage();
    count = await store.forgetCertificates(limits, () => [auditDraft()]);
    const step = process.cpuUsage(before);
    steps.push((step.user + step.system) / 1000);
  }
  expect(steps).toHaveLength(OLD / 500 + 1);
  // a walk over all names for each certificate would take minutes
  expect(Math.max(...steps)).toBeLessThan(500);
  expect(store.inventory.count()).toBe(MANY - OLD);
  await store.ledger.record({ certificate: certificateRecord(1), audit: [] });
  await store.close();

  const again = openTestStore({ file });
  expect(again.inventory.count()).toBe(MANY - OLD + 1);
  expect(again.other.prepare('SELECT count(*) FROM certificates').pluck().get()).toBe(MANY - OLD + 1);
  expect(again.other.prepare('SELECT count(*) FROM certificate_names').pluck().get()).toBe(MANY - OLD + 1);
  expect(again.other.prepare('SELECT count(*) FROM certificate_labels').pluck().get()).toBe(0);
}, 60_000);

test('claims of a busy day go in small steps, by their index', async () => {
  const store = openTestStore();
  store.other.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
    INSERT INTO idempotency_claims SELECT 'p', 'key-' || i, zeroblob(32), zeroblob(16), ${NOON} + i FROM n`);
  const steps: number[] = [];
  for (let count = 1; count > 0; steps.push(count)) count = await store.pruneClaims(NOON + 2301);
  expect(steps).toEqual([PRUNED_AT_ONCE, PRUNED_AT_ONCE, 300, 0]);
  expect(store.other.prepare('SELECT min(claimed_at) FROM idempotency_claims').pluck().get()).toBe(
    NOON + 2301,
  );
});
