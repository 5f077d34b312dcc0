import { expect, test } from 'vitest';
import { REVOKED_SINCE, UNEXPIRED_CERTIFICATES, UNEXPIRED_KNOWN } from '../../src/db/sqlite/publishable.ts';
import { publishableContract } from '../contract/publishable.ts';
import { memoryPublishable } from '../fakes/memory-publishable.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { openTestStore } from './sqlite/test-store.ts';

publishableContract({
  name: 'the store in memory',
  open() {
    const store = new MemoryStore();
    return { store, serials: memoryPublishable(store) };
  },
});
publishableContract({
  name: 'SQLite',
  open() {
    const store = openTestStore();
    return { store, serials: store.publishable };
  },
});

test.each([
  ['unexpired certificates', UNEXPIRED_CERTIFICATES],
  ['unexpired serials without certificate', UNEXPIRED_KNOWN],
  ['revocations', REVOKED_SINCE],
])('%s are found by an index alone: no page walks over what expired', (_, query) => {
  const { other } = openTestStore();
  const holes = [...query.matchAll(/\?/g)].map(() => 0);
  const plan = other.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${query}`).all(...holes);
  const steps = plan.map(({ detail }) => detail).join('\n');
  expect(steps).toMatch(/^SEARCH \w+ USING/);
  // those of one moment may be sorted, not all of them
  expect(steps).not.toMatch(/SCAN|TEMP B-TREE FOR ORDER BY/);
});
