import { describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { SchedulePorts } from '../../src/domain/revocation/schedule.ts';
import { ScheduledRevocations } from '../../src/server/scheduled-revocations.ts';
import { FakeClock } from '../fakes/clock.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { SeededRandom } from '../fakes/random.ts';
import { TRUST_DOMAIN } from '../support/authority.ts';
import { certificateRecord } from '../support/records.ts';

async function start() {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const now = clock.now();
  await store.ledger.record({
    certificate: {
      ...certificateRecord(1),
      ...{ issuer: 'servers', principal: 'acme:servers:one', issuedAt: now, notAfter: now + 99 * HOUR },
    },
    audit: [],
  });
  await store.scheduled.add(
    {
      ...{ id: 's1', issuer: 'servers', issuedUntil: now, reason: 'superseded', dueAt: now + HOUR },
      ...{ createdBy: 'ann', rule: 'admin', createdAt: now, cancelledAt: null, doneAt: null, revoked: null },
    },
    [],
  );
  const ports: SchedulePorts = {
    scheduled: store.scheduled,
    random: new SeededRandom('scheduled'),
    revocation: {
      ...{ clock, trustDomain: TRUST_DOMAIN, grantsOf: () => [], generations: () => [] },
      ...{ ledger: store.ledger, inventory: store.inventory, store: store.revocations },
      ...{ revoked: () => undefined, pause: () => Promise.resolve() },
    },
  };
  const logged: string[] = [];
  const note = (message: string): void => void logged.push(message);
  const log = { debug: note, info: note, warn: note, error: note };
  const revoked = (): number => store.certificates.filter(({ revokedAt }) => revokedAt !== null).length;
  return { clock, store, logged, revoked, scheduled: new ScheduledRevocations(ports, log) };
}

describe('scheduled revocations in the server', () => {
  test('nothing happens before the time; a tick after it, also of the next process, carries it out once', async () => {
    const { clock, revoked, logged, scheduled } = await start();
    clock.advance(HOUR - 1);
    scheduled.tick();
    await scheduled.stop();
    expect([revoked(), logged]).toEqual([0, []]);
    clock.advance(1);
    scheduled.tick();
    scheduled.tick();
    await scheduled.stop();
    scheduled.tick();
    await scheduled.stop();
    expect([revoked(), logged]).toEqual([1, ['revoked what was scheduled']]);
  });

  test('a full disk leaves it due, and the next tick tries again', async () => {
    const { clock, store, revoked, logged, scheduled } = await start();
    clock.advance(HOUR);
    store.failWith = new ChanceryError('store_unavailable', 'the disk is full');
    scheduled.tick();
    await scheduled.stop();
    expect([revoked(), logged]).toEqual([0, ['a scheduled revocation failed and is tried again']]);
    store.failWith = undefined;
    scheduled.tick();
    await scheduled.stop();
    expect(revoked()).toBe(1);
  });
});
