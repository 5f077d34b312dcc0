/** What every backend of `AuditLog` keeps. */
import { describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { EMPTY_CHAIN, link } from '../../src/domain/audit/chain.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { AuditHead } from '../../src/domain/audit/head.ts';
import { auditDraft, NOON } from '../support/records.ts';
import type { StoreBackend, TestStore } from './store-backend.ts';

async function withEntries(open: () => TestStore, drafts: readonly AuditDraft[]): Promise<TestStore> {
  const store = open();
  await Promise.all(drafts.map((draft) => store.ledger.record({ audit: [draft] })));
  return store;
}

const fiveDrafts = Array.from({ length: 5 }, (_, i) =>
  auditDraft({ time: NOON + i * HOUR, requestId: `r${i + 1}` }),
);

const head = (sequence: number): AuditHead => ({
  sequence,
  hash: 'ab'.repeat(32),
  time: NOON + sequence,
  keyId: 'cd'.repeat(32),
  signature: 'c2lnbmF0dXJl',
});

export function auditLogContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the audit log`, () => {
    test('an empty log has neither entries nor heads', () => {
      const { audit } = open();
      expect(audit.last()).toBeUndefined();
      expect(audit.lastHead()).toBeUndefined();
      expect(audit.entries(1, 10)).toEqual([]);
      expect(audit.heads(1, 10)).toEqual([]);
    });

    test('entries are the links that follow from their drafts, to the octet', async () => {
      const drafts = [
        auditDraft({
          details: { text: 'ünïcode \u2028 "quoted" \u0000 \ud83d\ude00', deep: { b: [1, null], a: true } },
        }),
        auditDraft({ address: '2001:db8::1', event: 'request.refused', outcome: 'refused' }),
      ];
      const { audit } = await withEntries(open, drafts);
      let end = EMPTY_CHAIN;
      const links = drafts.map((draft) => (end = link(end, draft)));
      expect(audit.entries(1, 10)).toEqual(links);
      expect(audit.last()).toEqual(links[1]);
    });

    test.each([
      [1, 10, [1, 2, 3, 4, 5]],
      [3, 2, [3, 4]],
      [5, 1, [5]],
      [6, 10, []],
      [0, 2, [1, 2]],
    ])('entries from %i, at most %i, are %j', async (from, limit, sequences) => {
      const { audit } = await withEntries(open, fiveDrafts);
      expect(audit.entries(from, limit).map(({ sequence }) => sequence)).toEqual(sequences);
    });

    test('heads come back in order, from a sequence number on', async () => {
      const { audit } = await withEntries(open, fiveDrafts);
      for (const sequence of [2, 5, 3]) await audit.addHead(head(sequence));
      expect(audit.heads(1, 10)).toEqual([head(2), head(3), head(5)]);
      expect(audit.heads(3, 1)).toEqual([head(3)]);
      expect(audit.lastHead()).toEqual(head(5));
    });

    test('an entry is signed once', async () => {
      const { audit } = await withEntries(open, fiveDrafts);
      await audit.addHead(head(2));
      await expect(audit.addHead({ ...head(2), time: NOON })).rejects.toMatchObject({
        code: 'already_exists',
      });
      expect(audit.heads(1, 10)).toEqual([head(2)]);
    });
  });
}
