/** A root whose key is here revokes a generation: on its CRL at once, on record, and another one takes over. */
import { describe, expect, test } from 'vitest';
import type { ChanceryError } from '../../src/base/errors.ts';
import { DAY, floorToSecond, HOUR, MINUTE } from '../../src/base/clock.ts';
import { loginFault } from '../../src/domain/issuance/generations.ts';
import { CA_REASONS, parseCaReason } from '../../src/domain/revocation/ca-revocation.ts';
import { nextCrlNumber, PreparedCrl, signCrl } from '../../src/domain/revocation/crl.ts';
import { formatSerial } from '../../src/x509/certificate.ts';
import {
  CRL_REASONS,
  readCertificateList,
  revocationReason,
  revokedCertificates,
} from '../../src/x509/crl.ts';
import { toHex } from '../../src/x509/bytes.ts';
import { Roots } from '../../src/server/roots.ts';
import { crlSigner } from '../../src/server/signers.ts';
import { systemRandom } from '../../src/server/world.ts';
import { TRUST_DOMAIN, URLS } from '../support/authority.ts';
import { makeHierarchy, type MemoryHierarchy, OPERATOR } from '../support/hierarchy.ts';

const states = ({ authority }: MemoryHierarchy): string[] =>
  authority.generations('servers').map((generation) => `${generation.id} ${authority.state(generation)}`);

const entriesOf = (h: MemoryHierarchy) => {
  const [crl] = h.roots.crls();
  return [...revokedCertificates(readCertificateList(crl?.der ?? new Uint8Array(0)))].map((entry) => ({
    serial: toHex(entry.serial).replace(/^00/, ''),
    at: entry.revokedAt,
    reason: revocationReason(entry),
  }));
};

const serialOf = (h: MemoryHierarchy, id: string): string =>
  formatSerial(h.authority.generation(id)?.certificate.serial ?? new Uint8Array(0)).replace(/^00/, '');

/** The roots as a start finds them. */
const reopened = ({ clock, store, keys, authority, hierarchy }: MemoryHierarchy): Roots =>
  new Roots({
    ...{ clock, keys, authority, hierarchy, crls: store.crls, authorities: store.authorities },
    ...{ random: systemRandom(), trustDomain: TRUST_DOMAIN, urls: URLS, inventory: store.inventory },
    journal: { crlFloor: () => undefined },
    guard: () => undefined,
    guardClock: () => undefined,
    published: () => Promise.resolve(),
    changed: () => Promise.resolve(),
  });

describe('a root that revokes a generation', () => {
  test.each(CA_REASONS)(
    'names it in its CRL at once, with the reason %s and an audit entry',
    async (reason) => {
      const h = await makeHierarchy();
      await h.keeper.look();
      const before = h.roots.crls()[0]?.number ?? 0n;
      const changes = h.changes();
      h.clock.advance(HOUR);
      const revoked = await h.roots.revokeGeneration('servers-1', reason, OPERATOR);
      expect(revoked.revokedAt).toBe(floorToSecond(h.clock.now()));
      expect(entriesOf(h)).toEqual([{ serial: serialOf(h, 'servers-1'), at: revoked.revokedAt, reason }]);
      expect((h.roots.crls()[0]?.number ?? 0n) > before).toBe(true);
      expect(h.changes()).toBe(changes + 1);
      const entries = h.store.entries.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
      expect(entries.at(-2)).toMatchObject({
        event: 'generation.revoked',
        principal: OPERATOR.principal,
        details: { generation: 'servers-1', root: 'internal', reason, living: 0 },
      });
      expect(entries.at(-1)).toMatchObject({ event: 'crl.issued' });
      expect(loginFault(revoked, h.clock.now())).toMatch(/^was revoked by its root/);
    },
  );

  test('has the schedule make another one with its next tick, though it has just looked', async () => {
    const h = await makeHierarchy();
    await h.keeper.tick();
    await h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR);
    await h.keeper.tick();
    expect(states(h)).toEqual(['servers-1 superseded', 'servers-2 current']);
    await h.keeper.tick();
    expect(states(h)).toEqual(['servers-1 superseded', 'servers-2 current']);
  });

  test('that waits for its turn ends it as well, and the one that issues goes on', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    await h.hierarchy.prepare('servers', OPERATOR);
    await h.roots.revokeGeneration('servers-2', 'superseded', OPERATOR);
    expect(h.authority.generation('servers-1')?.revokedAt).toBeNull();
    h.clock.advance(2 * DAY);
    await h.keeper.look();
    expect(h.authority.slots('servers').current?.id).toBe('servers-1');
  });

  test('keeps what it revoked before, with its time, in every later CRL', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    const first = await h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR);
    await h.keeper.look();
    h.clock.advance(HOUR);
    const second = await h.roots.revokeGeneration('servers-2', 'cessationOfOperation', OPERATOR);
    h.clock.advance(20 * DAY);
    await h.roots.sign('internal', OPERATOR);
    expect(entriesOf(h)).toEqual([
      { serial: serialOf(h, 'servers-1'), at: first.revokedAt, reason: 'cACompromise' },
      { serial: serialOf(h, 'servers-2'), at: second.revokedAt, reason: 'cessationOfOperation' },
    ]);
  });

  test('does so once, only what there is, and not where its key is elsewhere', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    await h.roots.revokeGeneration('servers-1', 'superseded', OPERATOR);
    const again = h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR);
    await expect(again).rejects.toMatchObject({ code: 'already_exists' });
    await expect(h.roots.revokeGeneration('nobody-1', 'superseded', OPERATOR)).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(entriesOf(h)).toHaveLength(1);
  });

  test('does so at once although the clock went back, and no CRL gets an older time', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    h.clock.advance(2 * DAY);
    await h.roots.sign('internal', OPERATOR);
    const before = h.roots.crls()[0]?.thisUpdate ?? 0;
    h.clock.advance(-DAY);
    const revoked = await h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR);
    expect(revoked.revokedAt).toBe(before);
    expect(h.roots.crls()[0]?.thisUpdate).toBe(before);
    // no CA is certified by such a clock
    await h.keeper.look();
    expect(states(h)).toEqual(['servers-1 current']);
    expect(h.warned.join()).toContain('servers was not looked after');
    h.clock.advance(DAY);
    await h.keeper.look();
    expect(states(h)).toEqual(['servers-1 superseded', 'servers-2 current']);
  });

  test('leaves nothing half done where the disk is full', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    const [before] = h.roots.crls();
    h.store.failWith = new Error('the disk is full') as never;
    await expect(h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR)).rejects.toThrow();
    h.store.failWith = undefined;
    expect(h.authority.generation('servers-1')?.revokedAt).toBeNull();
    expect(h.roots.crls()[0]).toEqual(before);
    await h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR);
    expect(entriesOf(h)).toHaveLength(1);
  });

  test('takes no reason that is one for leaves', () => {
    for (const reason of CRL_REASONS.filter((each) => each !== undefined))
      if (!(CA_REASONS as readonly string[]).includes(reason))
        expect(() => parseCaReason(reason), reason).toThrow(/no issuer is revoked/);
    expect(() => parseCaReason('cacompromise')).toThrow(/spelled|no issuer/);
  });
});

describe('the CRL of a root after a clock that had leapt ahead', () => {
  test('is dated by the clock as it is when an operator says so, on record, with a number that rises', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    h.clock.advance(30 * DAY);
    await h.roots.sign('internal', OPERATOR);
    const [ahead] = h.roots.crls();
    h.clock.advance(-30 * DAY);
    await h.roots.sign('internal', OPERATOR);
    expect(h.roots.crls()[0]?.thisUpdate).toBe(ahead?.thisUpdate);
    await h.roots.acceptClock('internal', OPERATOR);
    const [after] = h.roots.crls();
    expect(after?.thisUpdate).toBe(floorToSecond(h.clock.now()));
    expect((after?.number ?? 0n) > (ahead?.number ?? 0n)).toBe(true);
    const accepted = h.store.entries.filter(({ body }) => body.includes('crl.clock.accepted'));
    expect(accepted).toHaveLength(1);
    // nothing to accept: nothing happens
    await h.roots.acceptClock('internal', OPERATOR);
    expect(h.roots.crls()[0]).toEqual(after);
  });
});

describe('the CRL of a root that has run out', () => {
  test('is signed anew before it is served, once for all who ask', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    h.clock.advance(30 * DAY);
    const served = await Promise.all([1, 2, 3].map(() => h.roots.serve('internal')));
    expect(new Set(served.map((crl) => crl?.number)).size).toBe(1);
    expect(served[0]?.nextUpdate ?? 0).toBeGreaterThan(h.clock.now());
    expect(await h.roots.serve('nobody')).toBeUndefined();
  });

  test('is not served where it cannot be signed: the root is offline, or the disk is full', async () => {
    const [h, near] = [await makeHierarchy({ offline: true }), await makeHierarchy()];
    await near.keeper.look();
    const [crl] = near.roots.crls();
    if (crl === undefined) throw new Error('no CRL');
    await h.store.crls.put(crl, []);
    const roots = reopened(h);
    expect((await roots.serve('internal'))?.number).toBe(crl.number);
    h.clock.advance(30 * DAY);
    await expect(roots.serve('internal')).rejects.toMatchObject({ code: 'not_ready' });
    near.clock.advance(30 * DAY);
    near.store.failWith = new Error('the disk is full') as never;
    await expect(near.roots.serve('internal')).rejects.toThrow('the disk is full');
  });
});

test('an offline root says where its CRL is signed, and with what', async () => {
  const h = await makeHierarchy({ offline: true });
  const near = await makeHierarchy();
  await near.keeper.look();
  const facts = near.store.authorities.generations()[0];
  if (facts === undefined) throw new Error('no generation');
  await h.store.authorities.addGeneration(facts, []);
  h.authority.reload();
  const refused = await h.roots
    .revokeGeneration('servers-1', 'cACompromise', OPERATOR)
    .catch((e: unknown) => e);
  expect(refused).toMatchObject({ code: 'root_offline' });
  expect((refused as ChanceryError).detail.fix).toMatch(
    /^There: chancery ca sign-crl --revoke [0-9a-f]+:cACompromise …; then here: chancery ca import-crl\.$/,
  );
  expect(h.roots.crls()).toEqual([]);
});

describe('a root after an older backup and the journal', () => {
  /** What a replay leaves of the revocation of `servers-1`. */
  const replayed = async (h: MemoryHierarchy): Promise<void> => {
    const { serial, notAfter } = { serial: serialOf(h, 'servers-1'), notAfter: h.clock.now() + 365 * DAY };
    const certificate = { generation: 'internal', serial, shard: 0, notAfter, revokedAt: h.clock.now() };
    const revocation = { ...certificate, reason: 'cACompromise' as const };
    await h.store.revocations.revoke([{ revocation, blockKey: undefined, audit: [] }], h.clock.now());
    h.authority.reload();
  };
  const importEmpty = (h: MemoryHierarchy): Promise<unknown> => {
    const issuer = h.authority.root('internal');
    if (issuer === undefined) throw new Error('no root');
    const [before] = h.roots.crls();
    const plan = { number: nextCrlNumber(before?.number, h.clock.now()), now: h.clock.now() };
    const prepared = PreparedCrl.of({ issuer, ...plan, entries: new Uint8Array(0) });
    return h.roots.importCrl(signCrl(crlSigner(h.keys), 'root-internal', prepared), OPERATOR);
  };

  test('still has revoked what it had: nobody trusts it from the start, and the next look signs a CRL that names it', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    const [before] = h.roots.crls();
    await replayed(h);
    expect(h.authority.generation('servers-1')?.revokedAt).toBe(h.clock.now());
    expect(h.roots.needsCrl('internal')).toBe(true);
    await h.keeper.look();
    expect(entriesOf(h)).toEqual([
      { serial: serialOf(h, 'servers-1'), at: h.clock.now(), reason: 'cACompromise' },
    ]);
    const [after] = h.roots.crls();
    expect((after?.number ?? 0n) > (before?.number ?? 0n)).toBe(true);
    expect(states(h)).toEqual(['servers-1 superseded', 'servers-2 current']);
    expect(h.roots.needsCrl('internal')).toBe(false);
  });

  test('whose key is elsewhere asks for a CRL, and takes none without it', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    await replayed(h);
    await expect(importEmpty(h)).rejects.toMatchObject({
      code: 'chain_rejected',
      message: 'the CRL of internal does not name servers-1, which internal had revoked',
    });
  });

  test('takes no CRL that takes back what the one before revoked', async () => {
    const h = await makeHierarchy();
    await h.keeper.look();
    await importEmpty(h);
    await h.roots.revokeGeneration('servers-1', 'cACompromise', OPERATOR);
    await expect(importEmpty(h)).rejects.toMatchObject({ code: 'chain_rejected' });
    expect(h.authority.generation('servers-1')?.revokedAt).not.toBeNull();
  });

  test('signs a CRL above the one that the journal tells of, at the next look', async () => {
    const told: { readonly number: bigint; readonly thisUpdate: number }[] = [];
    const h = await makeHierarchy({ floor: (name) => (name === 'internal' ? told[0] : undefined) });
    await h.keeper.look();
    const floor = { number: (h.roots.crls()[0]?.number ?? 0n) + 10n, thisUpdate: h.clock.now() + HOUR };
    told.push(floor);
    await h.keeper.look();
    const [crl] = h.roots.crls();
    expect((crl?.number ?? 0n) > floor.number).toBe(true);
    expect(crl?.thisUpdate).toBe(floor.thisUpdate);
    // a clock that had leapt ahead, taken back for good
    await h.roots.acceptClock('internal', OPERATOR);
    h.clock.advance(MINUTE);
    await h.roots.sign('internal', OPERATOR);
    expect(h.roots.crls()[0]?.thisUpdate).toBe(floorToSecond(h.clock.now()));
  });
});

test('a generation or a root that was lost with an older backup lends its name to no other', async () => {
  const lost = new Set(['servers-2', 'servers-3', 'internal-r2']);
  const floor = { number: 1n, thisUpdate: 1 };
  const h = await makeHierarchy({ floor: (name) => (lost.has(name) ? floor : undefined) });
  await h.keeper.look();
  await h.roots.revokeGeneration('servers-1', 'superseded', OPERATOR);
  await h.keeper.look();
  expect(states(h)).toEqual(['servers-1 superseded', 'servers-4 current']);
  expect(await h.roots.prepare('internal', OPERATOR)).toMatchObject({ name: 'internal-r3', number: 3 });
});
