/** What every backend of `GrantStore` keeps. */
import { describe, expect, test } from 'vitest';
import type { StoredGrant } from '../../src/domain/identity/ports.ts';
import { auditDraft, NOON } from '../support/records.ts';
import type { StoreBackend } from './store-backend.ts';

const grant = (name: string, fields: Partial<StoredGrant> = {}): StoredGrant => ({
  name,
  spec: {
    name,
    principal: 'spiffe://example.test/web/**',
    verbs: ['issue', 'renew'],
    issuer: 'servers',
    profiles: ['server'],
    dns: ['**.example.test'],
    maxTtl: '7d',
  },
  createdBy: 'spiffe://example.test/chancery/admin',
  createdAt: NOON,
  ...fields,
});

const created = auditDraft({ event: 'grant.created' });
const changed = auditDraft({ event: 'grant.changed' });
const deleted = auditDraft({ event: 'grant.deleted' });

export function grantStoreContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the grant store`, () => {
    test('grants come back as they were made, by name, each with its audit entry', async () => {
      const { grants, audit } = open();
      await grants.add(grant('web-b'), [created]);
      await grants.add(grant('web-a'), [created]);
      expect(grants.list()).toEqual([grant('web-a'), grant('web-b')]);
      expect(audit.last()?.sequence).toBe(2);
    });

    test('a name is taken once, also by two at once, and the loser leaves no audit entry', async () => {
      const { grants, audit } = open();
      const results = await Promise.allSettled([
        grants.add(grant('web'), [created]),
        grants.add(grant('web', { createdBy: 'somebody else' }), [created]),
      ]);
      expect(results).toEqual([
        { status: 'fulfilled', value: undefined },
        { status: 'rejected', reason: expect.objectContaining({ code: 'already_exists' }) },
      ]);
      expect(grants.list()).toEqual([grant('web')]);
      expect(audit.last()?.sequence).toBe(1);
    });

    test('a grant that is removed is gone, and its name free', async () => {
      const { grants, audit } = open();
      await grants.add(grant('web'), [created]);
      await grants.remove('web', [deleted]);
      expect(grants.list()).toEqual([]);
      expect(JSON.parse(audit.last()?.body ?? '')).toMatchObject({ event: 'grant.deleted', sequence: 2 });
      await grants.add(grant('web'), [created]);
      expect(grants.list()).toEqual([grant('web')]);
    });

    test('a grant that is replaced says something else, and is still of whoever made it', async () => {
      const { grants, audit } = open();
      await grants.add(grant('web'), [created]);
      const spec = { ...grant('web').spec, maxTtl: '1d' };
      await grants.replace(grant('web', { spec, createdBy: 'somebody else', createdAt: NOON + 1 }), [
        changed,
      ]);
      expect(grants.list()).toEqual([grant('web', { spec })]);
      expect(JSON.parse(audit.last()?.body ?? '')).toMatchObject({ event: 'grant.changed', sequence: 2 });
    });

    test('a grant that is not there cannot be replaced', async () => {
      const { grants, audit } = open();
      await expect(grants.replace(grant('web'), [changed])).rejects.toMatchObject({ code: 'not_found' });
      expect([grants.list(), audit.last()]).toEqual([[], undefined]);
    });

    test('a grant that is not there cannot be removed', async () => {
      const { grants, audit } = open();
      await expect(grants.remove('web', [deleted])).rejects.toMatchObject({ code: 'not_found' });
      expect(audit.last()).toBeUndefined();
    });
  });
}
