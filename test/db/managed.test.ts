/** The store of managed certificates: the contract on every backend. */
import { expect, test } from 'vitest';
import { DUE, HOLDING, LIVING, NEXT_DUE } from '../../src/db/sqlite/managed.ts';
import { managedStoreContract } from '../contract/managed-store.ts';
import { memoryManaged, memoryPublicAuthorities } from '../fakes/memory-managed.ts';
import { openTestStore } from './sqlite/test-store.ts';

managedStoreContract({
  name: 'memory',
  open() {
    let entries = 0;
    type Write = Parameters<typeof memoryManaged>[0];
    const write: Write = (change) =>
      Promise.resolve().then(() => {
        const { value, audit } = change();
        entries += audit.length;
        return value;
      });
    return {
      managed: memoryManaged(write),
      publicAuthorities: memoryPublicAuthorities(write),
      entries: () => entries,
    };
  },
});

managedStoreContract({
  name: 'sqlite',
  open() {
    const { managed, publicAuthorities, audit } = openTestStore();
    return { managed, publicAuthorities, entries: () => audit.last()?.sequence ?? 0 };
  },
});

test.each([
  ['who is due', DUE, [1, 1, 10], 'managed_due'],
  ['when the next one is due', NEXT_DUE, [], 'managed_due'],
  ['what of one lives', LIVING, ['a'], 'managed_versions_living'],
  ['who holds a serial', HOLDING, ['4a'], 'managed_versions_serial'],
])('%s is found by an index, without a scan or a sort', (_, sql, parameters, index) => {
  const { other } = openTestStore();
  const plan = other
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...parameters)
    .map(({ detail }) => detail)
    .join('; ');
  expect(plan).toContain(index);
  // the next one is the first entry of the index
  if (sql !== NEXT_DUE) expect(plan).not.toMatch(/SCAN/);
  expect(plan).not.toMatch(/TEMP B-TREE FOR ORDER/);
});
