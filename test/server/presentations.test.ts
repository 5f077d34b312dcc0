/** When certificates last logged in: in memory first, written in batches, complete at a clean stop. */
import { expect, test } from 'vitest';
import { SECOND } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import { Presentations } from '../../src/server/presentations.ts';
import { FakeClock } from '../fakes/clock.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { certificateRecord, serialOf } from '../support/records.ts';
import { startTestServer } from '../support/running-server.ts';

async function makePresentations(limit?: number) {
  const clock = new FakeClock();
  const store = new MemoryStore();
  for (const n of [1, 2, 3]) await store.ledger.record({ certificate: certificateRecord(n), audit: [] });
  const writes: number[] = [];
  const inventory = {
    presented: (marks: Parameters<MemoryStore['inventory']['presented']>[0]) => {
      writes.push(marks.length);
      return store.inventory.presented(marks);
    },
  };
  const presentations = new Presentations({ inventory, clock, ...(limit !== undefined && { limit }) });
  const at = (n: number) => store.ledger.findCertificate(serialOf(n))?.presentedAt;
  return { clock, store, presentations, writes, at };
}

test('many logins are one write, half a minute later', async () => {
  const { clock, presentations, writes, at } = await makePresentations();
  const start = clock.now();
  for (let i = 0; i < 29; i++) {
    for (const n of [1, 2]) presentations.note(serialOf(n));
    presentations.tick();
    clock.advance(SECOND);
  }
  expect(writes).toEqual([]);
  clock.advance(SECOND);
  presentations.tick();
  presentations.tick();
  await presentations.flush();
  expect(writes).toEqual([2]);
  expect([at(1), at(2), at(3)]).toEqual([start + 28 * SECOND, start + 28 * SECOND, null]);
});

test('what the store refuses is kept, and the later time wins', async () => {
  const { clock, store, presentations, at } = await makePresentations();
  presentations.note(serialOf(1));
  presentations.note(serialOf(2));
  store.failWith = new ChanceryError('store_unavailable', 'the disk is full');
  await expect(presentations.flush()).rejects.toMatchObject({ code: 'store_unavailable' });
  const first = clock.now();
  clock.advance(SECOND);
  presentations.note(serialOf(2));
  store.failWith = undefined;
  await presentations.flush();
  expect([at(1), at(2)]).toEqual([first, first + SECOND]);
});

test('the memory is bounded: a full one is written early, and takes no more until then', async () => {
  const { clock, presentations, writes, at } = await makePresentations(2);
  for (const n of [1, 2, 3]) presentations.note(serialOf(n));
  clock.advance(SECOND);
  presentations.note(serialOf(1));
  presentations.tick();
  await presentations.flush();
  expect(writes).toEqual([2]);
  expect([at(1), at(2), at(3)]).toEqual([clock.now(), clock.now() - SECOND, null]);
  presentations.note(serialOf(3));
  await presentations.flush();
  expect(at(3)).toBe(clock.now());
});

test('a clean stop loses nothing: whoever logged in is shown with the time after a restart', async () => {
  const server = await startTestServer();
  try {
    const own = await server.ask('GET', '/api/v1/certificates?profile=client');
    const [{ serial, lastPresentedAt } = { serial: '', lastPresentedAt: undefined }] = own.json[
      'certificates'
    ] as { serial: string; lastPresentedAt?: string }[];
    expect(lastPresentedAt).toBeUndefined();
    const before = Math.floor(Date.now() / 1000) * 1000;
    await server.restart();
    const { json } = await server.ask('GET', `/api/v1/certificates/${serial}`);
    expect(Date.parse(String(json['lastPresentedAt']))).toBeGreaterThanOrEqual(before - SECOND);
  } finally {
    await server.stop();
  }
});
