/** Revocations that wait for the clients that were told to renew. */
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../../src/base/clock.ts';
import { ChanceryError } from '../../../src/base/errors.ts';
import { ALL_NAMES, type GrantSpec } from '../../../src/domain/identity/grant.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import type { CertificateRecord } from '../../../src/domain/issuance/ports.ts';
import {
  allowSchedule,
  cancelScheduled,
  runScheduled,
  schedule,
  type SchedulePorts,
} from '../../../src/domain/revocation/schedule.ts';
import { type ScheduledRevocation, scheduledState } from '../../../src/domain/revocation/scheduled.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { MemoryStore } from '../../fakes/memory-store.ts';
import { SeededRandom } from '../../fakes/random.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf, refusalOfAsync } from '../../support/errors.ts';
import { DOOR, grantOf, SERVICE_ID } from '../../support/pipeline.ts';
import { certificateRecord, serialOf } from '../../support/records.ts';

const OPERATOR: GrantSpec = {
  ...{ name: 'operator', principal: SERVICE_ID, verbs: ['revoke'], issuer: 'servers', profiles: ['*'] },
  ...ALL_NAMES,
};
const BY = {
  principal: {
    kind: 'mtls',
    issuer: 'clients',
    names: parseNames({ uri: [SERVICE_ID.slice(SERVICE_ID.indexOf('spiffe://'))] }),
    serial: '0a',
  },
  door: DOOR,
} as const;

let clock: FakeClock;
let store: MemoryStore;
let told: string[];
let ports: SchedulePorts;
let paused: () => Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryStore();
  told = [];
  paused = () => Promise.resolve();
  ports = {
    scheduled: store.scheduled,
    random: new SeededRandom('scheduled'),
    revocation: {
      clock,
      trustDomain: TRUST_DOMAIN,
      grantsOf: () => [grantOf(OPERATOR)],
      ledger: store.ledger,
      inventory: store.inventory,
      store: store.revocations,
      generations: () => [],
      revoked: (generation, shard) => void told.push(`${generation}/${shard}`),
      pause: () => paused(),
    },
  };
});

async function issued(n: number, fields: Partial<CertificateRecord> = {}): Promise<void> {
  const now = clock.now();
  await store.ledger.record({
    certificate: {
      ...certificateRecord(n),
      ...{
        issuer: 'servers',
        principal: 'acme:servers:one',
        issuedAt: now,
        notBefore: now,
        notAfter: now + 30 * DAY,
      },
      ...fields,
    },
    audit: [],
  });
}

const scheduleNow = (issuer = 'servers'): Promise<ScheduledRevocation> =>
  schedule(
    ports,
    BY,
    { issuer, issuedUntil: clock.now(), dueAt: clock.now() + 6 * HOUR },
    allowSchedule(ports, BY, issuer, 'superseded'),
  );
const revoked = (): string[] =>
  store.certificates.filter(({ revokedAt }) => revokedAt !== null).map(({ serial }) => serial);
const bodies = (): { event: string; details: object }[] =>
  store.entries.map(({ body }) => JSON.parse(body) as { event: string; details: object });
const events = (): string[] => bodies().map(({ event }) => event);

describe('a scheduled revocation', () => {
  test('waits for its time to the millisecond, then revokes what was issued over ACME until it was made', async () => {
    await issued(1);
    await issued(2, { principal: 'mtls:clients:dns:other.example.test' });
    await issued(3, { issuer: 'clients', principal: 'acme:clients:one' });
    const one = await scheduleNow();
    clock.advance(1);
    await issued(4);
    clock.advance(6 * HOUR - 2);
    expect(await runScheduled(ports)).toBe(0);
    expect([revoked(), told]).toEqual([[], []]);
    clock.advance(1);
    expect(await runScheduled(ports)).toBe(1);
    expect(revoked()).toEqual([serialOf(1)]);
    expect(told).toHaveLength(1);
    expect(store.scheduled.find(one.id)).toMatchObject({ doneAt: clock.now(), revoked: 1 });
    expect(events()).toEqual(['revocation.scheduled', 'certificate.revoked', 'revocation.executed']);
    expect(bodies()[1]?.details).toMatchObject({
      ...{ serial: serialOf(1), reason: 'superseded', rule: 'operator', scheduled: one.id },
      wantedBy: SERVICE_ID,
    });
    expect(await runScheduled(ports)).toBe(0);
  });

  test('that is called off revokes nothing; twice, and after it was done, is refused', async () => {
    await issued(1);
    const one = await scheduleNow();
    expect(scheduledState(await cancelScheduled(ports, BY, one.id), clock.now())).toBe('cancelled');
    clock.advance(DAY);
    expect(await runScheduled(ports)).toBe(0);
    expect(revoked()).toEqual([]);
    expect((await refusalOfAsync(() => cancelScheduled(ports, BY, one.id))).code).toBe('not_ready');
    expect((await refusalOfAsync(() => cancelScheduled(ports, BY, 'none'))).code).toBe('not_found');
    const other = await scheduleNow();
    clock.advance(DAY);
    await runScheduled(ports);
    expect((await refusalOfAsync(() => cancelScheduled(ports, BY, other.id))).message).toContain('done');
    expect(events().filter((event) => event === 'revocation.cancelled')).toHaveLength(1);
  });

  test('called off while it runs stops after the transaction at hand', async () => {
    for (let n = 1; n <= 300; n++) await issued(n);
    const one = await scheduleNow();
    clock.advance(DAY);
    paused = async () => void (await cancelScheduled(ports, BY, one.id));
    expect(await runScheduled(ports)).toBe(256);
    expect(revoked()).toHaveLength(256);
    expect(store.scheduled.find(one.id)).toMatchObject({ doneAt: null, cancelledAt: clock.now() });
    expect(events().at(-1)).toBe('revocation.cancelled');
  });

  test('cut off in the middle is taken up again, and nothing is revoked twice', async () => {
    for (let n = 1; n <= 300; n++) await issued(n);
    await scheduleNow();
    clock.advance(DAY);
    paused = () => {
      store.failWith = new ChanceryError('store_unavailable', 'the disk is full');
      return Promise.resolve();
    };
    await expect(runScheduled(ports)).rejects.toThrow('the disk is full');
    expect(revoked()).toHaveLength(256);
    store.failWith = undefined;
    paused = () => Promise.resolve();
    expect(await runScheduled(ports)).toBe(44);
    expect(events().filter((event) => event === 'certificate.revoked')).toHaveLength(300);
    expect(events().at(-1)).toBe('revocation.executed');
  });

  test('takes who may revoke everything of the issuer, and a reason that can wait', () => {
    expect(refusalOf(() => allowSchedule(ports, BY, 'clients', 'superseded')).code).toBe('not_granted');
    const narrow = { ...OPERATOR, dns: ['a.example.test'], uri: [], ip: [], email: [] };
    const less = { ...ports, revocation: { ...ports.revocation, grantsOf: () => [grantOf(narrow)] } };
    expect(refusalOf(() => allowSchedule(less, BY, 'servers', 'superseded')).code).toBe('not_granted');
    expect(refusalOf(() => allowSchedule(ports, BY, 'servers', 'keyCompromise')).code).toBe(
      'revocation_refused',
    );
    expect(refusalOf(() => allowSchedule(ports, BY, 'servers', 'certificateHold')).code).toBe(
      'revocation_refused',
    );
    expect(refusalOf(() => allowSchedule(ports, BY, 'servers', 'bored')).code).toBe('invalid_request');
  });
});
