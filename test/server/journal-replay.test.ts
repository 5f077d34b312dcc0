/** Taking over from the journal is cut off anywhere and done again: the same comes out. */
import { expect, test } from 'vitest';
import type { JournalLine } from '../../src/domain/revocation/journal.ts';
import { JournalReplay } from '../../src/server/journal-replay.ts';
import { RECORDS } from '../contract/journal.ts';
import { openTestStore, SILENT, type SqliteTestStore } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';

const line: JournalLine = {
  end: { sequence: 4, hash: 'ab'.repeat(32) },
  journal: 'j',
  time: 1,
  opened: undefined,
  records: RECORDS,
};

async function replay(store: SqliteTestStore): Promise<void> {
  const replaying = new JournalReplay({ store, clock: new FakeClock(), log: SILENT, name: 'the journal' });
  await replaying.take(line);
  await replaying.finish();
}

const stateOf = (store: SqliteTestStore) => ({
  issued: store.revocations.status('servers-1', '4a01'),
  revoked: store.revocations.status('servers-1', '4a02'),
  unknown: store.revocations.status('servers-1', '4a03').kind,
  blocked: [store.ledger.isKeyBlocked('cd'.repeat(32)), store.ledger.isKeyBlocked('ef'.repeat(32))],
  root: store.journal.crlFloor('workload'),
  issuer: store.journal.crlFloor('servers-1'),
  position: store.journal.position(),
});

const EXPECTED = {
  issued: { kind: 'good' },
  revoked: { kind: 'revoked', reason: 'keyCompromise', revokedAt: 1_790_000_000_000 },
  unknown: 'unknown',
  blocked: [true, true],
  root: { number: 2n ** 150n, thisUpdate: 1_790_000_000_000 },
  issuer: { number: 12n, thisUpdate: 1_790_000_000_000 },
  position: { journal: 'j', sequence: 4, hash: 'ab'.repeat(32) },
};

const events = (store: SqliteTestStore): string[] =>
  store.audit.entries(1, 100).map(({ body }) => (JSON.parse(body) as { event: string }).event);

test('everything takes effect, on record', async () => {
  const store = openTestStore();
  await replay(store);
  expect(stateOf(store)).toEqual(EXPECTED);
  expect(events(store)).toEqual(['certificate.revoked', 'key.blocked', 'journal.replayed']);
  const last = JSON.parse(store.audit.last()?.body ?? '{}') as { details: unknown };
  expect(last.details).toEqual({
    ...{ journal: 'the journal', from: 4, to: 4, serials: 1, revocations: 1, blockedKeys: 1, crls: 2 },
    unknownGenerations: ['servers-1', 'workload'],
  });
});

test.each(['addKnown', 'revoke', 'block', 'advance'] as const)(
  'cut off at %s and taken up again: the same, and no revocation twice',
  async (step) => {
    const store = openTestStore();
    const dies = (): never => {
      throw new Error('killed');
    };
    const revocations = { ...store.revocations, ...(step !== 'advance' && { [step]: dies }) };
    const journal = { ...store.journal, ...(step === 'advance' && { advance: dies }) };
    await expect(replay({ ...store, revocations, journal })).rejects.toThrow('killed');
    expect(store.journal.position()).toBeUndefined();
    await replay(store);
    expect(stateOf(store)).toEqual(EXPECTED);
    expect(events(store).filter((event) => event === 'certificate.revoked')).toHaveLength(1);
    await replay(store);
    expect(stateOf(store)).toEqual(EXPECTED);
    expect(events(store).filter((event) => event === 'certificate.revoked')).toHaveLength(1);
  },
);
