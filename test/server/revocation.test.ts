/** Revocation on the real store: sinks that refuse, listeners that fail, more certificates than one request takes. */
import { expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { AuditSink } from '../../src/domain/audit/ports.ts';
import { GrantBook } from '../../src/domain/identity/grant-book.ts';
import { ALL_NAMES } from '../../src/domain/identity/grant.ts';
import { MOST_AT_ONCE, revoke } from '../../src/domain/revocation/revoke.ts';
import type { RevocationPorts } from '../../src/domain/revocation/request.ts';
import { AuditTrail } from '../../src/server/audit-trail.ts';
import { RevocationEvents, revocationPorts } from '../../src/server/revocation.ts';
import type { OpenedData } from '../../src/server/open.ts';
import { openTestStore, SILENT, type SqliteTestStore } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { makeAuthority, TRUST_DOMAIN } from '../support/authority.ts';
import { DOOR, grantOf, service, SERVICE_ID } from '../support/pipeline.ts';
import { certificateRecord, serialOf } from '../support/records.ts';

interface Room {
  readonly store: SqliteTestStore;
  readonly clock: FakeClock;
  readonly events: RevocationEvents;
  readonly ports: RevocationPorts;
  readonly complaints: string[];
  /** What was counted. */
  readonly counts: string[];
}

function openRoom(sinks: readonly AuditSink[] = []): Room {
  const [store, clock] = [openTestStore(), new FakeClock()];
  const complaints: string[] = [];
  const log = { ...SILENT, error: (message: string) => complaints.push(message) };
  const trail = new AuditTrail({
    ...{ store, sinks, clock, log, trustDomain: TRUST_DOMAIN, headInterval: HOUR },
    signer: { sign: () => Promise.reject(new Error('no head is signed here')) as never },
  });
  const everything = { principal: SERVICE_ID, verbs: ['revoke' as const], issuer: '*', profiles: ['*'] };
  const grants = new GrantBook([grantOf({ ...everything, ...ALL_NAMES })], store.grants, TRUST_DOMAIN);
  const events = new RevocationEvents(log);
  const opened = { clock, store, trail, authority: { allGenerations: () => [] } };
  const counts: string[] = [];
  const metrics = { revocation: (reason: string, result: string) => void counts.push(`${reason} ${result}`) };
  const ports = revocationPorts(opened as unknown as OpenedData, TRUST_DOMAIN, grants, events, metrics);
  return { store, clock, events, ports, complaints, counts };
}

const request = { principal: service, door: DOOR, reason: 'superseded' };
const bySerial = (n: number) => ({
  ...request,
  selection: { kind: 'serials' as const, serials: [serialOf(n)] },
});

async function record({ store, clock }: Room, n: number): Promise<void> {
  const { generation } = await makeAuthority({ issuer: 'servers', now: Date.now() });
  const der = generation.certificate.raw;
  const certificate = certificateRecord(n, { der, notAfter: clock.now() + DAY });
  await store.ledger.record({ certificate, audit: [] });
}

test('D5: a sink that refuses lets nothing be revoked, and gets what is, before the answer', async () => {
  let refusal: ChanceryError | undefined = new ChanceryError('audit_unavailable', 'ENOSPC');
  const shipped: number[] = [];
  const sink: AuditSink = {
    name: 'a file',
    required: true,
    check() {
      if (refusal !== undefined) throw refusal;
    },
    ship: (upTo) => void shipped.push(upTo),
    close: () => undefined,
  };
  const room = openRoom([sink]);
  await record(room, 1);
  await expect(revoke(room.ports, bySerial(1))).rejects.toBe(refusal);
  const key = { key: certificateRecord(1).keyFingerprint, blockedAt: 0 };
  await expect(room.ports.store.block(key, [])).rejects.toBe(refusal);
  expect([room.store.ledger.findRevocation(serialOf(1)), shipped]).toEqual([null, []]);
  refusal = undefined;
  expect((await revoke(room.ports, bySerial(1))).results).toMatchObject([{ result: 'revoked' }]);
  expect(shipped).toEqual([1]);
});

test('a listener that fails harms neither the revocation nor the other listeners', async () => {
  const room = openRoom();
  const told: string[] = [];
  room.events.listen(() => {
    throw new Error('no room');
  });
  room.events.listen((generation, shard) => told.push(`${generation}/${shard}`));
  await record(room, 1);
  expect((await revoke(room.ports, bySerial(1))).results).toMatchObject([{ result: 'revoked' }]);
  expect([told, room.complaints]).toEqual([['servers-1/1'], ['a listener to revocations failed']]);
});

test(
  'what is too much for one request is done by the next ones, and others have their turn',
  { timeout: 60_000 },
  async () => {
    const room = openRoom();
    await record(room, 1);
    const more = MOST_AT_ONCE + 299;
    room.store.other.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${more})
    INSERT INTO certificates (serial, fingerprint, key_fingerprint, generation, issuer, profile, principal, rule,
      not_before, not_after, issued_at, shard, names, der, owner)
    SELECT CAST(printf('s%015d', i) AS BLOB), CAST(printf('f%031d', i) AS BLOB), CAST(printf('k%031d', i) AS BLOB),
      generation, issuer, profile, principal, rule, not_before, not_after, issued_at, i % 8, names, der, 'many'
    FROM n, certificates WHERE id = 1`);
    let turns = 0;
    const watch = setInterval(() => turns++, 1);
    const cpu = process.cpuUsage();
    const selection = { kind: 'search' as const, search: { owner: 'many' } };
    const first = await revoke(room.ports, { ...request, selection });
    const spent = process.cpuUsage(cpu);
    clearInterval(watch);
    expect(first.more).toBe(true);
    // a quadratic one takes minutes
    expect((spent.user + spent.system) / 1000).toBeLessThan(15_000);
    expect(turns).toBeGreaterThan(30);
    const second = await revoke(room.ports, { ...request, selection });
    expect([second.more, first.results.length + second.results.length]).toEqual([false, more]);
    const facts = (sql: string): unknown => room.store.other.prepare(sql).pluck().get();
    expect(facts('SELECT count(*) FROM revocations')).toBe(more);
    expect(facts("SELECT count(*) FROM certificates WHERE owner = 'many' AND revoked_at IS NULL")).toBe(0);
    expect(facts('SELECT count(*) FROM audit_entries')).toBe(more);
  },
);

test('what was recorded is counted by reason and result, and what was refused is not', async () => {
  const room = openRoom();
  await record(room, 1);
  await revoke(room.ports, bySerial(1));
  await revoke(room.ports, bySerial(1));
  await revoke(room.ports, { ...bySerial(1), reason: 'keyCompromise' });
  await expect(revoke(room.ports, bySerial(2))).rejects.toMatchObject({ code: 'not_found' });
  expect(room.counts).toEqual(['superseded revoked', 'superseded already', 'keyCompromise raised']);
});
