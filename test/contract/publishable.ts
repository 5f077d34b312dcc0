/** What every backend of `PublishableSerials` finds. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { PublishableCursor, PublishableSerials } from '../../src/domain/revocation/publication.ts';
import { certificateRecord, NOON, serialOf } from '../support/records.ts';
import type { TestStore } from './store-backend.ts';

export interface PublishableBackend {
  readonly name: string;
  readonly open: () => { readonly store: TestStore; readonly serials: PublishableSerials };
}

/** All pages. */
function walk(serials: PublishableSerials, now: number, limit: number): string[] {
  const found: string[] = [];
  let cursor: PublishableCursor | undefined;
  do {
    const page = serials.unexpired(now, limit, cursor);
    expect(page.serials.length).toBeLessThanOrEqual(limit * 2);
    found.push(...page.serials.map(({ generation, serial }) => `${generation} ${serial}`));
    cursor = page.next;
  } while (cursor !== undefined);
  return found.sort();
}

export function publishableContract({ name, open }: PublishableBackend): void {
  describe(`${name} keeps the contract of serials to sign ahead for`, () => {
    const filled = async () => {
      const { store, serials } = open();
      // several of one moment, so that a page ends between them
      for (let n = 1; n <= 7; n++)
        await store.ledger.record({
          certificate: certificateRecord(n, { notAfter: NOON + (n <= 2 ? HOUR : 7 * DAY) }),
          audit: [],
        });
      await store.revocations.addKnown(
        [
          { generation: 'old-1', serial: '8001', shard: 0, notAfter: NOON + 7 * DAY },
          { generation: 'old-1', serial: '8002', shard: 0, notAfter: NOON + 7 * DAY },
          { generation: 'old-2', serial: '8001', shard: 0, notAfter: NOON + 7 * DAY },
          { generation: 'old-2', serial: '8003', shard: 0, notAfter: NOON + HOUR },
        ],
        [],
      );
      return { store, serials };
    };

    test.each([1, 2, 3, 100])('every unexpired one is in one page of %i, revoked or not', async (limit) => {
      const { store, serials } = await filled();
      const { serial, generation, shard, notAfter } = certificateRecord(4);
      await store.revocations.revoke(
        [
          {
            revocation: { serial, generation, shard, notAfter, revokedAt: NOON, reason: 'superseded' },
            blockKey: undefined,
            audit: [],
          },
        ],
        NOON,
      );
      const expected = [
        ...[3, 4, 5, 6, 7].map((n) => `servers-1 ${serialOf(n)}`),
        ...['old-1 8001', 'old-1 8002', 'old-2 8001'],
      ].sort();
      expect(walk(serials, NOON + DAY, limit)).toEqual(expected);
    });

    test('at the last moment of its life a certificate is still there', async () => {
      const { serials } = await filled();
      expect(walk(serials, NOON + HOUR, 100)).toHaveLength(11);
      expect(walk(serials, NOON + HOUR + 1, 100)).toHaveLength(8);
    });

    test('counts up to a limit', async () => {
      const { serials } = await filled();
      expect(serials.countUnexpired(NOON, 100)).toBe(11);
      expect(serials.countUnexpired(NOON + DAY, 100)).toBe(8);
      expect(serials.countUnexpired(NOON, 5)).toBe(5);
    });

    test('what was revoked since a sequence, lowest first, without what expired', async () => {
      const { store, serials } = await filled();
      const orders = [5, 1, 3].map((n) => {
        const { serial, generation, shard, notAfter } = certificateRecord(n, {
          notAfter: NOON + (n <= 2 ? HOUR : 7 * DAY),
        });
        return {
          revocation: { serial, generation, shard, notAfter, revokedAt: NOON, reason: 'superseded' as const },
          blockKey: undefined,
          audit: [],
        };
      });
      await store.revocations.revoke(orders, NOON);
      const since = (sequence: number, now: number, limit = 10) =>
        serials.revokedSince('servers-1', sequence, now, limit).map(({ serial }) => serial);
      expect(since(0, NOON)).toEqual([5, 1, 3].map(serialOf));
      expect(since(0, NOON, 2)).toEqual([5, 1].map(serialOf));
      expect(since(1, NOON + DAY)).toEqual([serialOf(3)]);
      expect(since(3, NOON)).toEqual([]);
      expect(serials.revokedSince('old-1', 0, NOON, 10)).toEqual([]);
    });
  });
}
