/** What every backend of `PublishedCrlStore` keeps. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { CrlScope, PublishedCrl, Revocation } from '../../src/domain/revocation/ports.ts';
import { auditDraft, certificateRecord, NOON, serialOf } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

const crl = (scope: CrlScope, number: bigint, fields: Partial<PublishedCrl> = {}): PublishedCrl => ({
  generation: 'servers-1',
  scope,
  number,
  thisUpdate: NOON,
  nextUpdate: NOON + DAY,
  covers: 0,
  entries: 0,
  file: `${scope}-${number}.crl`,
  sha256: 'ab'.repeat(32),
  size: 300,
  ...fields,
});

const revocation = (n: number): Revocation => {
  const { serial, generation, shard, notAfter } = certificateRecord(n);
  return { serial, generation, shard, notAfter, revokedAt: NOON + HOUR, reason: 'superseded' };
};

const issued = (requestId: string) => auditDraft({ event: 'crl.issued', requestId });

export function publishedCrlStoreContract({ name, open }: StoreBackend): void {
  /** With the generation that the CRLs are of. */
  const withGeneration = async (): Promise<TestStore> => {
    const store = open();
    const stage = { preparedAt: NOON, activatedAt: NOON, retiredAt: null };
    const certificate = Buffer.from('certificate');
    await store.authorities.addRoot(
      { name: 'internal', line: 'internal', number: 1, keyId: null, certificate, ...stage },
      [],
    );
    await store.authorities.addGeneration(
      {
        ...{ id: 'servers-1', issuer: 'servers', root: 'internal', number: 1, keyId: 'servers-1' },
        ...{ certificate, shards: 4, stopped: null, ...stage },
      },
      [],
    );
    return store;
  };

  describe(`${name} keeps the contract of the store of published CRLs`, () => {
    test('the newest of each scope is there once it is durable, with its audit entry', async () => {
      const { publishedCrls, audit } = await withGeneration();
      const publishing = publishedCrls.publish([crl(0, 5n), crl('full', 6n)], [issued('both')]);
      expect(publishedCrls.published()).toEqual([]);
      await publishing;
      const large = 2n ** 100n;
      const next = crl(0, large, { covers: 3, entries: 2, thisUpdate: NOON + HOUR });
      await publishedCrls.publish([next], []);
      expect(publishedCrls.published()).toEqual([crl('full', 6n), next]);
      expect(audit.last()?.body).toContain('"both"');
    });

    test('a number that does not rise replaces nothing, and takes the others of its call with it', async () => {
      const { publishedCrls, audit } = await withGeneration();
      await publishedCrls.publish([crl(1, 10n)], []);
      const before = audit.last()?.sequence;
      for (const number of [10n, 9n])
        await expect(
          publishedCrls.publish([crl(2, 11n), crl(1, number)], [issued('no')]),
        ).rejects.toMatchObject({ code: 'already_exists' });
      expect(publishedCrls.published()).toEqual([crl(1, 10n)]);
      expect(audit.last()?.sequence).toBe(before);
    });

    test('the latest sequence is that of the shard, or of all', async () => {
      const { publishedCrls, revocations, ledger } = await withGeneration();
      expect(publishedCrls.latestSequence('servers-1', 'full')).toBe(0);
      for (const n of [1, 2]) await ledger.record({ certificate: certificateRecord(n), audit: [] });
      const order = (n: number, shard: number) => ({
        revocation: { ...revocation(n), shard },
        blockKey: undefined,
        audit: [],
      });
      await revocations.revoke([order(1, 1)], NOON);
      await revocations.revoke([order(2, 3)], NOON);
      expect([1, 3, 0, 'full' as const].map((s) => publishedCrls.latestSequence('servers-1', s))).toEqual([
        1, 2, 0, 2,
      ]);
      expect(publishedCrls.latestSequence('servers-2', 'full')).toBe(0);
    });

    test('what was lost is put back once, with a sequence of its own; what is there stays', async () => {
      const { publishedCrls, revocations, ledger, audit } = await withGeneration();
      await ledger.record({ certificate: certificateRecord(1), audit: [] });
      await revocations.revoke([{ revocation: revocation(1), blockKey: undefined, audit: [] }], NOON);
      const lost = [{ ...revocation(1), reason: 'keyCompromise' as const }, revocation(2)];
      expect(await publishedCrls.putBack(lost, NOON + HOUR, [issued('mended')])).toBe(1);
      expect(audit.last()?.body).toContain('"mended"');
      const sequence = audit.last()?.sequence;
      expect(await publishedCrls.putBack(lost, NOON + HOUR, [issued('again')])).toBe(0);
      expect(audit.last()?.sequence).toBe(sequence);
      expect(revocations.find('servers-1', serialOf(1))).toMatchObject({ reason: 'superseded', sequence: 1 });
      expect(revocations.find('servers-1', serialOf(2))).toMatchObject({
        ...revocation(2),
        sequence: 2,
        recordedAt: NOON + HOUR,
      });
    });

    test('whoever asks for the status of what was put back hears that it is revoked', async () => {
      const { publishedCrls, revocations, ledger } = await withGeneration();
      await ledger.record({ certificate: certificateRecord(1), audit: [] });
      expect(revocations.status('servers-1', serialOf(1))).toEqual({ kind: 'good' });
      await publishedCrls.putBack([revocation(1)], NOON + HOUR, []);
      const { revokedAt, reason } = revocation(1);
      expect(revocations.status('servers-1', serialOf(1))).toEqual({ kind: 'revoked', revokedAt, reason });
      expect(ledger.findCertificate(serialOf(1))).toMatchObject({ revokedAt });
    });
  });
}
