import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY } from '../../../src/base/clock.ts';
import { COUNT, PRESENTED, RENEWAL, FIRST_EXPIRY } from '../../../src/db/sqlite/inventory.ts';
import { migrate } from '../../../src/db/sqlite/migrate.ts';
import {
  FORGET_CERTIFICATE,
  FORGET_LABEL,
  FORGET_NAME,
  FORGETTABLE,
} from '../../../src/db/sqlite/retention.ts';
import { certificateSearch, recentSearch } from '../../../src/db/sqlite/search.ts';
import { CERTIFICATE_STATES, type CertificateQuery } from '../../../src/domain/issuance/ports.ts';
import { MemoryStore } from '../../fakes/memory-store.ts';
import { certificateRecord, dns, NOON, serialOf } from '../../support/records.ts';
import { openTestStore, SILENT } from './test-store.ts';

const CONDITIONS: readonly CertificateQuery[] = [
  { name: 'a.example.test' },
  { serial: serialOf(1) },
  { fingerprint: certificateRecord(1).fingerprint },
  { keyFingerprint: certificateRecord(1).keyFingerprint },
  { owner: 'team-a' },
  { label: { key: 'env', value: 'production' } },
  { issuer: 'servers' },
  { profile: 'server' },
  { principal: 'spiffe://example.test/app' },
  { expiresBefore: NOON },
  ...CERTIFICATE_STATES.map((state) => ({ state })),
];

/** Every combination of conditions, the empty one included. */
function combinations(conditions: readonly CertificateQuery[]): CertificateQuery[] {
  const all = conditions.reduce<CertificateQuery[]>(
    (sets, condition) => [...sets, ...sets.map((set) => ({ ...set, ...condition }))],
    [{}],
  );
  return [...new Map(all.map((query) => [JSON.stringify(Object.entries(query).sort()), query])).values()];
}

function schema(): Database.Database {
  const database = new Database(':memory:');
  migrate(database, { log: SILENT });
  onTestFinished(() => void database.close());
  return database;
}

const plan = (database: Database.Database, sql: string, parameters: readonly unknown[]): string[] =>
  (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[]).map(
    ({ detail }) => detail,
  );

const planOf = (database: Database.Database, query: CertificateQuery): string[] => {
  const search = certificateSearch(query, NOON, 1000, 50);
  if (search === undefined) throw new Error('this finds nothing');
  return plan(database, search.sql, search.parameters);
};

test('counting reads no certificates, and nothing but the newest number', () => {
  expect(plan(schema(), COUNT, [])).toEqual([
    'SCAN CONSTANT ROW',
    'SCALAR SUBQUERY 1',
    'SEARCH certificates',
    'SCALAR SUBQUERY 2',
    'SEARCH meta USING PRIMARY KEY (key=?)',
  ]);
});

test('the certificate that renewed another is found by an index, whoever is renewed', () => {
  expect(plan(schema(), RENEWAL, [Buffer.alloc(16)])).toEqual([
    'SEARCH certificates USING INDEX certificates_renews (renews=?)',
  ]);
  expect(plan(schema(), PRESENTED, [NOON, Buffer.alloc(16)])).toHaveLength(1);
  expect(plan(schema(), PRESENTED, [NOON, Buffer.alloc(16)])[0]).toMatch(
    /^SEARCH certificates USING INDEX \S+ \(serial=\?\)$/,
  );
});

describe('the plan of a search', () => {
  test('never walks over all certificates, whatever the conditions', () => {
    const database = schema();
    const queries = combinations(CONDITIONS);
    expect(queries.length).toBe(4096);
    for (const query of queries) {
      const steps = planOf(database, query);
      expect(
        steps.filter((step) => step.startsWith('SCAN')),
        JSON.stringify(query),
      ).toEqual([]);
      const walks = steps.filter((step) => step.includes('INTEGER PRIMARY KEY (rowid<?)'));
      // by row number downwards goes only what takes every certificate that it meets
      expect(walks.length > 0, JSON.stringify(query)).toBe(Object.keys(query).length === 0);
    }
  });

  test.each<[CertificateQuery, string[]]>([
    [{}, ['SEARCH c USING INTEGER PRIMARY KEY (rowid<?)']],
    [
      { name: 'a.example.test', state: 'valid' },
      [
        'SEARCH n USING PRIMARY KEY (value=? AND certificate<?)',
        'SEARCH c USING INTEGER PRIMARY KEY (rowid=?)',
      ],
    ],
    [{ serial: serialOf(1) }, ['SEARCH c USING INDEX certificates_serial (serial=? AND rowid<?)']],
    [
      { keyFingerprint: certificateRecord(1).keyFingerprint },
      ['SEARCH c USING INDEX certificates_key (key_fingerprint=? AND rowid<?)'],
    ],
    [{ owner: 'x', issuer: 'y' }, ['SEARCH c USING INDEX certificates_owner (owner=? AND rowid<?)']],
    [
      { label: { key: 'env', value: 'production' }, issuer: 'servers' },
      [
        'SEARCH l USING PRIMARY KEY (label=? AND certificate<?)',
        'SEARCH c USING INTEGER PRIMARY KEY (rowid=?)',
      ],
    ],
    [{ principal: 'x' }, ['SEARCH c USING INDEX certificates_principal (principal=? AND rowid<?)']],
    [
      { issuer: 'servers', state: 'valid' },
      ['SEARCH c USING INDEX certificates_issuer (issuer=? AND rowid<?)'],
    ],
    [{ profile: 'server' }, ['SEARCH c USING INDEX certificates_profile (profile=? AND rowid<?)']],
    [
      { state: 'valid' },
      [
        'SEARCH c USING INTEGER PRIMARY KEY (rowid=?)',
        'LIST SUBQUERY 1',
        'SEARCH c USING COVERING INDEX certificates_not_after (not_after>?)',
        'USE TEMP B-TREE FOR ORDER BY',
      ],
    ],
  ])('of %j is one look into one index, which has the order as well', (query, steps) => {
    expect(planOf(schema(), query)).toEqual(steps);
  });

  test('by time alone begins with the newest, by row number', () => {
    const search = recentSearch({ state: 'valid' }, NOON, 3000, 50, 1000);
    expect(search && plan(schema(), search.sql, search.parameters)).toEqual([
      'SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)',
    ]);
    for (const condition of CONDITIONS.slice(0, 9))
      expect(recentSearch({ ...condition, state: 'valid' }, NOON, 3000, 50, 1000)).toBeUndefined();
  });

  test.each([
    [FIRST_EXPIRY, [NOON], 'SEARCH certificates USING COVERING INDEX certificates_not_after (not_after>?)'],
    [
      'SELECT * FROM certificates WHERE serial = ?',
      [Buffer.alloc(16)],
      'SEARCH certificates USING INDEX certificates_serial (serial=?)',
    ],
    [
      FORGETTABLE,
      [NOON, NOON, 1000, 500],
      'SEARCH certificates USING INDEX certificates_not_after (not_after<?)',
    ],
    [
      FORGET_NAME,
      ['a.example.test', 1, 'dns'],
      'SEARCH certificate_names USING PRIMARY KEY (value=? AND certificate=? AND kind=?)',
    ],
    [
      FORGET_LABEL,
      ['env:production', 1],
      'SEARCH certificate_labels USING PRIMARY KEY (label=? AND certificate=?)',
    ],
    [FORGET_CERTIFICATE, [1], 'SEARCH certificates USING INTEGER PRIMARY KEY (rowid=?)'],
    [
      'DELETE FROM tokens WHERE expires_at < ?',
      [NOON],
      'SEARCH tokens USING INDEX tokens_expiry (expires_at<?)',
    ],
    [
      'DELETE FROM idempotency_claims WHERE claimed_at < ?',
      [NOON],
      'SEARCH idempotency_claims USING INDEX idempotency_claims_claimed_at (claimed_at<?)',
    ],
  ] as [string, unknown[], string][])('of %s is one look as well', (sql, parameters, step) => {
    const [first] = plan(schema(), sql, parameters);
    expect(first).toBe(step);
  });
});

const HOSTS = ['a.example.test', 'b.example.test', 'c.example.test'];
const ISSUERS = ['servers', 'workload'];
const PRINCIPALS = ['p', 'q'];
const OWNERS = ['team-a', 'team-b'];
const TIMES = [NOON - DAY, NOON - 1, NOON, NOON + 1, NOON + DAY];

const stock = fc.array(
  fc.record({
    names: fc.uniqueArray(fc.constantFrom(...HOSTS), { maxLength: 3 }),
    owner: fc.constantFrom(null, ...OWNERS),
    labels: fc.dictionary(fc.constantFrom('env', 'tier'), fc.constantFrom(...OWNERS)),
    issuer: fc.constantFrom(...ISSUERS),
    principal: fc.constantFrom(...PRINCIPALS),
    notAfter: fc.constantFrom(...TIMES),
    revoked: fc.boolean(),
  }),
  { maxLength: 25 },
);

const conditions = fc.record(
  {
    name: fc.constantFrom(...HOSTS),
    owner: fc.constantFrom(...OWNERS),
    label: fc.record({ key: fc.constantFrom('env', 'tier'), value: fc.constantFrom(...OWNERS) }),
    issuer: fc.constantFrom(...ISSUERS),
    principal: fc.constantFrom(...PRINCIPALS),
    state: fc.constantFrom(...CERTIFICATE_STATES),
    expiresBefore: fc.constantFrom(...TIMES),
    serial: fc.integer({ min: 0, max: 25 }).map(serialOf),
  },
  { requiredKeys: [] },
);

test('a search by time finds also what is older than the newest few thousand', async () => {
  const { ledger, inventory } = openTestStore();
  const old = [1, 2, 3];
  await Promise.all(
    Array.from({ length: 2500 }, (_, i) => i + 1).map((n) => {
      const notAfter = old.includes(n) ? NOON - 1 : NOON + DAY;
      return ledger.record({ certificate: certificateRecord(n, { notAfter }), audit: [] });
    }),
  );
  const expired = inventory.search({ state: 'expired' }, NOON, 2);
  expect(expired.certificates.map(({ serial }) => serial)).toEqual([3, 2].map(serialOf));
  const rest = inventory.search({ state: 'expired' }, NOON, 2, expired.cursor);
  expect(rest.certificates.map(({ serial }) => serial)).toEqual([serialOf(1)]);
  expect(inventory.search({ state: 'valid' }, NOON, 500).certificates[499]?.serial).toBe(serialOf(2001));
});

test('SQLite finds what the store in memory finds', async () => {
  await fc.assert(
    fc.asyncProperty(
      stock,
      fc.array(conditions, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 30 }),
      async (certificates, queries, limit) => {
        const memory = new MemoryStore();
        const sqlite = openTestStore();
        for (const store of [memory, sqlite]) {
          await Promise.all(
            certificates.map(({ names, revoked: _revoked, ...fields }, n) =>
              store.ledger.record({
                certificate: certificateRecord(n, { ...fields, names: names.map(dns) }),
                audit: [],
              }),
            ),
          );
          certificates.forEach(({ revoked }, n) => revoked && store.revoke(serialOf(n), NOON, 1));
        }
        for (const query of queries) {
          const pages = [memory, sqlite].map(({ inventory }) => {
            const serials: (string | null)[] = [];
            let cursor: string | undefined;
            do {
              const page = inventory.search(query, NOON, limit, cursor);
              serials.push(...page.certificates.map(({ serial }) => serial), null);
              cursor = page.cursor;
            } while (cursor !== undefined);
            return serials;
          });
          expect(pages[1], JSON.stringify(query)).toEqual(pages[0]);
        }
        sqlite.other.close();
        await sqlite.close();
      },
    ),
    { numRuns: 40 },
  );
});
