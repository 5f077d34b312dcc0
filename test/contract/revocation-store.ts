/** What every backend of `RevocationStore` keeps. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE } from '../../src/base/clock.ts';
import type {
  CrlScope,
  PublishedCrl,
  Revocation,
  RevocationOrder,
} from '../../src/domain/revocation/ports.ts';
import type { RootFacts } from '../../src/domain/issuance/issuer.ts';
import { auditDraft, certificateRecord, generationFacts, NOON, serialOf } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

/** Of the certificate number `n`. */
const revocation = (n: number, fields: Partial<Revocation> = {}): Revocation => {
  const { serial, generation, shard, notAfter } = certificateRecord(n);
  return {
    serial,
    generation,
    shard,
    notAfter,
    revokedAt: NOON + HOUR,
    reason: 'unspecified',
    ...fields,
  };
};

const order = (n: number, fields: Partial<Revocation> = {}, blockKey?: string): RevocationOrder => ({
  revocation: revocation(n, fields),
  blockKey,
  audit: [auditDraft({ event: 'certificate.revoked', requestId: `revoke ${n}` })],
});

const ROOT: RootFacts = {
  name: 'internal',
  line: 'internal',
  number: 1,
  keyId: 'root-internal',
  certificate: Buffer.from('a root'),
  preparedAt: NOON,
  activatedAt: NOON,
  retiredAt: null,
};

let numbers = 0n;
const published = (scope: CrlScope, thisUpdate: Instant, covers: number): PublishedCrl => ({
  generation: 'servers-1',
  scope,
  number: ++numbers,
  thisUpdate,
  nextUpdate: thisUpdate + DAY,
  covers,
  entries: 0,
  file: `${scope}-${numbers}.crl`,
  sha256: 'ab'.repeat(32),
  size: 1,
});

const RECORDED = NOON + HOUR + MINUTE;

export function revocationStoreContract({ name, open }: StoreBackend): void {
  const withCertificates = async (count: number): Promise<TestStore> => {
    const store = open();
    for (let n = 1; n <= count; n++)
      await store.ledger.record({ certificate: certificateRecord(n), audit: [] });
    return store;
  };

  describe(`${name} keeps the contract of the revocation store`, () => {
    test('a revocation is seen everywhere at once, with its audit entry, and not before it is durable', async () => {
      const { revocations, ledger, inventory, audit } = await withCertificates(2);
      const revoking = revocations.revoke([order(1, { reason: 'superseded' })], RECORDED);
      expect(revocations.find('servers-1', serialOf(1))).toBeUndefined();
      expect(ledger.findRevocation(serialOf(1))).toBeNull();
      expect(await revoking).toEqual(['revoked']);
      expect(revocations.find('servers-1', serialOf(1))).toEqual({
        ...revocation(1, { reason: 'superseded' }),
        sequence: 1,
        recordedAt: RECORDED,
        crlSeenAt: null,
        ocspSeenAt: null,
      });
      expect(ledger.findRevocation(serialOf(1))).toBe(NOON + HOUR);
      expect(ledger.findCertificate(serialOf(1))).toMatchObject({
        revokedAt: NOON + HOUR,
        revocationReason: 4,
      });
      expect(ledger.findRevocation(serialOf(2))).toBeNull();
      const found = inventory.search({ state: 'revoked' }, NOON + DAY, 10).certificates;
      expect(found.map(({ serial }) => serial)).toEqual([serialOf(1)]);
      expect(audit.entries(1, 10)).toHaveLength(1);
    });

    test('sequences rise within the generation, whatever the shard', async () => {
      const { revocations } = await withCertificates(3);
      await revocations.revoke([order(3), order(1)], RECORDED);
      await revocations.revoke([order(2), order(2, { generation: 'clients-1' })], RECORDED);
      const sequences = [3, 1, 2].map((n) => revocations.find('servers-1', serialOf(n))?.sequence);
      expect(sequences).toEqual([1, 2, 3]);
      expect(revocations.find('clients-1', serialOf(2))?.sequence).toBe(1);
    });

    test('who is revoked already stays as he is, and nothing is recorded', async () => {
      const { revocations, audit, ledger } = await withCertificates(1);
      const orders = [order(1, { reason: 'superseded' }), order(1, { revokedAt: NOON + 2 * HOUR })];
      expect(await revocations.revoke(orders, RECORDED)).toEqual(['revoked', 'already']);
      const before = revocations.find('servers-1', serialOf(1));
      expect(await revocations.revoke([order(1, { reason: 'privilegeWithdrawn' })], RECORDED + DAY)).toEqual([
        'already',
      ]);
      expect(revocations.find('servers-1', serialOf(1))).toEqual(before);
      expect(ledger.findCertificate(serialOf(1))?.revocationReason).toBe(4);
      expect(audit.entries(1, 10)).toHaveLength(1);
    });

    test('a reason is raised to keyCompromise, once, and to nothing else; the time stays', async () => {
      const { revocations, audit, ledger } = await withCertificates(2);
      await revocations.revoke([order(1, { reason: 'superseded' }), order(2)], RECORDED);
      const worse = order(1, { reason: 'keyCompromise', revokedAt: NOON + 2 * HOUR });
      expect(await revocations.revoke([worse, worse], RECORDED + DAY)).toEqual(['raised', 'already']);
      expect(revocations.find('servers-1', serialOf(1))).toMatchObject({
        reason: 'keyCompromise',
        revokedAt: NOON + HOUR,
        recordedAt: RECORDED,
        sequence: 3,
      });
      expect(ledger.findCertificate(serialOf(1))).toMatchObject({
        revokedAt: NOON + HOUR,
        revocationReason: 1,
      });
      expect(await revocations.revoke([order(1, { reason: 'superseded' })], RECORDED)).toEqual(['already']);
      expect(revocations.status('servers-1', serialOf(1))).toMatchObject({ reason: 'keyCompromise' });
      expect(audit.entries(1, 10)).toHaveLength(3);
    });

    test('a key is blocked with the revocation, or by itself, and once', async () => {
      const { revocations, ledger, audit } = await withCertificates(1);
      const { keyFingerprint: key } = certificateRecord(1);
      const other = certificateRecord(2).keyFingerprint;
      expect(await revocations.revoke([order(1, { reason: 'keyCompromise' })], RECORDED)).toEqual([
        'revoked',
      ]);
      expect(ledger.isKeyBlocked(key)).toBe(false);
      const blocking = order(1, { reason: 'keyCompromise' }, key);
      expect(await revocations.revoke([blocking, blocking], RECORDED)).toEqual(['blocked', 'already']);
      expect(ledger.isKeyBlocked(key)).toBe(true);
      const draft = auditDraft({ event: 'key.blocked' });
      expect(await revocations.block({ key, blockedAt: RECORDED }, [draft])).toBe(false);
      expect(await revocations.block({ key: other, blockedAt: RECORDED }, [draft])).toBe(true);
      expect(ledger.isKeyBlocked(other)).toBe(true);
      expect(audit.entries(1, 10)).toHaveLength(3);
    });

    test('a bad order takes the whole batch with it, and no neighbour', async () => {
      const { revocations, audit } = await withCertificates(3);
      const bad = order(2, { serial: 'not hexadecimal' });
      const results = await Promise.allSettled([
        revocations.revoke([order(1), bad], RECORDED),
        revocations.revoke([order(3)], RECORDED),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect(revocations.find('servers-1', serialOf(1))).toBeUndefined();
      expect(revocations.status('servers-1', serialOf(1))).toEqual({ kind: 'good' });
      expect(revocations.find('servers-1', serialOf(3))?.sequence).toBe(1);
      expect(audit.entries(1, 10)).toHaveLength(1);
    });

    test('a serial is good, revoked, or was never given out by this generation', async () => {
      const { revocations } = await withCertificates(2);
      await revocations.revoke([order(1, { reason: 'keyCompromise' })], RECORDED);
      const statusOf = (generation: string, n: number): unknown =>
        revocations.status(generation, serialOf(n));
      expect(statusOf('servers-1', 1)).toEqual({
        kind: 'revoked',
        revokedAt: NOON + HOUR,
        reason: 'keyCompromise',
      });
      expect(statusOf('servers-1', 2)).toEqual({ kind: 'good' });
      expect(statusOf('servers-2', 1)).toEqual({ kind: 'unknown' });
      expect(statusOf('servers-2', 2)).toEqual({ kind: 'unknown' });
      expect(statusOf('servers-1', 3)).toEqual({ kind: 'unknown' });
      for (const serial of ['', '00', 'zz', `${serialOf(2)}00`])
        expect(revocations.status('servers-1', serial)).toEqual({ kind: 'unknown' });
    });

    test('a serial without a certificate on record is known, and can be revoked', async () => {
      const { revocations, audit } = await withCertificates(1);
      const { serial, generation, shard, notAfter } = certificateRecord(7);
      const serials = [{ serial, generation, shard, notAfter }];
      await revocations.addKnown(serials, [auditDraft()]);
      await revocations.addKnown(serials, []);
      expect(revocations.status(generation, serial)).toEqual({ kind: 'good' });
      expect(revocations.status('servers-2', serial)).toEqual({ kind: 'unknown' });
      expect(revocations.findKnown(generation, serial)).toEqual(serials[0]);
      expect(revocations.findKnown('servers-2', serial)).toBeUndefined();
      expect(revocations.findKnown(generation, 'zz')).toBeUndefined();
      expect(await revocations.revoke([order(7)], RECORDED)).toEqual(['revoked']);
      expect(revocations.status(generation, serial)).toMatchObject({ kind: 'revoked' });
      expect(audit.entries(1, 10)).toHaveLength(2);
    });

    test('a certificate that says that it is revoked is, also where its revocation was forgotten', async () => {
      const store = await withCertificates(1);
      store.revoke(serialOf(1), NOON, 1);
      expect(store.revocations.status('servers-1', serialOf(1))).toEqual({
        kind: 'revoked',
        revokedAt: NOON,
        reason: 'keyCompromise',
      });
      expect(await store.revocations.revoke([order(1)], RECORDED)).toEqual(['already']);
      expect(store.revocations.find('servers-1', serialOf(1))).toBeUndefined();
    });

    test('a revocation is unseen until it was seen both ways, the oldest first; the first time counts', async () => {
      const { revocations } = await withCertificates(3);
      await revocations.revoke([order(2)], RECORDED + 1);
      await revocations.revoke([order(1)], RECORDED);
      await revocations.revoke([order(3)], RECORDED + 2);
      const serials = (limit: number): string[] => revocations.unseen(limit).map(({ serial }) => serial);
      expect(serials(10)).toEqual([serialOf(1), serialOf(2), serialOf(3)]);
      expect(serials(2)).toEqual([serialOf(1), serialOf(2)]);
      const at = { generation: 'servers-1', serial: serialOf(1) };
      await revocations.seen([{ ...at, crlSeenAt: RECORDED + 10 }]);
      expect(serials(1)).toEqual([serialOf(1)]);
      await revocations.seen([{ ...at, crlSeenAt: RECORDED + 20, ocspSeenAt: RECORDED + 30 }]);
      expect(serials(10)).toEqual([serialOf(2), serialOf(3)]);
      expect(revocations.find('servers-1', serialOf(1))).toMatchObject({
        crlSeenAt: RECORDED + 10,
        ocspSeenAt: RECORDED + 30,
      });
      await revocations.seen([{ generation: 'servers-1', serial: serialOf(9), crlSeenAt: RECORDED }]);
    });
  });

  describe(`${name} forgets revocations`, () => {
    const EXPIRED = NOON - 10 * DAY;
    const SHARD = 3;
    const what = { expiredBefore: NOON - 7 * DAY, limit: 100 };

    /** Revoked are 1 to `count`, all of one shard and expired; `servers-1` is there. */
    async function withRevoked(count: number): Promise<TestStore> {
      const store = open();
      await store.authorities.addRoot(ROOT, []);
      await store.authorities.addGeneration(generationFacts(), []);
      for (let n = 1; n <= count; n++) await revokeOne(store, n, EXPIRED);
      return store;
    }

    const revokeOne = async ({ revocations }: TestStore, n: number, notAfter: Instant): Promise<void> => {
      const revokedAt = EXPIRED - DAY;
      const fields = { shard: SHARD, notAfter, revokedAt };
      await revocations.revoke([{ ...order(n, fields), audit: [] }], revokedAt);
    };

    const kept = ({ revocations }: TestStore, count: number): number[] =>
      Array.from({ length: count }, (_, i) => i + 1).filter(
        (n) => revocations.find('servers-1', serialOf(n)) !== undefined,
      );

    test('when both their CRLs named them after the certificate expired, the newest never', async () => {
      const store = await withRevoked(3);
      const counts: number[] = [];
      const forget = (): Promise<number> =>
        store.forgetRevocations(what, (count) => {
          counts.push(count);
          return [auditDraft({ event: 'revocations.forgotten' })];
        });
      const publish = (...crls: PublishedCrl[]): Promise<void> => store.publishedCrls.publish(crls, []);
      expect(await forget()).toBe(0);
      await publish(published('full', EXPIRED + DAY, 3));
      expect(await forget()).toBe(0); // not in its shard's
      await publish(published(SHARD, EXPIRED, 3), published(2, EXPIRED + DAY, 3));
      expect(await forget()).toBe(0); // not after it expired
      await publish(published(SHARD, EXPIRED + DAY, 1));
      expect(await forget()).toBe(1); // that CRL does not know the second yet
      await publish(published(SHARD, EXPIRED + DAY, 3));
      expect(await forget()).toBe(1);
      expect(kept(store, 3)).toEqual([3]);
      expect(counts).toEqual([1, 1]);
      expect(store.audit.last()?.sequence).toBe(2);
      // a sequence is never given again
      await revokeOne(store, 4, EXPIRED);
      expect(store.revocations.find('servers-1', serialOf(4))?.sequence).toBe(4);
    });

    test('not those of certificates that expired a short time ago, and no more than a batch', async () => {
      const store = await withRevoked(3);
      await revokeOne(store, 4, NOON - 6 * DAY);
      await revokeOne(store, 5, NOON - 6 * DAY);
      await store.publishedCrls.publish([published('full', NOON, 5), published(SHARD, NOON, 5)], []);
      const forgotten: number[] = [];
      for (let i = 0; i < 3; i++)
        forgotten.push(await store.forgetRevocations({ ...what, limit: 2 }, () => []));
      expect(forgotten).toEqual([2, 1, 0]);
      expect(kept(store, 5)).toEqual([4, 5]);
    });

    test('and serials that were merely known', async () => {
      const store = await withRevoked(0);
      const known = [1, 2].map((n) => {
        const { serial, generation, shard } = certificateRecord(n);
        return { serial, generation, shard, notAfter: n === 1 ? EXPIRED : NOON };
      });
      await store.revocations.addKnown(known, []);
      expect(await store.forgetRevocations(what, () => [])).toBe(1);
      expect(store.revocations.status('servers-1', serialOf(1))).toEqual({ kind: 'unknown' });
      expect(store.revocations.status('servers-1', serialOf(2))).toEqual({ kind: 'good' });
    });
  });
}
