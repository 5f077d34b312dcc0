/** What is over is forgotten in time, in bounded batches, and never because a clock leapt. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../src/base/clock.ts';
import { forgettable } from '../../src/domain/issuance/retention.ts';
import { Housekeeping } from '../../src/server/housekeeping.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { auditDraft, certificateRecord, serialOf } from '../support/records.ts';
import { SILENT } from '../db/sqlite/test-store.ts';

const RETENTION = { certificates: 400 * DAY, idempotency: DAY, tokens: 30 * DAY };
const COUNT = 1200;

let clock: FakeClock;
let store: MemoryStore;
let steady: number;
let warnings: string[];

beforeEach(async () => {
  clock = new FakeClock();
  store = new MemoryStore();
  steady = 0;
  warnings = [];
  const now = clock.now();
  await store.ledger.record({ audit: [auditDraft({ time: now })] });
  for (let n = 0; n < COUNT; n++) {
    const notAfter = n < COUNT - 100 ? now - 401 * DAY : now - 399 * DAY;
    await store.ledger.record({ certificate: certificateRecord(n, { notAfter }), audit: [] });
  }
});

const keeper = (): Housekeeping =>
  new Housekeeping({
    store,
    clock,
    retention: RETENTION,
    log: { ...SILENT, warn: (message) => warnings.push(message) },
    monotonic: () => steady,
  });

/** Time that really passes. */
function pass(by: number): void {
  clock.advance(by);
  steady += by;
}

/** Ticks until something was forgotten, then stops after that batch. */
async function forgetOne(housekeeping: Housekeeping): Promise<void> {
  housekeeping.tick();
  await vi.waitFor(() => expect(store.inventory.count()).toBeLessThan(COUNT), { interval: 5 });
  await housekeeping.stop();
}

describe('housekeeping', () => {
  test('forgets all that is over in batches, each on record, and keeps the rest', async () => {
    await keeper().round();
    expect(store.inventory.count()).toBe(100);
    const entries = store.entries.map(
      ({ body }) => JSON.parse(body) as { event: string; details: { count: number } },
    );
    const forgotten = entries.filter(({ event }) => event === 'certificates.forgotten');
    expect(forgotten.map(({ details }) => details.count)).toEqual([500, 500, 100]);
  });

  test('forgets what is merely known of certificates that expired a week ago', async () => {
    const serials = Array.from({ length: 700 }, (_, n) => ({
      generation: 'servers-1',
      serial: serialOf(n),
      shard: 0,
      notAfter: clock.now() - (n < 600 ? 8 : 6) * DAY,
    }));
    await store.revocations.addKnown(serials, []);
    await keeper().round();
    const forgotten = store.entries
      .map(({ body }) => JSON.parse(body) as { event: string; details: { count: number } })
      .filter(({ event }) => event === 'revocations.forgotten');
    expect(forgotten.map(({ details }) => details.count)).toEqual([500, 100]);
  });

  test('begins a minute after the start, and stops after a batch', async () => {
    const housekeeping = keeper();
    housekeeping.tick();
    pass(MINUTE - 1);
    housekeeping.tick();
    expect(store.inventory.count()).toBe(COUNT);
    pass(1);
    await forgetOne(housekeeping);
    expect(store.inventory.count()).toBe(COUNT - 500);
  });

  test('forgets Idempotency-Keys batch by batch, until none is left or it is stopped', async () => {
    const left = [1000, 1000, 3, 0, 1000];
    store.pruneClaims = () => Promise.resolve(left.shift() ?? 0);
    await keeper().round();
    expect(left).toEqual([1000]);
    const stopped = keeper();
    await stopped.stop();
    await stopped.round();
    expect(left).toEqual([1000]);
  });

  test.each([
    ['a clock that leaps ahead while it runs', 0],
    ['a clock that is ahead at the start, long after the last audit entry', 1000 * DAY],
  ])('forgets nothing for a day because of %s', async (_what, before) => {
    clock.advance(before);
    const housekeeping = keeper();
    pass(30_000);
    if (before === 0) clock.advance(1000 * DAY);
    housekeeping.tick();
    pass(23 * HOUR);
    housekeeping.tick();
    expect(store.inventory.count()).toBe(COUNT);
    expect(warnings.length).toBe(before === 0 ? 1 : 0);
    pass(2 * HOUR);
    await forgetOne(housekeeping);
    expect(store.inventory.count()).toBeLessThan(COUNT);
  });
});

test('a revoked certificate stays a week beyond its end, however short the retention', () => {
  expect(forgettable(0, DAY)).toEqual({ expiredBefore: -DAY, revokedExpiredBefore: -7 * DAY });
  expect(forgettable(0, 400 * DAY)).toEqual({ expiredBefore: -400 * DAY, revokedExpiredBefore: -400 * DAY });
});
