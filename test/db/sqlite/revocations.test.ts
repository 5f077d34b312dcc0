/** One more revocation costs the same at a million, and what a CRL still needs is not forgotten. */
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, type Instant } from '../../../src/base/clock.ts';
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
import type { RootFacts } from '../../../src/domain/issuance/issuer.ts';
import { revocationReason, revokedCertificates } from '../../../src/x509/crl.ts';
import { auditDraft, certificateRecord, generationFacts, NOON, serialOf } from '../../support/records.ts';
import { openTestStore, SILENT, type SqliteTestStore } from './test-store.ts';

const ROOT: RootFacts = {
  name: 'internal',
  line: 'internal',
  number: 1,
  keyId: 'root-internal',
  certificate: Buffer.from('a root'),
  preparedAt: NOON,
  activatedAt: NOON,
  retiredAt: null,
};

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

describe('forgetting revocations', () => {
  const EXPIRED = NOON - 10 * DAY;
  const what = { expiredBefore: NOON - 7 * DAY, limit: 100 };

  /** Revoked are 1 to `count`, all of one shard and expired; `servers-1` is there. */
  async function withRevoked(count: number): Promise<SqliteTestStore> {
    const store = openTestStore();
    await store.authorities.addRoot(ROOT, []);
    await store.authorities.addGeneration(generationFacts(), []);
    for (let n = 1; n <= count; n++) await revoke(store, n, 3, EXPIRED);
    return store;
  }

  const revoke = async (
    store: SqliteTestStore,
    n: number,
    shard: number,
    notAfter: Instant,
  ): Promise<void> => {
    const { serial, generation } = certificateRecord(n);
    const revokedAt = EXPIRED - DAY;
    const revocation = { serial, generation, shard, notAfter, revokedAt, reason: 'superseded' } as const;
    await store.revocations.revoke([{ revocation, blockKey: undefined, audit: [] }], revokedAt);
  };

  const publish = (store: SqliteTestStore, scope: number, thisUpdate: Instant, covers: number): void => {
    store.other
      .prepare(
        "INSERT OR REPLACE INTO published_crls VALUES ('servers-1', ?, '1', ?, 0, ?, 0, 'f', x'00', 0)",
      )
      .run(scope, thisUpdate, covers);
  };

  const kept = (store: SqliteTestStore, count: number): number[] =>
    Array.from({ length: count }, (_, i) => i + 1).filter(
      (n) => store.revocations.find('servers-1', serialOf(n)) !== undefined,
    );

  test('an entry goes when both its CRLs named it after its certificate expired, the newest never', async () => {
    const store = await withRevoked(3);
    const drafts: number[] = [];
    const forget = (): Promise<number> =>
      store.forgetRevocations(what, (count) => {
        drafts.push(count);
        return [auditDraft({ event: 'revocations.forgotten' })];
      });
    expect(await forget()).toBe(0);
    publish(store, -1, EXPIRED + DAY, 3);
    expect(await forget()).toBe(0); // not in its shard's
    publish(store, 3, EXPIRED, 3);
    expect(await forget()).toBe(0); // not after it expired
    publish(store, 3, EXPIRED + DAY, 1);
    expect(await forget()).toBe(1); // the CRL does not know the second yet
    publish(store, 3, EXPIRED + DAY, 3);
    expect(await forget()).toBe(1);
    expect(kept(store, 3)).toEqual([3]);
    expect(drafts).toEqual([1, 1]);
    expect(store.audit.last()?.sequence).toBe(2);
    // a sequence is never given again
    await revoke(store, 4, 3, EXPIRED);
    expect(store.revocations.find('servers-1', serialOf(4))?.sequence).toBe(4);
  });

  test('neither who expired a short time ago nor more than a batch', async () => {
    const store = await withRevoked(3);
    await revoke(store, 4, 3, NOON - 6 * DAY);
    await revoke(store, 5, 3, NOON - 6 * DAY);
    for (const scope of [-1, 3]) publish(store, scope, NOON, 5);
    expect(await store.forgetRevocations({ ...what, limit: 2 }, () => [])).toBe(2);
    expect(await store.forgetRevocations({ ...what, limit: 2 }, () => [])).toBe(1);
    expect(await store.forgetRevocations({ ...what, limit: 2 }, () => [])).toBe(0);
    expect(kept(store, 5)).toEqual([4, 5]);
  });

  test('serials that are merely known go with them', async () => {
    const store = await withRevoked(0);
    const known = (n: number, notAfter: Instant) => ({
      generation: 'servers-1',
      serial: serialOf(n),
      shard: 0,
      notAfter,
    });
    await store.revocations.addKnown([known(1, EXPIRED), known(2, NOON)], []);
    expect(await store.forgetRevocations(what, () => [])).toBe(1);
    expect(store.revocations.status('servers-1', serialOf(1))).toEqual({ kind: 'unknown' });
    expect(store.revocations.status('servers-1', serialOf(2))).toEqual({ kind: 'good' });
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
