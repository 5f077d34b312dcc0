/** What every backend of `Inventory` keeps. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { CertificateQuery, StoredCertificate } from '../../src/domain/issuance/ports.ts';
import { auditDraft, certificateRecord, dns, NOON, serialOf } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

/**
 * 1 to 9, oldest first; every third is a workload's, 4 has expired, 5 and 6 are revoked (6 has expired as well),
 * 7 and 8 share a name, 7 to 9 an owner and a label, 9 expires soon.
 */
async function stocked(open: () => TestStore): Promise<TestStore> {
  const store = open();
  const record = (n: number): Promise<unknown> => {
    const workload = n % 3 === 0;
    const certificate = certificateRecord(n, {
      ...(workload && {
        issuer: 'workload',
        generation: 'workload-1',
        profile: 'workload',
        names: [{ kind: 'uri', value: `spiffe://example.test/app-${n}` }],
        principal: 'spiffe://example.test/app',
      }),
      ...(n > 6 && {
        owner: 'team-a',
        labels: { env: n === 8 ? 'staging' : 'production', 'app/tier': 'web:1' },
      }),
      ...((n === 7 || n === 8) && { names: [dns('a.example.test'), dns('shared.example.test')] }),
      notAfter: n === 4 || n === 6 ? NOON - DAY : n === 9 ? NOON + HOUR : NOON + 7 * DAY + n,
    });
    return store.ledger.record({ certificate, audit: [] });
  };
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map(record));
  store.revoke(serialOf(5), NOON - HOUR, 1);
  store.revoke(serialOf(6), NOON - HOUR, 4);
  return store;
}

const number = ({ serial }: StoredCertificate): number =>
  Array.from({ length: 10 }, (_, n) => n).find((n) => serialOf(n) === serial) ?? -1;

const SEARCHES: readonly [query: CertificateQuery, found: readonly number[]][] = [
  [{}, [9, 8, 7, 6, 5, 4, 3, 2, 1]],
  [{ name: 'shared.example.test' }, [8, 7]],
  [{ name: 'spiffe://example.test/app-3' }, [3]],
  [{ name: 'example.test' }, []],
  [{ name: 'SHARED.example.test' }, []],
  [{ name: '%' }, []],
  [{ serial: serialOf(2) }, [2]],
  [{ serial: 'not hexadecimal' }, []],
  [{ serial: serialOf(0) }, []],
  [{ fingerprint: certificateRecord(2).fingerprint }, [2]],
  [{ fingerprint: certificateRecord(2).keyFingerprint }, []],
  [{ fingerprint: 'x' }, []],
  [{ keyFingerprint: certificateRecord(2).keyFingerprint }, [2]],
  [{ keyFingerprint: certificateRecord(2).fingerprint }, []],
  [{ keyFingerprint: 'x' }, []],
  [{ owner: 'team-a' }, [9, 8, 7]],
  [{ owner: 'team' }, []],
  [{ owner: '' }, []],
  [{ owner: 'team-a', issuer: 'workload' }, [9]],
  [{ label: { key: 'env', value: 'production' } }, [9, 7]],
  [{ label: { key: 'app/tier', value: 'web:1' } }, [9, 8, 7]],
  [{ label: { key: 'env', value: '' } }, []],
  [{ label: { key: 'constructor', value: 'Object' } }, []],
  [{ label: { key: 'env', value: 'production' }, profile: 'server', state: 'valid' }, [7]],
  [{ label: { key: 'env', value: 'staging' }, name: 'shared.example.test' }, [8]],
  [{ label: { key: 'env', value: 'staging' }, serial: serialOf(7) }, []],
  [{ label: { key: 'env', value: 'production' }, owner: 'team-a', serial: serialOf(7) }, [7]],
  [{ issuer: 'workload' }, [9, 6, 3]],
  [{ profile: 'server' }, [8, 7, 5, 4, 2, 1]],
  [{ principal: 'spiffe://example.test/app' }, [9, 6, 3]],
  [{ state: 'valid' }, [9, 8, 7, 3, 2, 1]],
  [{ state: 'expired' }, [4]],
  [{ state: 'revoked' }, [6, 5]],
  [{ expiresBefore: NOON + 2 * HOUR }, [9, 6, 4]],
  [{ expiresBefore: NOON + HOUR }, [6, 4]],
  [{ expiresBefore: NOON + 2 * HOUR, state: 'valid' }, [9]],
  [{ expiresBefore: NOON + 2 * HOUR, state: 'expired' }, [4]],
  [{ expiresBefore: NOON + 2 * HOUR, state: 'revoked' }, [6]],
  [{ issuer: 'workload', state: 'valid' }, [9, 3]],
  [{ profile: 'server', state: 'revoked' }, [5]],
  [{ issuer: 'servers', profile: 'workload' }, []],
  [{ issuer: 'servers', profile: 'server', principal: 'spiffe://example.test/app' }, []],
  [{ name: 'shared.example.test', issuer: 'workload' }, []],
  [{ name: 'shared.example.test', serial: serialOf(7) }, [7]],
  [
    { name: 'shared.example.test', state: 'valid', expiresBefore: NOON + 30 * DAY, profile: 'server' },
    [8, 7],
  ],
  [{ serial: serialOf(5), state: 'valid' }, []],
];

export function inventoryContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the inventory`, () => {
    test.each(SEARCHES)('a search for %j finds %j, newest first', async (query, found) => {
      const { inventory } = await stocked(open);
      const page = inventory.search(query, NOON, 100);
      expect(page.certificates.map(number)).toEqual(found);
      expect(page.cursor).toBeUndefined();
    });

    test.each(SEARCHES)('a search for %j finds the same %j page by page', async (query, found) => {
      const { inventory } = await stocked(open);
      for (const limit of [1, 2, 3]) {
        const seen: number[] = [];
        let cursor: string | undefined;
        do {
          const page = inventory.search(query, NOON, limit, cursor);
          expect(page.certificates.length).toBeLessThanOrEqual(limit);
          seen.push(...page.certificates.map(number));
          cursor = page.cursor;
        } while (cursor !== undefined && seen.length < 100);
        expect(seen).toEqual(found);
      }
    });

    test('a certificate is valid to the end of the last second that it names, and not a moment longer', async () => {
      const { inventory } = await stocked(open);
      const states = (now: number): number =>
        inventory.search({ serial: serialOf(9), state: 'valid' }, now, 1).certificates.length;
      expect([NOON + HOUR, NOON + HOUR + 1].map(states)).toEqual([1, 0]);
    });

    test('certificates that came meanwhile do not move what is on the next page', async () => {
      const store = await stocked(open);
      const first = store.inventory.search({}, NOON, 4);
      await store.ledger.record({ certificate: certificateRecord(0), audit: [] });
      const second = store.inventory.search({}, NOON, 4, first.cursor);
      expect(second.certificates.map(number)).toEqual([5, 4, 3, 2]);
    });

    test('a name that stands in a certificate under two kinds finds it once', async () => {
      const { ledger, inventory } = open();
      const names = [{ kind: 'uri', value: 'twice' } as const, dns('twice')];
      await ledger.record({ certificate: certificateRecord(1, { names }), audit: [] });
      expect(inventory.search({ name: 'twice' }, NOON, 10).certificates).toHaveLength(1);
    });

    test.each([
      '',
      'x',
      'bm9wZQ',
      '../../etc/passwd',
      '%00',
      'YmVmb3JlIDA',
      'YmVmb3JlIDEK',
      'YmVmb3JlIDE=',
      'row-',
      '9'.repeat(5000),
    ])('the cursor %.40j is refused', async (cursor) => {
      const { inventory } = await stocked(open);
      expect(() => inventory.search({}, NOON, 10, cursor)).toThrow(
        expect.objectContaining({ code: 'invalid_cursor' }),
      );
    });

    test.each([0, -1, 501, 1.5, Number.NaN])('a page of %j certificates is refused', async (limit) => {
      const { inventory } = await stocked(open);
      expect(() => inventory.search({}, NOON, limit)).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      );
    });

    test('the first expiry is that of a certificate that is valid now', async () => {
      const store = await stocked(open);
      expect(store.inventory.firstExpiry(NOON)).toBe(NOON + HOUR);
      expect(store.inventory.firstExpiry(NOON + HOUR)).toBe(NOON + HOUR);
      expect(store.inventory.firstExpiry(NOON + HOUR + 1)).toBe(NOON + 7 * DAY + 1);
      store.revoke(serialOf(9), NOON, 1);
      expect(store.inventory.firstExpiry(NOON)).toBe(NOON + 7 * DAY + 1);
      expect(store.inventory.firstExpiry(NOON + 30 * DAY)).toBeUndefined();
    });

    test('what expired long ago is forgotten in batches; what is revoked, or the newest, only later or never', async () => {
      const store = await stocked(open);
      const { inventory, audit, ledger } = store;
      const forget = (expiredBefore: number, revokedExpiredBefore: number, limit = 10) =>
        store.forgetCertificates({ expiredBefore, revokedExpiredBefore, limit }, (count) => [
          auditDraft({ event: 'certificates.forgotten', details: { count } }),
        ]);
      const left = () => inventory.search({}, NOON, 10).certificates.map(number);
      const entries = audit.last()?.sequence ?? 0;
      expect(await forget(NOON - 2 * DAY, NOON - 2 * DAY)).toBe(0);
      expect(audit.last()?.sequence ?? 0).toBe(entries); // nothing happened
      expect(await forget(NOON, NOON - 2 * DAY)).toBe(1);
      expect(left()).toEqual([9, 8, 7, 6, 5, 3, 2, 1]); // 6 is revoked
      expect(JSON.parse(audit.last()?.body ?? '{}')).toMatchObject({ details: { count: 1 } });
      expect(await forget(NOON, NOON)).toBe(1);
      expect([left(), inventory.count()]).toEqual([[9, 8, 7, 5, 3, 2, 1], 7]);
      expect(ledger.findCertificate(serialOf(4))).toBeUndefined();
      expect(
        inventory.search({ name: certificateRecord(4).names[0]?.value ?? '' }, NOON, 10).certificates,
      ).toEqual([]);
      const far = NOON + 30 * DAY;
      expect([await forget(far, far, 4), await forget(far, far, 4), await forget(far, far, 4)]).toEqual([
        4, 2, 0,
      ]);
      expect([left(), inventory.count()]).toEqual([[9], 1]);
      await ledger.record({ certificate: certificateRecord(10), audit: [] });
      expect([left().length, inventory.count()]).toEqual([2, 2]);
    });

    test('a login is remembered; its time never goes back, and what is not on record is passed over', async () => {
      const { inventory, ledger, audit } = await stocked(open);
      const at = (n: number) => ledger.findCertificate(serialOf(n))?.presentedAt;
      const entries = audit.last()?.sequence ?? 0;
      expect(at(1)).toBeNull();
      await inventory.presented([
        { serial: serialOf(1), at: NOON },
        { serial: serialOf(0), at: NOON },
        { serial: serialOf(2), at: NOON + HOUR },
      ]);
      await inventory.presented([
        { serial: serialOf(1), at: NOON + HOUR },
        { serial: serialOf(2), at: NOON },
      ]);
      expect([at(1), at(2), at(3)]).toEqual([NOON + HOUR, NOON + HOUR, null]);
      expect(inventory.search({ serial: serialOf(1) }, NOON, 1).certificates[0]?.presentedAt).toBe(
        NOON + HOUR,
      );
      expect(audit.last()?.sequence ?? 0).toBe(entries);
    });

    test('the newest certificate that renewed another is found', async () => {
      const { inventory, ledger } = await stocked(open);
      const renews = serialOf(1);
      expect(inventory.renewal(renews)).toBeUndefined();
      for (const n of [20, 21])
        await ledger.record({ certificate: certificateRecord(n, { renews, issuedAt: NOON + n }), audit: [] });
      await ledger.record({ certificate: certificateRecord(22, { renews: serialOf(2) }), audit: [] });
      expect(inventory.renewal(renews)).toEqual({ serial: serialOf(21), issuedAt: NOON + 21 });
      for (const none of [serialOf(21), '', 'zz', serialOf(0)])
        expect(inventory.renewal(none)).toBeUndefined();
    });

    test('every certificate is counted, whatever became of it', async () => {
      expect((await stocked(open)).inventory.count()).toBe(9);
      expect(open().inventory.count()).toBe(0);
    });
  });
}
