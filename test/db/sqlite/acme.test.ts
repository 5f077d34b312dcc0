/** What the ACME server asks its database at each request and in housekeeping never walks over a table. */
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY } from '../../../src/base/clock.ts';
import { migrate } from '../../../src/db/sqlite/migrate.ts';
import { openAcmeStore } from '../../../src/db/sqlite/acme/index.ts';
import type { Rooms } from '../../../src/db/sqlite/rooms.ts';
import { acmeId } from '../../contract/acme-store.ts';
import { dns, NOON } from '../../support/records.ts';
import { openTestStore, SILENT } from './test-store.ts';

/** Every statement that opening the store prepares, as it is. */
function statements(): { readonly database: Database.Database; readonly sql: readonly string[] } {
  const database = new Database(':memory:');
  onTestFinished(() => void database.close());
  migrate(database, { log: SILENT });
  const sql: string[] = [];
  const recorder = {
    prepare(text: string) {
      sql.push(text);
      return database.prepare(text);
    },
  };
  openAcmeStore({ database: recorder, audit: undefined, writer: undefined } as unknown as Rooms);
  return { database, sql };
}

/** What is small by its nature: open validations, keys that operators made, windows that operators moved. */
const WALKS = [
  'SCAN acme_challenges USING INDEX acme_challenges_unsettled',
  'SCAN acme_external_keys',
  'USE TEMP B-TREE FOR ORDER BY',
  'SCAN acme_windows',
];

test('orders, authorizations, accounts and rates are found by an index or a primary key, and sorted by none', () => {
  const { database, sql } = statements();
  expect(sql.length).toBeGreaterThan(25);
  const walks = sql.flatMap((text) => {
    const holes = text.includes('@')
      ? [namedHoles(text)]
      : Array<null>(text.split('?').length - 1).fill(null);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...holes) as { detail: string }[];
    return plan
      .map(({ detail }) => detail)
      .filter((detail) => /^SCAN|TEMP B-TREE/.test(detail) && detail !== 'SCAN CONSTANT ROW');
  });
  expect(walks).toEqual(WALKS);
});

const namedHoles = (text: string): Record<string, null> =>
  Object.fromEntries([...text.matchAll(/@(\w+)/g)].map(([, name]) => [String(name), null]));

describe('housekeeping', () => {
  test('a round of forgetting takes one batch and no more, whatever there is', async () => {
    const { acme } = openTestStore();
    const at = NOON - 40 * DAY;
    for (let n = 0; n < 60; n++)
      await acme.orders.add(
        {
          ...{ id: acmeId(n, at), issuer: 'servers', account: acmeId(0), names: [dns('www.example.test')] },
          ...{ authorizations: [acmeId(n, at)], profile: 'server', notBefore: null, notAfter: null },
          ...{ replaces: null, createdAt: at, expiresAt: at + DAY, certificate: null, refusal: null },
        },
        [
          {
            ...{ id: acmeId(n, at), issuer: 'servers', account: acmeId(0), name: dns('www.example.test') },
            ...{ wildcard: false, seed: Buffer.alloc(32), createdAt: at, expiresAt: at + DAY },
            ...{ deactivatedAt: null, preauthorizedBy: null, attempts: [] },
          },
        ],
        [],
        () => false,
      );
    const what = { failedBefore: NOON, authorizationsBefore: 0, ordersBefore: 0, limit: 25 };
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) counts.push(await acme.orders.prune(what));
    expect(counts).toEqual([25, 25, 10, 0]);
    expect(acme.authorizations.find(acmeId(0, at))).toBeUndefined();
  });
});
