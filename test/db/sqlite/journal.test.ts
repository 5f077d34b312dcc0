/** The writer and the journal: told first, committed then, and what it means when one of both fails. */
import { appendFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Journal,
  type JournalContent,
  JournalFailure,
  type JournalPosition,
} from '../../../src/domain/revocation/journal.ts';
import type { JournalRecord } from '../../../src/domain/revocation/ports.ts';
import { linesOf, OPENED } from '../../contract/journal.ts';
import { bucketPlace, folderPlace } from '../../journal/places.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { auditDraft, certificateRecord, serialOf } from '../../support/records.ts';
import { openTestStore, type SqliteTestStore } from './test-store.ts';

/** Does what the journal within does, when it is let. */
class HeldJournal implements Journal {
  readonly name = 'held';
  readonly contents: JournalContent[] = [];
  failure: JournalFailure | undefined;
  /** Called before each append, while the database can be looked at. */
  seen: () => void = () => undefined;
  readonly #wait: Promise<void> | undefined;
  #sequence = 0;

  constructor(wait?: Promise<void>) {
    this.#wait = wait;
  }

  last(): undefined {
    return undefined;
  }

  lines(): never {
    throw new Error('not asked for');
  }

  append(content: JournalContent): JournalPosition | Promise<JournalPosition> {
    this.seen();
    const now = (): JournalPosition => {
      if (this.failure !== undefined) throw this.failure;
      this.contents.push(content);
      this.#sequence += 1;
      return { journal: 'j', sequence: this.#sequence, hash: 'ab'.repeat(32) };
    };
    return this.#wait === undefined ? now() : this.#wait.then(now);
  }

  close(): void {}
}

const certificates = (store: SqliteTestStore): number => store.inventory.count();
const record = (store: SqliteTestStore, n: number) =>
  store.ledger.record({ certificate: certificateRecord(n), audit: [auditDraft()] });
const kinds = ({ records }: JournalContent): JournalRecord['kind'][] => records.map(({ kind }) => kind);

describe('the journal is told', () => {
  test('before anything is committed, once for a batch, and the database remembers the line', async () => {
    const store = openTestStore();
    const journal = new HeldJournal();
    const counts: number[] = [];
    journal.seen = () => counts.push(certificates(store));
    store.journal.attach(journal);
    await Promise.all([record(store, 1), record(store, 2), record(store, 3)]);
    expect(counts).toEqual([0]);
    expect(journal.contents.map(kinds)).toEqual([['issued', 'issued', 'issued']]);
    expect(journal.contents[0]?.records[0]).toEqual({
      kind: 'issued',
      ...{ generation: certificateRecord(1).generation, serial: serialOf(1) },
      ...{ shard: certificateRecord(1).shard, notAfter: certificateRecord(1).notAfter },
    });
    expect(store.journal.position()?.sequence).toBe(1);
  });

  test('of nothing where only the log grows', async () => {
    const store = openTestStore();
    const journal = new HeldJournal();
    store.journal.attach(journal);
    await store.ledger.record({ audit: [auditDraft()] });
    expect(journal.contents).toEqual([]);
    expect(store.journal.position()).toBeUndefined();
  });

  test('of revocations, blocked keys, known serials and CRL numbers', async () => {
    const store = openTestStore();
    const journal = new HeldJournal();
    store.journal.attach(journal);
    const certificate = { generation: 'servers-1', serial: '4a01', shard: 1, notAfter: 2_000_000_000_000 };
    await store.revocations.revoke(
      [
        {
          revocation: { ...certificate, revokedAt: 1, reason: 'superseded' },
          blockKey: undefined,
          audit: [],
        },
      ],
      2,
    );
    await store.revocations.block({ key: 'ab'.repeat(32), blockedAt: 3 }, []);
    await store.revocations.addKnown([certificate], []);
    store.other.exec(
      `INSERT INTO roots (name, line, number, key_id, certificate, prepared_at) VALUES ('internal', 'internal', 1, '', x'00', 1)`,
    );
    await store.crls.put(
      { root: 'internal', number: 7n, thisUpdate: 4, nextUpdate: 5, der: new Uint8Array(1) },
      [],
      [{ ...certificate, generation: 'internal', revokedAt: 4, reason: 'cACompromise' }],
    );
    expect(journal.contents.flatMap(kinds)).toEqual(['revoked', 'blocked', 'issued', 'revoked', 'crl']);
    expect(journal.contents[3]?.records[0]).toMatchObject({ generation: 'internal', reason: 'cACompromise' });
  });
});

describe('where the journal is a bucket', () => {
  test('nothing is committed before it has answered, and what waits shares the next line', async () => {
    const store = openTestStore();
    let answer: () => void = () => undefined;
    const journal = new HeldJournal(new Promise((resolve) => (answer = resolve)));
    store.journal.attach(journal);
    const first = record(store, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const later = Promise.all([record(store, 2), record(store, 3)]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(certificates(store)).toBe(0);
    answer();
    await first;
    await later;
    expect(journal.contents.map(({ records }) => records.length)).toEqual([1, 2]);
    expect(certificates(store)).toBe(3);
  });

  test('closing writes what waits', async () => {
    const store = openTestStore();
    const place = await bucketPlace();
    const journal = await place.open();
    await journal.append({ records: [], opened: OPENED });
    store.journal.attach(journal);
    const waiting = Promise.all([record(store, 1), record(store, 2)]);
    await new Promise((resolve) => setImmediate(resolve));
    const third = record(store, 3);
    await store.close();
    await waiting;
    await third;
    expect((await linesOf(await place.open())).flatMap(({ records }) => records)).toHaveLength(3);
  });
});

describe('where the journal takes nothing', () => {
  const failing = (): { store: SqliteTestStore; journal: HeldJournal } => {
    const store = openTestStore();
    const journal = new HeldJournal();
    store.journal.attach(journal);
    journal.failure = new JournalFailure('the journal held takes no records now (ENOSPC)', false);
    return { store, journal };
  };

  test('nothing is committed, health is red and says why; what needs no journal goes on (D3)', async () => {
    const { store } = failing();
    const log = store.ledger.record({ audit: [auditDraft()] });
    const { code, message } = await refusalOfAsync(() => record(store, 1));
    expect(code).toBe('store_unavailable');
    expect(message).toContain('ENOSPC');
    expect((await log).kind).toBe('recorded');
    expect(certificates(store)).toBe(0);
    expect(store.journal.position()).toBeUndefined();
    expect(store.health()).toMatchObject({ ok: false, reason: expect.stringContaining('held') as string });
  });

  test('a probe does not call it well, and heals it when it is', async () => {
    const { store, journal } = failing();
    await refusalOfAsync(() => record(store, 1));
    expect((await refusalOfAsync(() => store.probe())).code).toBe('store_unavailable');
    expect(store.health().ok).toBe(false);
    journal.failure = undefined;
    await store.probe();
    expect(store.health()).toEqual({ ok: true });
    await store.probe();
    expect(journal.contents).toEqual([{ records: [] }]);
    await record(store, 1);
    expect(certificates(store)).toBe(1);
  });

  test('and will not heal, the store is over (D2)', async () => {
    const { store, journal } = failing();
    journal.failure = new JournalFailure('the journal held could not be synced (EIO)', true);
    await refusalOfAsync(() => record(store, 1));
    journal.failure = undefined;
    expect((await refusalOfAsync(() => record(store, 2))).message).toContain('EIO');
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.fatal).toHaveLength(1);
    expect(certificates(store)).toBe(0);
  });

  test('somebody else writes to the folder: over as well', async () => {
    const store = openTestStore();
    const place = folderPlace();
    const journal = await place.open();
    journal.append({ records: [], opened: OPENED });
    store.journal.attach(journal);
    await record(store, 1);
    appendFileSync(place.segments()[0] ?? '', 'x');
    expect((await refusalOfAsync(() => record(store, 2))).message).toContain('somebody else');
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.fatal).toHaveLength(1);
  });
});

test('what was told and not committed stays behind the place that the database knows', async () => {
  const store = openTestStore();
  const journal = new HeldJournal();
  store.journal.attach(journal);
  await record(store, 1);
  store.other.exec('BEGIN IMMEDIATE'); // another process holds the write lock
  await refusalOfAsync(() => record(store, 2));
  store.other.exec('ROLLBACK');
  await record(store, 3);
  expect(journal.contents).toHaveLength(3);
  // line 2 has to be looked at again by whoever starts next
  expect(store.journal.position()?.sequence).toBe(1);
});

test('a refused job leaves its line: the certificate was signed', async () => {
  const store = openTestStore();
  const journal = new HeldJournal();
  store.journal.attach(journal);
  await record(store, 1);
  await refusalOfAsync(() => record(store, 1));
  expect(journal.contents.map(kinds)).toEqual([['issued'], ['issued']]);
  expect(store.journal.position()?.sequence).toBe(2);
});

describe('floors of CRL numbers', () => {
  const floor = (number: bigint, thisUpdate: number, scope: 'full' | number = 'full') => ({
    generation: 'servers-1',
    ...{ scope, number, thisUpdate },
  });

  test('only rise, and are the highest of all scopes', async () => {
    const { journal } = openTestStore();
    expect(journal.crlFloor('servers-1')).toBeUndefined();
    await journal.advance(undefined, [floor(2n ** 100n, 5), floor(9n, 7, 3)], []);
    await journal.advance(undefined, [floor(4n, 6)], []);
    expect(journal.crlFloor('servers-1')).toEqual({ number: 2n ** 100n, thisUpdate: 7 });
    expect(journal.crlFloor('servers-2')).toBeUndefined();
  });

  test('take their date along: one that an operator took back does not return', async () => {
    const { journal } = openTestStore();
    await journal.advance(undefined, [floor(4n, 60)], []);
    await journal.advance(undefined, [floor(5n, 7)], []);
    await journal.advance(undefined, [floor(4n, 60)], []);
    expect(journal.crlFloor('servers-1')).toEqual({ number: 5n, thisUpdate: 7 });
  });

  test('the place is forgotten where the journal is left', async () => {
    const { journal } = openTestStore();
    await journal.advance({ journal: 'j', sequence: 4, hash: 'h' }, [], []);
    expect(journal.position()).toEqual({ journal: 'j', sequence: 4, hash: 'h' });
    await journal.advance(undefined, [], []);
    expect(journal.position()).toBeUndefined();
  });
});
