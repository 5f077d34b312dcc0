/** What every backend of `Ledger` keeps. */
import { describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { GENESIS, linkHash } from '../../src/domain/audit/chain.ts';
import { auditDraft, certificateRecord, dns, idempotencyClaim, NOON, serialOf } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

export function ledgerContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the ledger`, () => {
    test('a certificate comes back as it was recorded, neither more nor less', async () => {
      const { ledger } = open();
      const record = certificateRecord(1, {
        names: [
          { kind: 'uri', value: 'spiffe://example.test/app' },
          dns('*.example.test'),
          { kind: 'ip', value: '2001:db8::1' },
          { kind: 'email', value: 'first.last+tag@example.test' },
        ],
        renews: serialOf(0),
      });
      expect(await ledger.record({ certificate: record, audit: [auditDraft()] })).toEqual({
        kind: 'recorded',
      });
      const found = ledger.findCertificate(record.serial);
      expect(found && { ...found, der: [...found.der] }).toEqual({
        ...record,
        der: [...record.der],
        revokedAt: null,
        revocationReason: null,
        presentedAt: null,
      });
    });

    test.each([serialOf(2), '', '00', 'zz', `${serialOf(1)}00`, serialOf(1).slice(2)])(
      'the serial %j of no certificate finds none',
      async (serial) => {
        const { ledger } = open();
        await ledger.record({ certificate: certificateRecord(1), audit: [] });
        expect(ledger.findCertificate(serial)).toBeUndefined();
      },
    );

    test('nothing is to be seen before the promise resolves', async () => {
      const { ledger, audit, inventory } = open();
      const recording = ledger.record({ certificate: certificateRecord(1), audit: [auditDraft()] });
      expect(ledger.findCertificate(serialOf(1))).toBeUndefined();
      expect(audit.last()).toBeUndefined();
      expect(inventory.count()).toBe(0);
      await recording;
      expect(ledger.findCertificate(serialOf(1))).toBeDefined();
      expect(audit.last()?.sequence).toBe(1);
      expect(inventory.count()).toBe(1);
    });

    test('entries of many recordings at once make one chain without gaps', async () => {
      const { ledger, audit } = open();
      await Promise.all(
        Array.from({ length: 300 }, (_, n) =>
          ledger.record({
            certificate: certificateRecord(n),
            audit: [auditDraft({ requestId: `${n}` }), auditDraft({ requestId: `${n} again` })],
          }),
        ),
      );
      expectChain({ audit }, 600);
    });

    test('a renewal that its revocation overtook leaves nothing, and claims nothing', async () => {
      const store = open();
      const { ledger, inventory, audit } = store;
      await ledger.record({ certificate: certificateRecord(1), audit: [] });
      store.revoke(serialOf(1), NOON + HOUR, 1);
      const late = {
        certificate: certificateRecord(2, { renews: serialOf(1) }),
        claim: idempotencyClaim(),
        audit: [auditDraft()],
      };
      expect(await ledger.record(late)).toEqual({ kind: 'revoked', at: NOON + HOUR });
      expect(ledger.findCertificate(serialOf(2))).toBeUndefined();
      expect(ledger.findClaim(late.claim.principal, late.claim.key)).toBeUndefined();
      expect([inventory.count(), audit.last()]).toEqual([1, undefined]);
      const other = { ...late, certificate: certificateRecord(3, { renews: null }) };
      expect(await ledger.record(other)).toEqual({ kind: 'recorded' });
    });

    test('a certificate for a key that was blocked meanwhile is not recorded', async () => {
      const store = open();
      const { ledger, inventory } = store;
      const certificate = certificateRecord(1);
      store.block(certificate.keyFingerprint);
      expect(await ledger.record({ certificate, claim: idempotencyClaim(), audit: [auditDraft()] })).toEqual({
        kind: 'blocked',
      });
      const claim = idempotencyClaim();
      expect(ledger.findClaim(claim.principal, claim.key)).toBeUndefined();
      expect(inventory.count()).toBe(0);
      const { kind } = await ledger.record({ certificate: certificateRecord(2), audit: [] });
      expect(kind).toBe('recorded');
    });

    test('a serial that was issued before is refused, and its neighbours are not', async () => {
      const { ledger, audit, inventory } = open();
      const twin = certificateRecord(3, { serial: serialOf(1) });
      const results = await Promise.allSettled([
        ledger.record({ certificate: certificateRecord(1), audit: [auditDraft({ requestId: 'first' })] }),
        ledger.record({
          certificate: twin,
          claim: idempotencyClaim(),
          audit: [auditDraft({ requestId: 'twin' })],
        }),
        ledger.record({ certificate: certificateRecord(2), audit: [auditDraft({ requestId: 'second' })] }),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(results[1]).toMatchObject({ reason: { code: 'internal' } });
      // nothing of the twin is left: no claim, no name, no entry
      expect(ledger.findClaim(idempotencyClaim().principal, 'key-1')).toBeUndefined();
      expect(inventory.search({ name: 'host-3.example.test' }, NOON, 10).certificates).toEqual([]);
      expect(inventory.count()).toBe(2);
      expect(ledger.findCertificate(serialOf(1))?.keyFingerprint).toBe(certificateRecord(1).keyFingerprint);
      expectChain({ audit }, 2);
      expect(audit.entries(1, 10).map(({ body }) => JSON.parse(body).requestId)).toEqual(['first', 'second']);
    });

    test('of two requests under one Idempotency-Key one is recorded, the other learns which', async () => {
      const { ledger, audit, inventory } = open();
      const claim = idempotencyClaim();
      const results = await Promise.all(
        [1, 2, 3].map((n) =>
          ledger.record({
            certificate: certificateRecord(n),
            claim: { ...claim, requestHash: certificateRecord(n).keyFingerprint },
            audit: [auditDraft()],
          }),
        ),
      );
      const winner = { serial: serialOf(1), requestHash: certificateRecord(1).keyFingerprint };
      const lost = { kind: 'claimed', ...winner };
      expect(results).toEqual([{ kind: 'recorded' }, lost, lost]);
      expect(
        await ledger.record({ certificate: certificateRecord(4), claim, audit: [auditDraft()] }),
      ).toEqual(lost);
      expect(ledger.findClaim(claim.principal, claim.key)).toEqual(winner);
      expect(inventory.count()).toBe(1);
      expectChain({ audit }, 1);
    });

    test('an Idempotency-Key belongs to the principal who claims it', async () => {
      const { ledger } = open();
      const claim = idempotencyClaim();
      const other = idempotencyClaim({ principal: 'spiffe://example.test/other' });
      await ledger.record({ certificate: certificateRecord(1), claim, audit: [] });
      expect(ledger.findClaim(other.principal, other.key)).toBeUndefined();
      const result = await ledger.record({ certificate: certificateRecord(2), claim: other, audit: [] });
      expect(result).toEqual({ kind: 'recorded' });
      expect(ledger.findClaim(claim.principal, claim.key)?.serial).toBe(serialOf(1));
      expect(ledger.findClaim(other.principal, other.key)?.serial).toBe(serialOf(2));
    });

    test('a claim without a certificate is a fault of ours', async () => {
      const { ledger, audit } = open();
      await expect(ledger.record({ claim: idempotencyClaim(), audit: [auditDraft()] })).rejects.toMatchObject(
        {
          code: 'internal',
        },
      );
      expect(audit.last()).toBeUndefined();
    });

    test('claims are forgotten when they are old, and only then', async () => {
      const store = open();
      const { ledger } = store;
      const old = idempotencyClaim({ key: 'old', claimedAt: NOON - 25 * HOUR });
      const fresh = idempotencyClaim({ key: 'fresh', claimedAt: NOON - 24 * HOUR });
      await ledger.record({ certificate: certificateRecord(1), claim: old, audit: [] });
      await ledger.record({ certificate: certificateRecord(2), claim: fresh, audit: [] });
      expect(await store.pruneClaims(NOON - 24 * HOUR)).toBe(1);
      expect(ledger.findClaim(old.principal, 'old')).toBeUndefined();
      expect(ledger.findClaim(fresh.principal, 'fresh')).toBeDefined();
      expect(ledger.findCertificate(serialOf(1))).toBeDefined();
    });

    test('a revoked certificate says so, and when', async () => {
      const store = open();
      await store.ledger.record({ certificate: certificateRecord(1), audit: [] });
      store.revoke(serialOf(1), NOON + HOUR, 1);
      expect(store.ledger.findCertificate(serialOf(1))).toMatchObject({
        revokedAt: NOON + HOUR,
        revocationReason: 1,
      });
    });

    test('a key is blocked or not', () => {
      const store = open();
      const { keyFingerprint } = certificateRecord(1);
      expect(store.ledger.isKeyBlocked(keyFingerprint)).toBe(false);
      store.block(keyFingerprint);
      expect(store.ledger.isKeyBlocked(keyFingerprint)).toBe(true);
      expect(store.ledger.isKeyBlocked(certificateRecord(2).keyFingerprint)).toBe(false);
    });

    test('the latest audit time goes back with the clock only where an operator accepted it', async () => {
      const store = open();
      expect(store.latestAuditTime()).toBe(0);
      for (const time of [NOON, NOON + HOUR, NOON - HOUR])
        await store.ledger.record({ audit: [auditDraft({ time })] });
      expect(store.latestAuditTime()).toBe(NOON + HOUR);
      await store.ledger.record({ audit: [auditDraft({ event: 'clock.accepted', time: NOON - HOUR })] });
      expect(store.latestAuditTime()).toBe(NOON - HOUR);
    });
  });
}

/** Every entry follows from the one before, from the beginning. */
function expectChain({ audit }: Pick<TestStore, 'audit'>, length: number): void {
  const entries = audit.entries(1, length + 1);
  expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length }, (_, i) => i + 1));
  let previous = GENESIS;
  for (const { body, hash } of entries) {
    expect(hash).toBe(linkHash(previous, body));
    previous = hash;
  }
}
