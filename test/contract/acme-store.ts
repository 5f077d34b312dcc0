/** What every backend of the ACME server's stores keeps, and how the Ledger claims orders. */
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../src/base/clock.ts';
import type { AcmeAccount } from '../../src/domain/acme/account.ts';
import type { AcmeAuthorization, ChallengeAttempt } from '../../src/domain/acme/authorization.ts';
import type { StoredExternalKey } from '../../src/domain/acme/external-key.ts';
import { idOfTime } from '../../src/domain/acme/ids.ts';
import type { AcmeOrder } from '../../src/domain/acme/order.ts';
import { auditDraft, certificateRecord, dns, NOON, serialOf } from '../support/records.ts';
import type { StoreBackend } from './store-backend.ts';

export const acmeId = (n: number, at = NOON): string =>
  idOfTime(at) + (n + 0x1000).toString(16).padStart(16, '0');
const fingerprintOf = (n: number): string => n.toString(16).padStart(64, '0');

const account = (n: number, fields: Partial<AcmeAccount> = {}): AcmeAccount => ({
  id: acmeId(n),
  issuer: 'servers',
  jwk: `{"n":${n}}`,
  keyFingerprint: fingerprintOf(n),
  contact: ['mailto:ann@example.test'],
  termsAgreedAt: null,
  externalKey: null,
  createdAt: NOON,
  deactivatedAt: null,
  ...fields,
});

const externalKey = (id: string, fields: Partial<StoredExternalKey> = {}): StoredExternalKey => ({
  id,
  issuer: 'servers',
  name: 'web team',
  names: { dns: ['**.example.test'] },
  preauthorized: null,
  profile: 'server',
  expiresAt: NOON + HOUR,
  uses: 2,
  createdBy: 'mtls:clients:spiffe://example.test/chancery/admin',
  createdAt: NOON,
  sealed: Buffer.from('sealed'),
  used: 0,
  revokedAt: null,
  ...fields,
});

const authorization = (n: number, fields: Partial<AcmeAuthorization> = {}): AcmeAuthorization => ({
  id: acmeId(n),
  issuer: 'servers',
  account: acmeId(1),
  name: dns('www.example.test'),
  wildcard: false,
  seed: Buffer.alloc(32, n),
  createdAt: NOON,
  expiresAt: NOON + DAY,
  deactivatedAt: null,
  preauthorizedBy: null,
  attempts: [],
  ...fields,
});

const order = (n: number, fields: Partial<AcmeOrder> = {}): AcmeOrder => ({
  id: acmeId(n),
  issuer: 'servers',
  account: acmeId(1),
  names: [dns('www.example.test')],
  authorizations: [acmeId(n)],
  profile: 'server',
  notBefore: null,
  notAfter: null,
  replaces: null,
  createdAt: NOON,
  expiresAt: NOON + DAY,
  certificate: null,
  refusal: null,
  ...fields,
});

const attempt = (fields: Partial<ChallengeAttempt> = {}): ChallengeAttempt => ({
  type: 'http-01',
  startedAt: NOON,
  validatedAt: NOON + 5,
  failedAt: null,
  problem: null,
  log: [{ after: 1, kind: 'http', target: 'http://www.example.test/', result: '200' }],
  ...fields,
});

const never = (): boolean => false;
const always = (): boolean => true;
const draft = auditDraft({});

export function acmeStoreContract({ name, open }: StoreBackend): void {
  describe(`${name} keeps the contract of the ACME stores`, () => {
    test('an account comes back as it was made, by its id and by its key at its directory', async () => {
      const { acme, audit } = open();
      expect(await acme.accounts.add(account(1, { termsAgreedAt: NOON }), [draft])).toEqual(
        account(1, { termsAgreedAt: NOON }),
      );
      expect(acme.accounts.find(acmeId(1))).toEqual(account(1, { termsAgreedAt: NOON }));
      expect(acme.accounts.findByKey('servers', fingerprintOf(1))?.id).toBe(acmeId(1));
      expect(acme.accounts.findByKey('clients', fingerprintOf(1))).toBeUndefined();
      expect(acme.accounts.hasKey(fingerprintOf(1))).toBe(true);
      expect(acme.accounts.hasKey(fingerprintOf(2))).toBe(false);
      expect(audit.last()?.sequence).toBe(1);
    });

    test('who comes second with a key gets the account that is there, and nothing is written', async () => {
      const { acme, audit } = open();
      const results = await Promise.all(
        [1, 2, 3].map((n) => acme.accounts.add(account(n, { keyFingerprint: fingerprintOf(9) }), [draft])),
      );
      const ids = new Set(results.map((result) => (result === 'spent' ? result : result.id)));
      expect(ids).toEqual(new Set([acmeId(1)]));
      expect(audit.last()?.sequence).toBe(1);
      const elsewhere = account(4, { keyFingerprint: fingerprintOf(9), issuer: 'clients' });
      expect(await acme.accounts.add(elsewhere, [])).toEqual(elsewhere);
    });

    test.each([
      ['used up', { uses: 1, used: 1 }],
      ['expired', { expiresAt: NOON - 1 }],
      ['revoked', { revokedAt: NOON }],
      ['of another directory', { issuer: 'clients' }],
    ])('an account is not made with an external key that is %s', async (_state, fields) => {
      const { acme, audit } = open();
      await acme.externalKeys.add(externalKey('k', fields), []);
      expect(await acme.accounts.add(account(1, { externalKey: 'k' }), [draft])).toBe('spent');
      expect(acme.accounts.find(acmeId(1))).toBeUndefined();
      expect(audit.last()).toBeUndefined();
    });

    test('uses of an external key are counted, also in a race', async () => {
      const { acme } = open();
      await acme.externalKeys.add(externalKey('k', { uses: 2 }), []);
      const results = await Promise.all(
        [1, 2, 3].map((n) => acme.accounts.add(account(n, { externalKey: 'k' }), [])),
      );
      expect(results.filter((result) => result === 'spent')).toHaveLength(1);
      expect(acme.externalKeys.find('k')).toEqual(externalKey('k', { uses: 2, used: 2 }));
    });

    test('changes of an account leave what they do not name, and the first deactivation stays', async () => {
      const { acme } = open();
      await acme.accounts.add(account(1), []);
      // what was read before a change is not what is read after it
      expect(acme.accounts.find(acmeId(1))).toEqual(account(1));
      await acme.accounts.change(acmeId(1), { contact: [] }, [draft]);
      await acme.accounts.change(acmeId(1), { termsAgreedAt: NOON + 1 }, []);
      await acme.accounts.change(acmeId(1), { deactivatedAt: NOON + 2 }, []);
      const after = await acme.accounts.change(acmeId(1), { deactivatedAt: NOON + 3 }, []);
      expect(after).toEqual(account(1, { contact: [], termsAgreedAt: NOON + 1, deactivatedAt: NOON + 2 }));
      expect(acme.accounts.find(acmeId(1))).toEqual(after);
      await expect(acme.accounts.change(acmeId(7), {}, [])).rejects.toMatchObject({ code: 'not_found' });
    });

    test('a key that another account of the directory has is not given to a second one', async () => {
      const { acme, audit } = open();
      await acme.accounts.add(account(1), []);
      await acme.accounts.add(account(2), []);
      const taken = { jwk: '{"n":2}', keyFingerprint: fingerprintOf(2) };
      expect((await acme.accounts.changeKey(acmeId(1), taken, [draft])).id).toBe(acmeId(2));
      expect(audit.last()).toBeUndefined();
      const fresh = { jwk: '{"n":3}', keyFingerprint: fingerprintOf(3) };
      expect(acme.accounts.find(acmeId(1))).toEqual(account(1));
      expect(await acme.accounts.changeKey(acmeId(1), fresh, [draft])).toEqual(account(1, fresh));
      expect(acme.accounts.find(acmeId(1))).toEqual(account(1, fresh));
      expect(acme.accounts.findByKey('servers', fingerprintOf(1))).toBeUndefined();
      expect(acme.accounts.findByKey('servers', fingerprintOf(3))?.id).toBe(acmeId(1));
    });

    test('accounts are listed newest first, page by page', async () => {
      const { acme } = open();
      for (const n of [1, 2, 3]) await acme.accounts.add(account(n), []);
      await acme.accounts.add(account(4, { issuer: 'clients' }), []);
      expect(acme.accounts.list(undefined, 2).map(({ id }) => id)).toEqual([acmeId(4), acmeId(3)]);
      expect(acme.accounts.list('servers', 5, acmeId(3)).map(({ id }) => id)).toEqual([acmeId(2), acmeId(1)]);
    });

    test('an external key comes back as it was made; revoking twice keeps the first time', async () => {
      const { acme } = open();
      const open1 = externalKey('k1', { names: null, uses: null, expiresAt: null, profile: null });
      await acme.externalKeys.add(open1, []);
      await acme.externalKeys.add(externalKey('k2', { createdAt: NOON + 1 }), []);
      expect(acme.externalKeys.find('k1')).toEqual(open1);
      expect(acme.externalKeys.list(5).map(({ id }) => id)).toEqual(['k2', 'k1']);
      await acme.externalKeys.revoke('k1', NOON + 1, [draft]);
      await acme.externalKeys.revoke('k1', NOON + 2, []);
      expect(acme.externalKeys.find('k1')?.revokedAt).toBe(NOON + 1);
      await expect(acme.externalKeys.revoke('k3', NOON, [])).rejects.toMatchObject({ code: 'not_found' });
    });

    test('an order comes back as it was made, with its authorizations', async () => {
      const { acme } = open();
      const full = order(1, { notBefore: NOON, notAfter: NOON + HOUR, replaces: serialOf(9) });
      expect(await acme.orders.add(full, [authorization(1)], [draft], always)).toBe('added');
      expect(acme.orders.find(acmeId(1))).toEqual(full);
      expect(acme.authorizations.find(acmeId(1))).toEqual(authorization(1));
    });

    test('RFC 9773 5: one order that stands replaces a certificate, also in a race', async () => {
      const { acme, audit } = open();
      const replaces = serialOf(9);
      const results = await Promise.all(
        [1, 2].map((n) => acme.orders.add(order(n, { replaces }), [authorization(n)], [draft], always)),
      );
      expect(results.sort()).toEqual(['added', 'replaced']);
      expect(audit.last()?.sequence).toBe(1);
      expect(acme.orders.list({}, 5)).toHaveLength(1);
      expect(await acme.orders.add(order(3, { replaces }), [], [], never)).toBe('added');
      expect(await acme.orders.add(order(4), [], [], always)).toBe('added');
    });

    test('whether an earlier order stands is asked with its authorizations', async () => {
      const { acme } = open();
      const replaces = serialOf(9);
      await acme.orders.add(order(1, { replaces }), [authorization(1)], [], always);
      const seen: unknown[] = [];
      await acme.orders.add(order(2, { replaces }), [authorization(2)], [], (...other) => {
        seen.push(other);
        return false;
      });
      expect(seen).toEqual([[order(1, { replaces }), [authorization(1)]]]);
    });

    test('orders are listed newest first, page by page, of an account or an issuer', async () => {
      const { acme } = open();
      for (const n of [1, 2, 3]) await acme.orders.add(order(n), [], [], never);
      await acme.orders.add(order(4, { account: acmeId(2), issuer: 'clients' }), [], [], never);
      const ids = (query: object, limit: number, before?: string): string[] =>
        acme.orders.list(query, limit, before).map(({ id }) => id);
      expect(ids({ account: acmeId(1) }, 2)).toEqual([acmeId(3), acmeId(2)]);
      expect(ids({ account: acmeId(1) }, 2, acmeId(2))).toEqual([acmeId(1)]);
      expect(ids({ issuer: 'clients' }, 5)).toEqual([acmeId(4)]);
      expect(ids({}, 5)).toHaveLength(4);
    });

    test('RFC 8555 7.4: an order gets one certificate, in the transaction that records it', async () => {
      const { acme, ledger, inventory, audit } = open();
      await acme.orders.add(order(1), [authorization(1)], [], never);
      await acme.orders.refuse(acmeId(1), 'no grant');
      expect(acme.orders.find(acmeId(1))?.refusal).toBe('no grant');
      const results = await Promise.all(
        [1, 2, 3].map((n) =>
          ledger.record({ certificate: certificateRecord(n), order: acmeId(1), audit: [draft] }),
        ),
      );
      expect(results.map(({ kind }) => kind).sort()).toEqual(['fulfilled', 'fulfilled', 'recorded']);
      expect(inventory.count()).toBe(1);
      expect(audit.last()?.sequence).toBe(1);
      const { certificate, refusal } = acme.orders.find(acmeId(1)) ?? {};
      expect([certificate, refusal]).toEqual([serialOf(1), null]);
      expect(acme.orders.findByCertificate(serialOf(1))?.id).toBe(acmeId(1));
      expect(acme.orders.findByCertificate(serialOf(2))).toBeUndefined();
      const nobodys = { certificate: certificateRecord(7), order: acmeId(5), audit: [] };
      expect(await ledger.record(nobodys)).toEqual({ kind: 'fulfilled' });
    });

    test('a certificate that is not recorded, because its key is blocked, takes no order', async () => {
      const store = open();
      await store.acme.orders.add(order(1), [], [], never);
      const certificate = certificateRecord(1);
      store.block(certificate.keyFingerprint);
      const result = await store.ledger.record({ certificate, order: acmeId(1), audit: [draft] });
      expect(result.kind).toBe('blocked');
      expect(store.acme.orders.find(acmeId(1))?.certificate).toBeNull();
    });

    test('RFC 8555 7.1.6: a challenge is begun once and ends once', async () => {
      const { acme, audit } = open();
      await acme.orders.add(order(1), [authorization(1)], [], never);
      const begun = await Promise.all([
        acme.authorizations.begin(acmeId(1), 'http-01', NOON),
        acme.authorizations.begin(acmeId(1), 'dns-01', NOON),
        acme.authorizations.begin(acmeId(5), 'dns-01', NOON),
      ]);
      expect(begun).toEqual([true, false, false]);
      expect(acme.authorizations.unsettled(5).map(({ id }) => id)).toEqual([acmeId(1)]);
      await acme.authorizations.settle(acmeId(1), attempt(), [draft]);
      await acme.authorizations.settle(
        acmeId(1),
        attempt({ validatedAt: null, failedAt: NOON + 9, problem: { type: 'dns', detail: 'no' } }),
        [draft],
      );
      expect(acme.authorizations.find(acmeId(1))).toEqual(authorization(1, { attempts: [attempt()] }));
      expect(acme.authorizations.unsettled(5)).toEqual([]);
      expect(audit.last()?.sequence).toBe(1);
    });

    test('RFC 8555 7.1.6: a challenge that ends before it is on record is begun and ended in one', async () => {
      const { acme, audit } = open();
      await acme.orders.add(order(1), [authorization(1)], [], never);
      await acme.authorizations.settle(acmeId(1), attempt({ startedAt: NOON + 1 }), [draft]);
      await acme.authorizations.settle(acmeId(1), attempt({ type: 'dns-01' }), [draft]);
      await acme.authorizations.settle(acmeId(1), attempt({ validatedAt: NOON + 9 }), [draft]);
      await acme.authorizations.settle(acmeId(5), attempt(), [draft]);
      expect(await acme.authorizations.begin(acmeId(1), 'http-01', NOON)).toBe(false);
      expect(acme.authorizations.find(acmeId(1))?.attempts).toEqual([attempt({ startedAt: NOON + 1 })]);
      expect(audit.last()?.sequence).toBe(1);
    });

    test('a failed challenge keeps its problem', async () => {
      const { acme } = open();
      await acme.orders.add(order(1), [authorization(1)], [], never);
      await acme.authorizations.begin(acmeId(1), 'http-01', NOON);
      const failed = attempt({
        validatedAt: null,
        failedAt: NOON + 9,
        problem: { type: 'dns', detail: 'NXDOMAIN' },
      });
      await acme.authorizations.settle(acmeId(1), failed, []);
      expect(acme.authorizations.find(acmeId(1))?.attempts).toEqual([failed]);
    });

    test('authorizations are found by account and name, newest first; the first deactivation stays', async () => {
      const { acme } = open();
      const all = [1, 2, 3].map((n) => authorization(n, { wildcard: n === 2 }));
      await acme.orders.add(order(1), [...all, authorization(4, { account: acmeId(8) })], [], never);
      await acme.authorizations.deactivate(acmeId(3), NOON + 1, [draft]);
      await acme.authorizations.deactivate(acmeId(3), NOON + 2, []);
      const found = acme.authorizations.findForName(acmeId(1), dns('www.example.test'), 2);
      expect(found).toEqual([{ ...all[2], deactivatedAt: NOON + 1 }, all[1]]);
      const other = { kind: 'ip', value: 'www.example.test' } as const;
      expect(acme.authorizations.findForName(acmeId(1), other, 2)).toEqual([]);
    });

    test('what is over is forgotten: failed orders with what never became valid, then all by age', async () => {
      const { acme, ledger } = open();
      const at = NOON - 10 * DAY;
      const [failed, valid, done] = [acmeId(1, at), acmeId(2, at), acmeId(3, at)];
      const old = { createdAt: at, expiresAt: at + DAY };
      await acme.orders.add(
        order(1, { id: failed, authorizations: [failed, valid], ...old }),
        [authorization(1, { id: failed, ...old }), authorization(2, { id: valid, ...old })],
        [],
        never,
      );
      await acme.authorizations.begin(valid, 'http-01', at);
      await acme.authorizations.settle(valid, attempt(), []);
      await acme.orders.add(order(3, { id: done, authorizations: [], ...old }), [], [], never);
      await ledger.record({ certificate: certificateRecord(1), order: done, audit: [] });
      await acme.orders.add(order(4), [authorization(4)], [], never);
      const what = { failedBefore: NOON, authorizationsBefore: at - 1, ordersBefore: at - 1, limit: 100 };
      expect(await acme.orders.prune(what)).toBe(1);
      expect(acme.orders.find(failed)).toBeUndefined();
      expect(acme.authorizations.find(failed)).toBeUndefined();
      expect(acme.authorizations.find(valid)).toBeDefined();
      expect(acme.orders.find(done)).toBeDefined();
      expect(await acme.orders.prune({ ...what, authorizationsBefore: at + 1, ordersBefore: at + 1 })).toBe(
        2,
      );
      expect(acme.authorizations.find(valid)).toBeUndefined();
      expect(acme.orders.find(done)).toBeUndefined();
      expect(acme.orders.find(acmeId(4))).toBeDefined();
      expect(acme.authorizations.find(acmeId(4))).toBeDefined();
    });

    test('RFC 8555 6.6: a bucket gives its burst at once, then one each interval; all or none are taken', async () => {
      const { acme } = open();
      const slow = { key: 'a', rate: { burst: 2, interval: MINUTE } };
      const wide = { key: 'b', rate: { burst: 100, interval: MINUTE } };
      expect(await acme.rates.take([slow, wide], NOON)).toEqual({ allowed: true });
      expect(await acme.rates.take([slow, wide], NOON)).toEqual({ allowed: true });
      const refused = { allowed: false, key: 'a', at: NOON + MINUTE };
      expect(await acme.rates.take([slow, wide], NOON)).toEqual(refused);
      expect(await acme.rates.take([wide, slow], NOON + MINUTE - 1)).toEqual(refused);
      expect(await acme.rates.take([slow], NOON + MINUTE)).toEqual({ allowed: true });
      expect(await acme.rates.prune(NOON + MINUTE)).toBe(0);
      expect(await acme.rates.prune(NOON + HOUR)).toBe(2);
    });

    test('RFC 8555 6.6: of a bucket that is looked at nothing is taken; full, it refuses the others', async () => {
      const { acme } = open();
      const one = { key: 'a', rate: { burst: 1, interval: MINUTE } };
      const other = { key: 'b', rate: { burst: 1, interval: MINUTE } };
      const look = { ...one, look: true };
      for (let i = 0; i < 3; i++) expect(await acme.rates.take([look], NOON)).toEqual({ allowed: true });
      expect(await acme.rates.take([one], NOON)).toEqual({ allowed: true });
      expect(await acme.rates.take([look, other], NOON)).toEqual({
        allowed: false,
        key: 'a',
        at: NOON + MINUTE,
      });
      expect(await acme.rates.take([other], NOON)).toEqual({ allowed: true });
    });

    test('RFC 9773 4.2: moved windows are found by issuer, newest first', async () => {
      const { acme } = open();
      const window = (n: number, issuer = 'servers') => ({
        id: acmeId(n),
        issuer,
        issuedUntil: NOON,
        start: NOON,
        end: NOON + HOUR,
        explanationUrl: n === 1 ? null : 'https://status.example.test/',
      });
      for (const one of [window(1), window(2), window(3, 'clients')]) await acme.windows.move(one, [draft]);
      expect(acme.windows.windows('servers')).toEqual([window(2), window(1)]);
    });
  });
}
