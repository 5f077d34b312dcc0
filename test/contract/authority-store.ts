/** What every backend of `AuthorityStore` keeps. */
import { describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import type { RootFacts } from '../../src/domain/issuance/ports.ts';
import { auditDraft, generationFacts, NOON } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

const root = (name: string): RootFacts => ({
  name,
  keyId: `root-${name}`,
  certificate: Buffer.from(`root ${name}`),
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

    test('a generation that is not there cannot be stopped', async () => {
      const { authorities, audit } = open();
      await expect(authorities.stopGeneration('servers-9', 'why', [stopped])).rejects.toMatchObject({
        code: 'not_found',
      });
      expect(audit.last()).toBeUndefined();
    });
  });
}
