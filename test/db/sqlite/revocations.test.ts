/** One more revocation costs the same at a million, and its CRL entry lies ready. */
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  FORGET_KNOWN,
  FORGET_REVOCATION,
  FORGETTABLE_KNOWN,
  FORGETTABLE_REVOCATIONS,
} from '../../../src/db/sqlite/forget-revocations.ts';
import { migrate } from '../../../src/db/sqlite/migrate.ts';
import {
  BLOCK_KEY,
  FIND_CERTIFICATE,
  FIND_KNOWN,
  FIND_REVOCATION,
  MARK_SEEN,
  NEXT_SEQUENCE,
  RAISE_REVOCATION,
  REVOKE_CERTIFICATE,
  UNSEEN,
} from '../../../src/db/sqlite/revocations.ts';
import { revocationReason, revokedCertificates } from '../../../src/x509/crl.ts';
import { certificateRecord, NOON, serialOf } from '../../support/records.ts';
import { openTestStore, SILENT, type SqliteTestStore } from './test-store.ts';

test.each<[string, string[]]>([
  [NEXT_SEQUENCE, ['SEARCH revocations USING COVERING INDEX revocations_sequence (generation=?)']],
  [FIND_REVOCATION, ['SEARCH revocations USING INDEX revocations_serial (generation=? AND serial=?)']],
  [
    RAISE_REVOCATION,
    ['SEARCH revocations USING COVERING INDEX revocations_serial (generation=? AND serial=?)'],
  ],
  [MARK_SEEN, ['SEARCH revocations USING COVERING INDEX revocations_serial (generation=? AND serial=?)']],
  [REVOKE_CERTIFICATE, ['SEARCH certificates USING INDEX certificates_serial (serial=?)']],
  [FIND_CERTIFICATE, ['SEARCH certificates USING INDEX certificates_serial (serial=?)']],
  [FIND_KNOWN, ['SEARCH known_serials USING PRIMARY KEY (generation=? AND serial=?)']],
  [BLOCK_KEY, []],
  [UNSEEN, ['SCAN revocations USING INDEX revocations_unseen']],
  [
    FORGETTABLE_REVOCATIONS,
    [
      'SEARCH r USING INDEX revocations_not_after (not_after<?)',
      'CORRELATED SCALAR SUBQUERY 3',
      'SEARCH n USING COVERING INDEX revocations_sequence (generation=?)',
      'SEARCH p EXISTS USING PRIMARY KEY (generation=? AND scope=?)',
      'SEARCH p EXISTS USING PRIMARY KEY (generation=? AND scope=?)',
    ],
  ],
  [
    FORGET_REVOCATION,
    ['SEARCH revocations USING COVERING INDEX revocations_serial (generation=? AND serial=?)'],
  ],
  [FORGETTABLE_KNOWN, ['SEARCH known_serials USING COVERING INDEX known_serials_not_after (not_after<?)']],
  [FORGET_KNOWN, ['SEARCH known_serials USING PRIMARY KEY (generation=? AND serial=?)']],
])('the plan of %s walks over no table', (sql, steps) => {
  const database = new Database(':memory:');
  onTestFinished(() => void database.close());
  migrate(database, { log: SILENT });
  const parameters = Array<null>(sql.split('?').length - 1).fill(null);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[];
  expect(plan.map(({ detail }) => detail)).toEqual(steps);
});

describe('the entries of a CRL', () => {
  const entries = (store: SqliteTestStore): Buffer =>
    Buffer.concat(
      store.other.prepare<[], Buffer>('SELECT entry FROM revocations ORDER BY shard, serial').pluck().all(),
    );

  test('lie ready encoded, and say what the revocation says', async () => {
    const store = openTestStore();
    const order = (n: number, reason: 'unspecified' | 'superseded' | 'keyCompromise') => {
      const { serial, generation, shard, notAfter } = certificateRecord(n);
      return {
        revocation: { serial, generation, shard, notAfter, revokedAt: NOON + 999, reason },
        blockKey: undefined,
        audit: [],
      };
    };
    const orders = [order(1, 'unspecified'), order(2, 'superseded'), order(3, 'superseded')];
    await store.revocations.revoke([...orders, order(2, 'keyCompromise')], NOON);
    const found = [...revokedCertificates({ entries: entries(store) })].map((entry) => [
      Buffer.from(entry.serial).toString('hex'),
      entry.revokedAt,
      revocationReason(entry),
    ]);
    expect(found).toEqual([
      [serialOf(1), NOON, 'unspecified'],
      [serialOf(2), NOON, 'keyCompromise'],
      [serialOf(3), NOON, 'superseded'],
    ]);
  });
});

test('the millionth revocation costs what the first does', { timeout: 60_000 }, async () => {
  const store = openTestStore();
  store.other.pragma('synchronous = OFF');
  store.other.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
    INSERT INTO revocations SELECT 'servers-1', i % 64, CAST(printf('s%015d', i) AS BLOB), 0, 1, 0, i, i, 0, 0, zeroblob(37) FROM n`);
  const spent: number[] = [];
  for (let n = 1; n <= 40; n++) {
    const { serial, generation, shard, notAfter } = certificateRecord(n);
    const before = process.cpuUsage();
    await store.revocations.revoke(
      [
        {
          revocation: { serial, generation, shard, notAfter, revokedAt: NOON, reason: 'superseded' },
          blockKey: undefined,
          audit: [],
        },
      ],
      NOON,
    );
    const after = process.cpuUsage(before);
    spent.push((after.user + after.system) / 1000);
  }
  expect(store.revocations.find('servers-1', serialOf(40))?.sequence).toBe(300_040);
  // a walk over 300,000 rows takes tens of milliseconds
  expect(spent.sort((a, b) => a - b)[20]).toBeLessThan(5);
});
