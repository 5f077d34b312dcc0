/** What every backend of `AuthorityStore` keeps. */
import { describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import type { PendingGeneration, RootFacts } from '../../src/domain/issuance/issuer.ts';
import { auditDraft, generationFacts, NOON } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

const root = (name: string): RootFacts => ({
  name,
  line: name,
  number: 1,
  keyId: `root-${name}`,
  certificate: Buffer.from(`root ${name}`),
  preparedAt: NOON,
  activatedAt: NOON,
  retiredAt: null,
});

const pending = (fields: Partial<PendingGeneration> = {}): PendingGeneration => ({
  id: 'servers-2',
  issuer: 'servers',
  root: 'internal',
  number: 2,
  keyId: 'servers-2',
  csr: Buffer.from('a request'),
  createdAt: NOON,
  ...fields,
});

const made = auditDraft({ event: 'ca.certificate.issued' });
const stopped = auditDraft({ event: 'issuer.stopped', outcome: 'failed' });

async function withRoots(open: () => TestStore): Promise<TestStore> {
  const store = open();
  await store.authorities.addRoot(root('workload'), [made]);
  await store.authorities.addRoot(root('internal'), [made]);
  return store;
}

export function authorityStoreContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the authority store`, () => {
    test('roots come back in the order in which they were made', async () => {
      const { authorities, audit } = await withRoots(open);
      expect(authorities.roots()).toEqual([root('workload'), root('internal')]);
      expect(audit.last()?.sequence).toBe(2);
    });

    test('a root is made once and never replaced', async () => {
      const { authorities, audit } = await withRoots(open);
      const other = { ...root('internal'), keyId: 'another' };
      await expect(authorities.addRoot(other, [made])).rejects.toMatchObject({ code: 'already_exists' });
      expect(authorities.roots()).toEqual([root('workload'), root('internal')]);
      expect(audit.last()?.sequence).toBe(2);
    });

    test('generations come back as they were made, by issuer and number', async () => {
      const { authorities } = await withRoots(open);
      const first = generationFacts();
      const tenth = generationFacts({ id: 'servers-10', number: 10, activatedAt: null });
      const second = generationFacts({
        id: 'servers-2',
        number: 2,
        retiredAt: NOON + HOUR,
        stopped: 'looked odd',
      });
      const client = generationFacts({ id: 'clients-1', issuer: 'clients' });
      for (const facts of [tenth, second, first, client]) await authorities.addGeneration(facts, [made]);
      expect(authorities.generations()).toEqual([client, first, second, tenth]);
    });

    test.each([
      ['id', generationFacts({ number: 2 })],
      ['number of its issuer', generationFacts({ id: 'servers-one' })],
    ])('a generation with the %s of another is refused', async (_, twin) => {
      const { authorities, audit } = await withRoots(open);
      await authorities.addGeneration(generationFacts(), [made]);
      await expect(authorities.addGeneration(twin, [made])).rejects.toMatchObject({ code: 'already_exists' });
      expect(authorities.generations()).toEqual([generationFacts()]);
      expect(audit.last()?.sequence).toBe(3);
    });

    test('a generation of no root is a fault of ours', async () => {
      const { authorities, audit } = open();
      await expect(authorities.addGeneration(generationFacts(), [made])).rejects.toMatchObject({
        code: 'internal',
      });
      expect(authorities.generations()).toEqual([]);
      expect(audit.last()).toBeUndefined();
    });

    test('a root whose key is elsewhere comes back without one, and is the second of its line once', async () => {
      const { authorities } = await withRoots(open);
      const second = {
        ...root('internal-r2'),
        line: 'internal',
        number: 2,
        keyId: null,
        activatedAt: null,
      };
      await authorities.addRoot(second, [made]);
      expect(authorities.roots().at(-1)).toEqual(second);
      await expect(authorities.addRoot({ ...second, name: 'internal-too' }, [made])).rejects.toMatchObject({
        code: 'already_exists',
      });
    });

    test('steps are taken once: the first time counts', async () => {
      const { authorities, audit } = await withRoots(open);
      await authorities.addRoot(
        { ...root('internal-r2'), line: 'internal', number: 2, activatedAt: null },
        [],
      );
      await authorities.addGeneration(generationFacts({ activatedAt: null }), []);
      for (const at of [NOON + 1, NOON + 2]) {
        await authorities.advance({ of: 'generation', id: 'servers-1', to: 'current', at }, [made]);
        await authorities.advance({ of: 'generation', id: 'servers-1', to: 'retired', at: at + 10 }, [made]);
        await authorities.advance({ of: 'root', id: 'internal-r2', to: 'current', at }, [made]);
        await authorities.advance({ of: 'root', id: 'internal', to: 'retired', at: at + 10 }, [made]);
      }
      expect(authorities.generations()).toEqual([
        generationFacts({ activatedAt: NOON + 1, retiredAt: NOON + 11 }),
      ]);
      expect(
        authorities.roots().map(({ name, activatedAt, retiredAt }) => [name, activatedAt, retiredAt]),
      ).toEqual([
        ['workload', NOON, null],
        ['internal', NOON, NOON + 11],
        ['internal-r2', NOON + 1, null],
      ]);
      expect(audit.last()?.sequence).toBe(2 + 8);
    });

    test.each(['root', 'generation'] as const)('a %s that is not there takes no step', async (of) => {
      const { authorities, audit } = open();
      await expect(
        authorities.advance({ of, id: 'nobody', to: 'retired', at: NOON }, [made]),
      ).rejects.toMatchObject({ code: 'not_found' });
      expect(audit.last()).toBeUndefined();
    });

    test('a request waits until its generation is there', async () => {
      const { authorities } = await withRoots(open);
      await authorities.addPending(pending(), [made]);
      await authorities.addPending(pending({ id: 'clients-2', issuer: 'clients' }), [made]);
      expect(authorities.pending().map(({ id }) => id)).toEqual(['clients-2', 'servers-2']);
      expect(authorities.pending()[1]).toEqual(pending());
      await expect(authorities.addPending(pending(), [made])).rejects.toMatchObject({
        code: 'already_exists',
      });
      await authorities.addGeneration(generationFacts({ id: 'servers-2', number: 2 }), [made]);
      expect(authorities.pending().map(({ id }) => id)).toEqual(['clients-2']);
    });

    test('the newest CRL of a root is kept, and its number only rises', async () => {
      const { crls, authorities, audit } = await withRoots(open);
      const crl = (number: bigint) => ({
        root: 'internal',
        number,
        thisUpdate: NOON,
        nextUpdate: NOON + HOUR,
        der: Buffer.from(`CRL ${number}`),
      });
      const large = 2n ** 100n;
      await crls.put(crl(large), [made]);
      for (const number of [large, large - 1n])
        await expect(crls.put(crl(number), [made])).rejects.toMatchObject({ code: 'already_exists' });
      expect(crls.crls()).toEqual([crl(large)]);
      await crls.put(crl(large + 1n), [made]);
      expect(crls.crls()).toEqual([crl(large + 1n)]);
      expect([authorities.roots().length, audit.last()?.sequence]).toEqual([2, 4]);
    });

    test('a stopped generation keeps the first reason', async () => {
      const { authorities, audit } = await withRoots(open);
      await authorities.addGeneration(generationFacts(), [made]);
      await authorities.addGeneration(generationFacts({ id: 'servers-2', number: 2 }), [made]);
      await authorities.stopGeneration('servers-1', 'the signature does not verify', [stopped]);
      await authorities.stopGeneration('servers-1', 'again', [stopped]);
      expect(authorities.generations().map((facts) => facts.stopped)).toEqual([
        'the signature does not verify',
        null,
      ]);
      expect(audit.last()?.sequence).toBe(6);
    });

    test('CRLs of an imported generation are held back until they are released', async () => {
      const { authorities, audit } = await withRoots(open);
      await authorities.addGeneration(generationFacts({ crlsHeldBack: true }), [made]);
      await authorities.addGeneration(generationFacts({ id: 'servers-2', number: 2 }), [made]);
      const held = () => authorities.generations().map(({ crlsHeldBack }) => crlsHeldBack);
      expect(held()).toEqual([true, undefined]);
      await authorities.releaseCrls('servers-1', [stopped]);
      expect(held()).toEqual([undefined, undefined]);
      expect(audit.last()?.sequence).toBe(5);
      await expect(authorities.releaseCrls('servers-9', [stopped])).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    test('a generation that is not there cannot be stopped', async () => {
      const { authorities, audit } = open();
      await expect(authorities.stopGeneration('servers-9', 'why', [stopped])).rejects.toMatchObject({
        code: 'not_found',
      });
      expect(audit.last()).toBeUndefined();
    });
  });
}
