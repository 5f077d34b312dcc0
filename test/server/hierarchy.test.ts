/** Generations and roots by schedule and by hand, on a clock that the test turns. */
import { describe, expect, test } from 'vitest';
import { DAY, floorToSecond, HOUR, MINUTE } from '../../src/base/clock.ts';
import { loginFault } from '../../src/domain/issuance/generations.ts';
import { DEFAULT_PROFILES } from '../../src/domain/issuance/profile.ts';
import { findIssuer } from '../../src/domain/issuance/selection.ts';
import { prepareGeneration, signCaCertificate } from '../../src/domain/issuance/hierarchy.ts';
import { newSerial } from '../../src/domain/issuance/serial.ts';
import { caSigner } from '../../src/server/signers.ts';
import { systemRandom } from '../../src/server/world.ts';
import { readCaRequest } from '../../src/domain/issuance/ca-request.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { readCertificateList, revokedCertificates } from '../../src/x509/crl.ts';
import { nextCrlNumber, PreparedCrl, signCrl } from '../../src/domain/revocation/crl.ts';
import { CrlEntries, encodeCrlEntry } from '../../src/x509/crl-writer.ts';
import { crlSigner } from '../../src/server/signers.ts';
import { TRUST_DOMAIN, URLS } from '../support/authority.ts';
import { makeHierarchy, type MemoryHierarchy, OPERATOR } from '../support/hierarchy.ts';
import { certificateRecord } from '../support/records.ts';

const states = ({ authority }: MemoryHierarchy): string[] =>
  authority.generations('servers').map((generation) => `${generation.id} ${authority.state(generation)}`);

const events = ({ store }: MemoryHierarchy): string[] =>
  store.entries.map(({ body }) => (JSON.parse(body) as { event: string }).event);

/** What the keeper of the root's key would sign for the request that waits. */
function signRequest(
  { authority, keys, clock }: MemoryHierarchy,
  spoil: Partial<Parameters<typeof prepareGeneration>[0]> = {},
): Uint8Array {
  const [pending] = authority.pending();
  const root = authority.root('internal');
  if (pending === undefined || root === undefined) throw new Error('nothing waits');
  const { subject, publicKey } = readCaRequest(pending.csr);
  const serial = newSerial(systemRandom());
  const plan = { id: pending.id, root, serial, subject, publicKey, trustDomain: TRUST_DOMAIN, urls: URLS };
  const prepared = prepareGeneration({ ...plan, now: clock.now(), ...spoil });
  return signCaCertificate(caSigner(keys), 'root-internal', prepared);
}

describe('the schedule', () => {
  test('prepares, publishes, activates a day later, and retires what has expired, for three years', async () => {
    const h = await makeHierarchy();
    await h.keeper.tick();
    expect(states(h)).toEqual(['servers-1 current']);
    for (let day = 0; day < 3 * 365; day++) {
      h.clock.advance(DAY);
      await h.keeper.tick();
      expect(h.authority.slots('servers').current?.certificate.notAfter ?? 0).toBeGreaterThan(h.clock.now());
    }
    expect(h.warned).toEqual([]);
    expect(states(h)).toEqual([
      'servers-1 retired',
      'servers-2 retired',
      'servers-3 retired',
      'servers-4 superseded',
      'servers-5 current',
    ]);
    const generations = h.authority.generations('servers');
    for (const field of ['subject', 'serial', 'spki'] as const)
      expect(
        new Set(generations.map(({ certificate }) => Buffer.from(certificate[field]).toString('hex'))).size,
      ).toBe(generations.length);
    expect(new Set(events(h))).toEqual(
      new Set(['ca.certificate.issued', 'generation.activated', 'generation.retired', 'crl.issued']),
    );
  });

  test('looks once a minute, and one look at a time', async () => {
    const h = await makeHierarchy();
    await Promise.all([h.keeper.tick(), h.keeper.tick()]);
    expect(states(h)).toEqual(['servers-1 current']);
    const before = h.changes();
    h.clock.advance(300 * DAY);
    await h.keeper.tick();
    expect(h.changes()).toBe(before + 1);
    h.clock.advance(MINUTE - 1);
    await h.keeper.tick();
    expect(states(h)).toEqual(['servers-1 current', 'servers-2 next']);
  });

  test('asks an offline root with a request, and raises an alarm once a day', async () => {
    const h = await makeHierarchy({ offline: true });
    for (let hour = 0; hour < 47; hour++) {
      await h.keeper.tick();
      h.clock.advance(HOUR);
    }
    expect(h.authority.pending().map(({ id }) => id)).toEqual(['servers-1']);
    expect(h.warned.filter((line) => line.includes('prints the request'))).toHaveLength(2);
    expect(h.warned.filter((line) => line.includes('needs a new CRL'))).toHaveLength(2);
    expect(events(h)).toEqual(['generation.requested']);
    await h.hierarchy.import(signRequest(h), OPERATOR);
    await h.keeper.look();
    expect([states(h), h.authority.pending()]).toEqual([['servers-1 current'], []]);
  });

  test('signs the CRL of a root again while a third of its life is left, with a number that rises', async () => {
    const h = await makeHierarchy();
    const numbers: bigint[] = [];
    for (let day = 0; day < 20; day++) {
      await h.keeper.tick();
      const [crl] = h.roots.crls();
      expect((crl?.nextUpdate ?? 0) - h.clock.now()).toBeGreaterThanOrEqual(2 * DAY);
      if (crl !== undefined && numbers.at(-1) !== crl.number) numbers.push(crl.number);
      h.clock.advance(DAY);
    }
    expect(numbers.length).toBe(4);
    expect(numbers).toEqual([...numbers].sort((a, b) => Number(a - b)));
  });

  test('tells once an hour what it could not do, and does it when it can', async () => {
    const h = await makeHierarchy();
    h.store.failWith = new Error('the disk is full') as never;
    for (let minute = 0; minute < 70; minute++) {
      await h.keeper.tick();
      h.clock.advance(MINUTE);
    }
    expect(h.warned.filter((line) => line.includes('servers'))).toHaveLength(2);
    h.store.failWith = undefined;
    await h.keeper.tick();
    expect(states(h)).toEqual(['servers-1 current']);
  });
});

describe('a request to an offline root', () => {
  test('is the same until it is answered', async () => {
    const h = await makeHierarchy({ offline: true });
    const first = await h.hierarchy.prepare('servers', OPERATOR);
    expect(first.kind).toBe('requested');
    expect(await h.hierarchy.prepare('servers', OPERATOR)).toEqual(first);
    expect(events(h)).toEqual(['generation.requested']);
  });

  test.each<[string, string, Partial<Parameters<typeof prepareGeneration>[0]>]>([
    ['another name', 'chain_rejected', { subject: undefined, id: 'servers-7' }],
    ['a time that is over', 'chain_rejected', { life: 2 * HOUR, now: Date.UTC(2026, 5, 1, 12) - 5 * DAY }],
  ])('is not answered with %s', async (_what, code, spoil) => {
    const h = await makeHierarchy({ offline: true });
    h.clock.advance(10 * DAY);
    await h.hierarchy.prepare('servers', OPERATOR);
    await expect(h.hierarchy.import(signRequest(h, spoil), OPERATOR)).rejects.toMatchObject({ code });
    expect(h.authority.pending()).toHaveLength(1);
  });

  test('is not answered by another root, nor for another key', async () => {
    const [h, other] = [await makeHierarchy({ offline: true }), await makeHierarchy({ offline: true })];
    await h.hierarchy.prepare('servers', OPERATOR);
    await other.hierarchy.prepare('servers', OPERATOR);
    await expect(h.hierarchy.import(signRequest(other), OPERATOR)).rejects.toMatchObject({
      code: 'not_found',
    });
    const { publicKey } = readCaRequest(h.authority.pending()[0]?.csr ?? new Uint8Array(0));
    const byOther = signRequest(other, { publicKey });
    await expect(h.hierarchy.import(byOther, OPERATOR)).rejects.toMatchObject({ code: 'chain_rejected' });
  });
});

describe('a clock that went back', () => {
  test('lets no CA be certified, and CRLs be signed with a thisUpdate that does not go back', async () => {
    const h = await makeHierarchy();
    await h.keeper.tick();
    const [before] = h.roots.crls();
    h.clock.advance(-2 * DAY);
    await expect(h.hierarchy.prepare('servers', OPERATOR)).rejects.toMatchObject({ code: 'clock_went_back' });
    await expect(h.roots.prepare('internal', OPERATOR)).rejects.toMatchObject({ code: 'clock_went_back' });
    await h.roots.sign('internal', OPERATOR);
    const [after] = h.roots.crls();
    expect(after?.thisUpdate).toBe(before?.thisUpdate);
    expect(after?.number).toBeGreaterThan(before?.number ?? 0n);
  });
});

describe('what is refused', () => {
  test('retiring while certificates live, and not a second after the last has expired', async () => {
    const h = await makeHierarchy();
    await h.keeper.tick();
    const notAfter = h.clock.now() + 7 * DAY;
    await h.store.ledger.record({ certificate: certificateRecord(1, { notAfter }), audit: [] });
    await h.store.ledger.record({
      certificate: certificateRecord(2, { notAfter: notAfter - DAY }),
      audit: [],
    });
    await h.hierarchy.prepare('servers', OPERATOR);
    await expect(h.hierarchy.retire('servers-1', OPERATOR)).rejects.toMatchObject({ code: 'not_ready' });
    await h.hierarchy.activate('servers-2', OPERATOR);
    await expect(h.hierarchy.retire('servers-1', OPERATOR)).rejects.toMatchObject({
      code: 'would_strand',
      detail: { data: { living: 2 } },
    });
    h.clock.set(notAfter);
    await expect(h.hierarchy.retire('servers-1', OPERATOR)).rejects.toMatchObject({
      detail: { data: { living: 1 } },
    });
    h.clock.set(notAfter + 1);
    await h.hierarchy.retire('servers-1', OPERATOR);
    expect(states(h)).toEqual(['servers-1 retired', 'servers-2 current']);
  });

  test('64 at once prepare one generation, and nothing is signed that is not on record', async () => {
    const h = await makeHierarchy();
    let signatures = 0;
    const open = h.keys.open.bind(h.keys);
    h.keys.open = (id) => {
      const key = open(id);
      return { ...key, sign: (message) => (signatures++, key.sign(message)) };
    };
    const all = await Promise.allSettled(
      Array.from({ length: 64 }, () => h.hierarchy.prepare('servers', OPERATOR)),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(signatures).toBe(1);
    expect(states(h)).toEqual(['servers-1 next']);
  });
});

describe('a root', () => {
  test('that takes over has its issuers follow; the old one retires last', async () => {
    const h = await makeHierarchy();
    await h.keeper.tick();
    await h.roots.prepare('internal', OPERATOR);
    expect(h.authority.bundle('internal').map(({ name }) => name)).toEqual(['internal', 'internal-r2']);
    await h.keeper.look();
    expect(states(h)).toEqual(['servers-1 current']);
    await h.roots.activate('internal-r2', OPERATOR);
    expect(h.authority.bundle('internal').map(({ name }) => name)).toEqual(['internal-r2', 'internal']);
    await h.keeper.look();
    expect(h.authority.generation('servers-2')?.root).toBe('internal-r2');
    await expect(h.roots.retire('internal', OPERATOR)).rejects.toMatchObject({ code: 'would_strand' });
    h.clock.advance(DAY);
    await h.keeper.look();
    expect(states(h)).toEqual(['servers-1 superseded', 'servers-2 current']);
    await h.hierarchy.retire('servers-1', OPERATOR);
    await h.roots.retire('internal', OPERATOR);
    expect(h.authority.bundle('internal').map(({ name }) => name)).toEqual(['internal-r2']);
    expect(events(h)).toContain('root.retired');
  });

  test('that is offline makes no successor here', async () => {
    const h = await makeHierarchy({ offline: true });
    await expect(h.roots.prepare('internal', OPERATOR)).rejects.toMatchObject({ code: 'root_offline' });
  });

  test('keeps in its CRL what an earlier one revoked', async () => {
    const h = await makeHierarchy();
    await h.keeper.tick();
    const root = h.authority.root('internal');
    if (root === undefined) throw new Error('no root');
    const entries = new CrlEntries();
    const serial = Buffer.from('4000000000000000000000000000000b', 'hex');
    entries.append(encodeCrlEntry({ serial, revokedAt: h.clock.now(), reason: 'superseded' }));
    const number = nextCrlNumber(h.roots.crls()[0]?.number, h.clock.now());
    const prepared = PreparedCrl.of({ issuer: root, number, now: h.clock.now(), entries: entries.octets });
    await h.roots.importCrl(signCrl(crlSigner(h.keys), 'root-internal', prepared), OPERATOR);
    h.clock.advance(70 * DAY);
    await h.keeper.look();
    const list = readCertificateList(h.roots.crl('internal') ?? new Uint8Array(0));
    expect([...revokedCertificates(list)].map((entry) => Buffer.from(entry.serial))).toEqual([serial]);
    expect(list.thisUpdate).toBe(h.clock.now());
    expect(readCertificate(root.certificate.raw).subject).toEqual(list.issuer);
  });

  test('that revokes a generation ends it: nothing is signed under it, another one takes over', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    expect(states(h)).toEqual(['servers-1 current']);
    const root = h.authority.root('internal');
    const first = h.authority.generation('servers-1');
    if (root === undefined || first === undefined) throw new Error('no hierarchy');
    const entries = new CrlEntries();
    const revokedAt = floorToSecond(h.clock.now());
    entries.append(encodeCrlEntry({ serial: first.certificate.serial, revokedAt, reason: 'cACompromise' }));
    const number = nextCrlNumber(h.roots.crls()[0]?.number, h.clock.now());
    const prepared = PreparedCrl.of({ issuer: root, number, now: h.clock.now(), entries: entries.octets });
    const before = h.changes();
    await h.roots.importCrl(signCrl(crlSigner(h.keys), 'root-internal', prepared), OPERATOR);
    expect(h.changes()).toBe(before + 1);
    expect(h.authority.generation('servers-1')?.revokedAt).toBe(revokedAt);
    expect(() => findIssuer(h.authority, 'servers', DEFAULT_PROFILES.server)).toThrow(
      /its root revoked servers-1/,
    );
    expect(loginFault(h.authority.generation('servers-1'), h.clock.now())).toMatch(
      /^was revoked by its root/,
    );
    await h.keeper.look();
    expect(states(h)).toEqual(['servers-1 superseded', 'servers-2 current']);
    expect(findIssuer(h.authority, 'servers', DEFAULT_PROFILES.server).generation.id).toBe('servers-2');
    // a CRL that is signed later, or is stale, says the same
    h.clock.advance(400 * DAY);
    h.authority.reload();
    expect(h.authority.generation('servers-1')?.revokedAt).toBe(revokedAt);
    await h.keeper.look();
    expect(h.authority.generation('servers-1')?.revokedAt).toBe(revokedAt);
    expect(h.authority.generation('servers-2')?.revokedAt).toBeNull();
  });

  test('takes no CRL with an old number, of another, that has run out, or with an entry twice', async () => {
    const [h, other] = [await makeHierarchy(), await makeHierarchy()];
    await h.keeper.tick();
    const root = h.authority.root('internal');
    const stranger = other.authority.root('internal');
    if (root === undefined || stranger === undefined) throw new Error('no root');
    const make = (by: MemoryHierarchy, plan: Partial<Parameters<typeof PreparedCrl.of>[0]>): Uint8Array => {
      const issuer = by === h ? root : stranger;
      const whole = { issuer, number: 2n ** 80n, now: h.clock.now(), entries: new Uint8Array(0), ...plan };
      return signCrl(crlSigner(by.keys), 'root-internal', PreparedCrl.of(whole));
    };
    const [before] = h.roots.crls();
    for (const der of [
      make(h, { number: before?.number ?? 0n }),
      make(other, {}),
      make(h, { now: h.clock.now() - 100 * DAY }),
      make(h, { now: h.clock.now() + DAY }),
    ])
      await expect(h.roots.importCrl(der, OPERATOR)).rejects.toMatchObject({ code: 'chain_rejected' });
    const twice = new CrlEntries();
    for (let i = 0; i < 2; i++)
      twice.append(encodeCrlEntry({ serial: Buffer.from([1, 2, 3]), revokedAt: 0, reason: 'unspecified' }));
    expect(() => make(h, { entries: twice.octets })).toThrow(/revoked twice/);
  });
});
