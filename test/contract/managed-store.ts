/** What every backend of `ManagedStore` and `PublicAuthorityStore` keeps. */
import { describe, expect, test } from 'vitest';
import { MINUTE } from '../../src/base/clock.ts';
import { ChanceryError } from '../../src/base/errors.ts';
import type { ManagedCertificate } from '../../src/domain/renewal/managed.ts';
import type { ManagedStore, PublicAuthorityStore } from '../../src/domain/renewal/ports.ts';
import { startedVersion } from '../../src/domain/renewal/transitions.ts';
import type { Version } from '../../src/domain/renewal/version.ts';
import { auditDraft, NOON } from '../support/records.ts';

export interface ManagedBackend {
  readonly name: string;
  readonly open: () => {
    readonly managed: ManagedStore;
    readonly publicAuthorities: PublicAuthorityStore;
    /** How many audit entries there are. */
    readonly entries: () => number;
  };
}

const wish = (
  name: string,
  fields: Partial<ManagedCertificate> = {},
  place?: string,
): ManagedCertificate => ({
  name,
  set: null,
  wish: {
    names: [{ kind: 'dns', value: `${name}.example.test` }],
    source: { kind: 'own', issuer: 'servers', profile: 'server' },
    ttl: 60_000,
    key: { algorithm: 'ecdsa-p256', reuse: false },
    targets: place === undefined ? [] : [{ id: 'here', kind: 'files', spec: {}, place }],
    probes: [],
    grace: 0,
    renewal: { fraction: 0.5, quiet: [] },
    owner: null,
    labels: {},
  },
  written: { as: 'written' },
  revision: 1,
  createdAt: NOON,
  pausedAt: null,
  renewAskedAt: null,
  retryAskedAt: null,
  heldUntil: 0,
  failures: 0,
  ...fields,
});
const issued = (version: Version, serial: string): Version => ({
  ...version,
  certificate: {
    ...{ serial, fingerprint: serial, notBefore: NOON, notAfter: NOON + MINUTE, issuedAt: NOON },
    ...{ issuedBy: 'servers-1', draw: 0, window: null, bad: null },
  },
});
const draft = auditDraft({ event: 'managed.applied' });
const LEASE = NOON + MINUTE;

export function managedStoreContract({ name, open }: ManagedBackend): void {
  const opened = async (...names: string[]) => {
    const store = open();
    for (const one of names) await store.managed.put(one, () => wish(one), [draft]);
    return store;
  };

  describe(`${name} keeps the contract of the store of managed certificates`, () => {
    test('wishes come back as they were made, by name and set, with their audit entries', async () => {
      const { managed, entries } = await opened('b', 'a');
      await managed.put('c', () => wish('c', { set: 'web' }), []);
      expect(managed.find('a')).toEqual(wish('a'));
      expect(managed.list({ limit: 2 }).map((one) => one.name)).toEqual(['a', 'b']);
      expect(managed.list({ limit: 2, after: 'b' }).map((one) => one.name)).toEqual(['c']);
      expect(managed.list({ limit: 9, set: 'web' }).map((one) => one.name)).toEqual(['c']);
      expect([managed.count(), entries()]).toEqual([3, 2]);
    });

    test('a change is made to the wish as it is then; what is thrown changes nothing', async () => {
      const { managed, entries } = await opened('a');
      await Promise.all(
        [1, 2, 3].map(() =>
          managed.put('a', (now) => ({ ...(now ?? wish('a')), failures: (now?.failures ?? 0) + 1 }), []),
        ),
      );
      expect(managed.find('a')?.failures).toBe(3);
      const refuse = (): never => {
        throw new ChanceryError('precondition_failed', 'no');
      };
      await expect(managed.put('a', refuse, [draft])).rejects.toMatchObject({ code: 'precondition_failed' });
      expect([managed.find('a')?.failures, entries()]).toEqual([3, 1]);
    });

    test('a place belongs to one wish, until it leaves it', async () => {
      const { managed } = await opened();
      const at = (one: string, place?: string) => managed.put(one, () => wish(one, {}, place), []);
      await at('a', 'files:/tls');
      await expect(at('b', 'files:/tls')).rejects.toMatchObject({ code: 'already_exists' });
      expect(managed.find('b')).toBeUndefined();
      await at('a', 'files:/tls');
      await at('a');
      await at('b', 'files:/tls');
      await managed.remove('b', []);
      await at('a', 'files:/tls');
    });

    test('what is due is taken once; a stale holder records, extends and releases nothing', async () => {
      const { managed, entries } = await opened('a');
      const [[first], second] = [await managed.claim(NOON, 9, LEASE), await managed.claim(NOON, 9, LEASE)];
      expect([first?.name, second]).toEqual(['a', []]);
      const [newer] = await managed.claim(LEASE, 9, LEASE + MINUTE);
      if (first === undefined || newer === undefined) throw new Error('nobody holds it');
      const lost = { code: 'claim_lost' };
      await expect(
        managed.record(first, { managed: (now) => ({ ...now, failures: 9 }), audit: [draft] }),
      ).rejects.toMatchObject(lost);
      await expect(managed.extend(first, LEASE)).rejects.toMatchObject(lost);
      await expect(managed.release(first, NOON)).rejects.toMatchObject(lost);
      expect([managed.find('a')?.failures, entries()]).toEqual([0, 1]);
      await managed.release(newer, LEASE * 2);
      expect(managed.nextDue()).toBe(LEASE * 2);
      await managed.remove('a', []);
      await expect(managed.record(newer, { audit: [] })).rejects.toMatchObject(lost);
      expect(managed.nextDue()).toBeUndefined();
    });

    test('who is woken or changed while somebody holds it is due again when they let go', async () => {
      for (const stir of [
        (managed: ManagedStore): Promise<unknown> => managed.wake(['a', 'nobody'], NOON),
        (managed: ManagedStore): Promise<unknown> => managed.put('a', (now) => now ?? wish('a'), []),
      ]) {
        const { managed } = await opened('a');
        const [claim] = await managed.claim(NOON, 1, LEASE);
        if (claim === undefined) throw new Error('nobody holds it');
        await stir(managed);
        expect(await managed.claim(NOON, 1, LEASE)).toEqual([]);
        await managed.extend(claim, LEASE + 1);
        await managed.release(claim, NOON + 1000 * MINUTE);
        expect(await managed.claim(NOON, 1, LEASE)).toHaveLength(1);
      }
    });

    test('the longest due goes first', async () => {
      const { managed } = await opened('a', 'b', 'c');
      for (const claim of await managed.claim(NOON, 9, LEASE))
        await managed.release(claim, NOON - { a: 1, b: 3, c: 2 }[claim.name as 'a']);
      const taken = [await managed.claim(NOON, 1, LEASE), await managed.claim(NOON, 9, LEASE)];
      expect(taken[0]?.map((one) => one.name)).toEqual(['b']);
      expect(taken[1]?.map((one) => one.name)).toEqual(['c', 'a']);
    });

    test('versions live until they are over; parts of their material stay as they are when left out', async () => {
      const { managed } = await opened('a');
      const [claim] = await managed.claim(NOON, 1, LEASE);
      if (claim === undefined) throw new Error('nobody holds it');
      const version = (number: number): Version => startedVersion(wish('a'), number, 'first', NOON);
      await managed.record(claim, {
        versions: [issued(version(1), '4a'), version(2)],
        materials: [{ version: 1, sealedKey: Buffer.from([1]) }],
        audit: [],
      });
      await managed.record(claim, {
        materials: [{ version: 1, order: { authority: 'x', intendedAt: NOON, orderUrl: null } }],
        audit: [],
      });
      expect(managed.living('a').map(({ number }) => number)).toEqual([1, 2]);
      expect(managed.history('a', 1).map(({ number }) => number)).toEqual([2]);
      expect(managed.material('a', 1)).toEqual({
        sealedKey: Buffer.from([1]),
        certificates: [],
        order: { authority: 'x', intendedAt: NOON, orderUrl: null },
      });
      expect(managed.material('a', 3)).toBeUndefined();
      expect(managed.holding('4a')).toEqual(['a']);
      const over = { ...issued(version(1), '4a'), retiredAt: NOON, lapses: true };
      await managed.record(claim, {
        versions: [over],
        materials: [{ version: 1, sealedKey: null }],
        audit: [],
      });
      expect(managed.living('a').map(({ number }) => number)).toEqual([2]);
      expect(managed.history('a', 9)).toHaveLength(2);
      expect(managed.holding('4a')).toEqual([]);
      expect(managed.material('a', 1)?.sealedKey).toBeNull();
    });

    test('public CAs and accounts come back; the account of a CA that is removed stays', async () => {
      const { publicAuthorities: store } = open();
      await store.putAuthority({ name: 'b', set: null, spec: { x: 1 } }, []);
      await store.putAuthority({ name: 'a', set: 'web', spec: {} }, []);
      await store.putAuthority({ name: 'b', set: null, spec: { x: 2 } }, []);
      expect(store.authorities()).toEqual([
        { name: 'a', set: 'web', spec: {} },
        { name: 'b', set: null, spec: { x: 2 } },
      ]);
      const account = { directory: 'https://ca.example.test/dir', url: null, sealedKey: Buffer.from([1]) };
      await store.putAccount(account, []);
      await store.putAccount({ ...account, url: 'https://ca.example.test/1' }, []);
      await store.removeAuthority('b', []);
      await expect(store.removeAuthority('b', [])).rejects.toMatchObject({ code: 'not_found' });
      expect(store.account(account.directory)?.url).toBe('https://ca.example.test/1');
    });

    test('failed validations are counted for a directory and a name, for a day', async () => {
      const { publicAuthorities: store } = open();
      await store.noteFailure('d1', ['a', 'b'], NOON);
      await store.noteFailure('d1', ['a'], NOON + 2);
      await store.noteFailure('d2', ['a'], NOON + 1);
      expect(store.failures('d1', 'a', NOON - 1)).toEqual([NOON, NOON + 2]);
      expect(store.failures('d1', 'a', NOON)).toEqual([NOON + 2]);
      expect(store.failures('d1', 'b', 0)).toEqual([NOON]);
      expect(store.failures('d2', 'b', 0)).toEqual([]);
    });
  });
}
