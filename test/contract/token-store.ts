/** What every backend of `TokenStore` keeps, and how the Ledger claims uses. */
import { describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import type { Token } from '../../src/domain/identity/token.ts';
import { fromUtf8, sha256 } from '../../src/x509/bytes.ts';
import { auditDraft, certificateRecord, dns, idempotencyClaim, NOON } from '../support/records.ts';
import type { StoreBackend } from './store-backend.ts';

const token = (id: string, fields: Partial<Token> = {}): Token => ({
  id,
  issuer: 'servers',
  profile: 'server',
  names: [dns('www.example.test')],
  maxTtl: null,
  uses: 1,
  expiresAt: NOON + HOUR,
  createdBy: 'mtls:clients:spiffe://example.test/chancery/admin',
  createdAt: NOON,
  owner: null,
  ...fields,
});

const secret = (text: string): Uint8Array => sha256(fromUtf8(text));
const created = auditDraft({ event: 'token.created' });

export function tokenStoreContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the token store`, () => {
    test('a token comes back as it was made, by id and by the hash of its secret', async () => {
      const { tokens, audit } = open();
      await tokens.add(token('a1', { maxTtl: HOUR, owner: 'web' }), secret('one'), [created]);
      const stored = { ...token('a1', { maxTtl: HOUR, owner: 'web' }), used: 0, revokedAt: null };
      expect(tokens.find('a1')).toEqual(stored);
      expect(tokens.findBySecret(secret('one'))).toEqual(stored);
      expect(tokens.findBySecret(secret('two'))).toBeUndefined();
      expect(audit.last()?.sequence).toBe(1);
    });

    test('the newest are listed first', async () => {
      const { tokens } = open();
      for (const n of [1, 2, 3])
        await tokens.add(token(`t${n}`, { createdAt: NOON + n }), secret(`${n}`), []);
      expect(tokens.list(2).map(({ id }) => id)).toEqual(['t3', 't2']);
    });

    test('a use is claimed with the certificate, and the one too many leaves nothing', async () => {
      const { tokens, ledger, inventory, audit } = open();
      await tokens.add(token('once'), secret('one'), []);
      const use = { id: 'once', at: NOON };
      const draft = auditDraft({});
      const results = await Promise.all(
        [1, 2, 3].map((n) =>
          ledger.record({ certificate: certificateRecord(n), token: use, audit: [draft] }),
        ),
      );
      expect(results.map(({ kind }) => kind).sort()).toEqual(['recorded', 'spent', 'spent']);
      expect(inventory.count()).toBe(1);
      expect(audit.last()?.sequence).toBe(1);
      expect(tokens.find('once')?.used).toBe(1);
    });

    test('a use that is refused gives its Idempotency-Key back', async () => {
      const { tokens, ledger } = open();
      await tokens.add(token('spent', { uses: 1 }), secret('one'), []);
      await ledger.record({ certificate: certificateRecord(1), token: { id: 'spent', at: NOON }, audit: [] });
      const claim = idempotencyClaim({});
      const refused = await ledger.record({
        certificate: certificateRecord(2),
        claim,
        token: { id: 'spent', at: NOON },
        audit: [],
      });
      expect(refused).toEqual({ kind: 'spent' });
      expect(ledger.findClaim(claim.principal, claim.key)).toBeUndefined();
    });

    test.each([
      ['expired', { expiresAt: NOON - 1 }, false],
      ['revoked', {}, true],
    ])('one that is %s has no use left', async (_state, fields, revoke) => {
      const { tokens, ledger } = open();
      await tokens.add(token('dead', { uses: 5, ...fields }), secret('one'), []);
      if (revoke) await tokens.revoke('dead', NOON, [auditDraft({ event: 'token.revoked' })]);
      const result = await ledger.record({
        certificate: certificateRecord(1),
        token: { id: 'dead', at: NOON },
        audit: [],
      });
      expect(result).toEqual({ kind: 'spent' });
    });

    test('revoking twice keeps the first time, and what is not there cannot be revoked', async () => {
      const { tokens } = open();
      await tokens.add(token('r1'), secret('one'), []);
      await tokens.revoke('r1', NOON, []);
      await tokens.revoke('r1', NOON + 5, []);
      expect(tokens.find('r1')?.revokedAt).toBe(NOON);
      await expect(tokens.revoke('nobody', NOON, [])).rejects.toMatchObject({ code: 'not_found' });
    });

    test('what expired long ago is forgotten', async () => {
      const { tokens } = open();
      await tokens.add(token('old', { expiresAt: NOON }), secret('one'), []);
      await tokens.add(token('new'), secret('two'), []);
      expect(await tokens.prune(NOON + 1)).toBe(1);
      expect(tokens.list(10).map(({ id }) => id)).toEqual(['new']);
    });
  });
}
