/** What every backend keeps of revocations that wait. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { ScheduledRevocation } from '../../src/domain/revocation/scheduled.ts';
import { auditDraft, NOON } from '../support/records.ts';
import type { StoreBackend } from './store-backend.ts';

const scheduled = (n: number, fields: Partial<ScheduledRevocation> = {}): ScheduledRevocation => ({
  ...{ id: `s${n}`, issuer: 'servers', issuedUntil: NOON, reason: 'superseded', dueAt: NOON + n * HOUR },
  ...{ createdBy: 'mtls:clients:dns:ann.example.test', rule: 'admin', createdAt: NOON + n },
  ...{ cancelledAt: null, doneAt: null, revoked: null },
  ...fields,
});
const draft = auditDraft({});

export function scheduledRevocationContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of scheduled revocations`, () => {
    test('one comes back as it was made; they are listed newest first, and due in the order of their time', async () => {
      const { scheduled: store, audit } = open();
      for (const n of [2, 1, 3]) await store.add(scheduled(n), [draft]);
      expect(store.find('s1')).toEqual(scheduled(1));
      expect(store.find('s9')).toBeUndefined();
      expect(store.list(2)).toEqual([scheduled(3), scheduled(2)]);
      expect(store.due(NOON + HOUR - 1)).toEqual([]);
      expect(store.due(NOON + 2 * HOUR)).toEqual([scheduled(1), scheduled(2)]);
      expect(audit.last()?.sequence).toBe(3);
    });

    test('one ends once: cancelled or done, whoever is first, also in a race', async () => {
      const { scheduled: store, audit } = open();
      for (const n of [1, 2, 3]) await store.add(scheduled(n), []);
      expect(await store.cancel('s1', NOON + 5, [draft])).toBe(true);
      expect(await store.finish('s1', NOON + 6, 7, [draft])).toBe(false);
      expect(await store.finish('s2', NOON + 6, 7, [draft])).toBe(true);
      expect(await store.cancel('s2', NOON + 7, [draft])).toBe(false);
      expect(await store.cancel('s9', NOON, [draft])).toBe(false);
      const race = await Promise.all([
        store.cancel('s3', NOON, [draft]),
        store.finish('s3', NOON, 1, [draft]),
      ]);
      expect(race.filter(Boolean)).toHaveLength(1);
      expect(store.find('s1')).toEqual(scheduled(1, { cancelledAt: NOON + 5 }));
      expect(store.find('s2')).toEqual(scheduled(2, { doneAt: NOON + 6, revoked: 7 }));
      expect(store.due(NOON + DAY)).toEqual([]);
      expect(audit.last()?.sequence).toBe(3);
    });
  });
}
