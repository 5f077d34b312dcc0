/** Step by step: who may, all or nothing, in which order, and who is told. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../../src/base/clock.ts';
import { ChanceryError } from '../../../src/base/errors.ts';
import { ALL_NAMES, type Grant, type GrantSpec } from '../../../src/domain/identity/grant.ts';
import { grantsOf } from '../../../src/domain/identity/token-login.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import type { Principal } from '../../../src/domain/identity/principal.ts';
import type { CertificateRecord } from '../../../src/domain/issuance/ports.ts';
import { RESPONDER_PRINCIPAL } from '../../../src/domain/issuance/responder.ts';
import { impact } from '../../../src/domain/revocation/impact.ts';
import { keyStatement, STATEMENT_TYPE } from '../../../src/domain/revocation/key-statement.ts';
import { BlockBudget, revokeLeakedKey } from '../../../src/domain/revocation/leaked-key.ts';
import type { RevocationPorts, RevocationRequest } from '../../../src/domain/revocation/request.ts';
import { NOT_BLOCKED, revoke } from '../../../src/domain/revocation/revoke.ts';
import { fromUtf8, toHex } from '../../../src/x509/bytes.ts';
import { signCompactJws } from '../../../src/x509/jws.ts';
import type { KeyPair } from '../../../src/x509/key-pair.ts';
import { generateKeyPair } from '../../../src/x509/key-pair.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { MemoryStore } from '../../fakes/memory-store.ts';
import { makeAuthority, TRUST_DOMAIN } from '../../support/authority.ts';
import { keyOf } from '../../support/keys.ts';
import { DOOR, grantOf, service, SERVICE_ID } from '../../support/pipeline.ts';
import { certificateRecord, dns, serialOf } from '../../support/records.ts';

const OPERATOR: GrantSpec = {
  name: 'operator',
  principal: SERVICE_ID,
  verbs: ['revoke'],
  issuer: '*',
  profiles: ['*'],
  ...ALL_NAMES,
};
const mtls = (id: string, serial = '0a'): Principal => ({
  kind: 'mtls',
  issuer: 'clients',
  names: parseNames({ uri: [id] }),
  serial,
});

const NARROW: GrantSpec = {
  ...OPERATOR,
  name: 'narrow',
  uri: [],
  ip: [],
  email: [],
  dns: ['host-1.example.test'],
};

let der: Uint8Array;
let pair: KeyPair;
let clock: FakeClock;
let store: MemoryStore;
let told: string[];
let grants: readonly Grant[];
let ports: RevocationPorts;

beforeAll(async () => {
  der = (await makeAuthority({ issuer: 'servers', now: Date.now() })).generation.certificate.raw;
  pair = await keyOf('ecdsa-p256', 'leaked');
});

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryStore();
  told = [];
  grants = [grantOf(OPERATOR)];
  ports = {
    clock,
    trustDomain: TRUST_DOMAIN,
    grantsOf: (principal) => grantsOf(principal, grants),
    ledger: store.ledger,
    inventory: store.inventory,
    store: store.revocations,
    generations: () => [
      { id: 'clients-1', issuer: 'clients' },
      { id: 'servers-1', issuer: 'servers' },
    ],
    revoked: (generation, shard) => told.push(`${generation}/${shard}`),
    pause: () => Promise.resolve(),
  };
});

async function record(n: number, fields: Partial<CertificateRecord> = {}): Promise<CertificateRecord> {
  const now = clock.now();
  const life = { notBefore: now - HOUR, issuedAt: now - HOUR, notAfter: now + DAY };
  const certificate = certificateRecord(n, { der, ...life, ...fields });
  await store.ledger.record({ certificate, audit: [] });
  return certificate;
}

const ask = (fields: Partial<RevocationRequest>): Promise<Awaited<ReturnType<typeof revoke>>> =>
  revoke(ports, {
    principal: service,
    door: DOOR,
    selection: { kind: 'serials', serials: [serialOf(1)] },
    reason: 'unspecified',
    ...fields,
  });

const events = (): string[] => store.entries.map(({ body }) => (JSON.parse(body) as { event: string }).event);

describe('revoking', () => {
  test('records first and tells after, each shard once; who is revoked already is no news', async () => {
    for (let n = 1; n <= 3; n++) await record(n, { shard: n === 3 ? 5 : 4 });
    const seen: boolean[] = [];
    const selection = { kind: 'serials', serials: [1, 2, 3].map(serialOf) } as const;
    ports = {
      ...ports,
      revoked(generation, shard) {
        told.push(`${generation}/${shard}`);
        seen.push(store.ledger.findRevocation(serialOf(1)) === clock.now());
      },
    };
    await ask({ selection });
    expect([told, seen]).toEqual([
      ['servers-1/4', 'servers-1/5'],
      [true, true],
    ]);
    const again = await ask({ selection });
    expect(again.results.map(({ result }) => result)).toEqual(['already', 'already', 'already']);
    expect(told).toHaveLength(2);
    expect(events()).toEqual(Array(3).fill('certificate.revoked'));
  });

  test('a store that does not record leaves nothing, and nobody is told', async () => {
    await record(1);
    store.failWith = new ChanceryError('store_unavailable', 'the disk is full');
    await expect(ask({})).rejects.toMatchObject({ code: 'store_unavailable' });
    expect([told, store.ledger.findRevocation(serialOf(1))]).toEqual([[], null]);
  });

  test('a search goes through page after page, each in a transaction of its own', async () => {
    for (let n = 0; n < 600; n++) await record(n, { owner: 'many', shard: 0 });
    await record(1000, { owner: 'many', shard: 0, notAfter: clock.now() - 1 });
    const selection = { kind: 'search', search: { owner: 'many' } } as const;
    const { results, more } = await ask({ selection, expectedCount: 600 });
    expect([results.length, new Set(results.map(({ serial }) => serial)).size, more]).toEqual([
      600,
      600,
      false,
    ]);
    expect(told).toHaveLength(3);
    expect(await ask({ selection })).toEqual({ results: [], more: false, notices: [] });
  });

  test('of an issuer leaves its OCSP responders alone, unless they are meant', async () => {
    await record(1);
    await record(2, { principal: RESPONDER_PRINCIPAL, names: [] });
    const search = { issuer: 'servers' };
    const { results } = await ask({ selection: { kind: 'search', search }, expectedCount: 1 });
    expect(results.map(({ serial }) => serial)).toEqual([serialOf(1)]);
    const meant = await ask({ selection: { kind: 'search', search: { principal: RESPONDER_PRINCIPAL } } });
    expect(meant.results.map(({ serial }) => serial)).toEqual([serialOf(2)]);
  });

  test('what was cut off between two transactions is taken up by the same request', async () => {
    for (let n = 0; n < 300; n++) await record(n, { owner: 'many' });
    const selection = { kind: 'search', search: { owner: 'many' } } as const;
    ports = { ...ports, pause: () => Promise.reject(new Error('kill -9')) };
    await expect(ask({ selection })).rejects.toThrow('kill -9');
    ports = { ...ports, pause: () => Promise.resolve() };
    expect((await ask({ selection })).results).toHaveLength(44);
    expect(events()).toHaveLength(300);
  });

  test('of an expired certificate is refused, unless it is revoked already', async () => {
    await record(1, { notAfter: clock.now() - 1 });
    await expect(ask({})).rejects.toMatchObject({ code: 'certificate_expired' });
    store.revoke(serialOf(1), clock.now(), 0);
    expect((await ask({})).results).toMatchObject([{ result: 'already' }]);
  });

  test('goes on where the clock went back', async () => {
    await record(1);
    clock.advance(-2 * HOUR);
    expect((await ask({})).results).toMatchObject([{ result: 'revoked' }]);
  });
});

describe('deny by default', () => {
  test.each<[string, Principal, readonly GrantSpec[]]>([
    ['nobody has a grant', service, []],
    ['the verb is another', service, [{ ...OPERATOR, verbs: ['issue', 'renew', 'read', 'admin'] }]],
    ['the issuer is another', service, [{ ...OPERATOR, issuer: 'clients' }]],
    ['the profile is another', service, [{ ...OPERATOR, profiles: ['client'] }]],
    ['a name is in no pattern', service, [{ ...OPERATOR, dns: ['*.other.test'] }]],
    ['it is somebody else’s', mtls('spiffe://example.test/x'), [OPERATOR]],
    ['it is one’s own certificate', mtls('spiffe://example.test/service', serialOf(1)), []],
    ['nobody knows who it is', { kind: 'anonymous' }, [OPERATOR]],
  ])('%s', async (_, principal, specs) => {
    await record(1);
    grants = specs.map((spec) => grantOf(spec));
    await expect(ask({ principal })).rejects.toMatchObject({ code: 'not_granted' });
    expect(events()).toEqual([]);
  });

  test('a certificate without names is nobody’s but who may revoke all of the issuer', async () => {
    await record(1, { names: [] });
    grants = [grantOf(NARROW)];
    await expect(ask({})).rejects.toMatchObject({ code: 'not_granted' });
    grants = [grantOf({ ...OPERATOR, issuer: 'servers', profiles: ['server'] })];
    expect((await ask({})).results).toMatchObject([{ result: 'revoked' }]);
  });

  test('two names, of which one is granted, are not granted', async () => {
    await record(1, { names: [dns('host-1.example.test'), dns('b.example.test')] });
    grants = [grantOf(NARROW)];
    await expect(ask({})).rejects.toMatchObject({ code: 'not_granted' });
  });

  test('keyCompromise by who may revoke one issuer only blocks nothing', async () => {
    const { keyFingerprint } = await record(1);
    grants = [grantOf(NARROW)];
    expect((await ask({ reason: 'keyCompromise' })).notices).toEqual([NOT_BLOCKED]);
    expect(store.ledger.isKeyBlocked(keyFingerprint)).toBe(false);
    // an admin of everything speaks for keys, and needs the verb to revoke all the same
    grants = [grantOf(NARROW), grantOf({ ...OPERATOR, name: 'all', verbs: ['admin'] })];
    expect(await ask({ reason: 'keyCompromise' })).toEqual({
      results: [{ serial: serialOf(1), result: 'blocked', keyBlocked: true }],
      more: false,
      notices: [],
    });
  });
});

describe('a serial number without a certificate on record', () => {
  const know = (notAfter = clock.now() + DAY): Promise<void> => {
    const { serial, generation } = certificateRecord(7);
    return store.revocations.addKnown([{ serial, generation, shard: 2, notAfter }], []);
  };
  const selection = { kind: 'serials', serials: [serialOf(7), serialOf(1)] } as const;

  test('is revoked with the others, its key is not blocked, and the impact counts it', async () => {
    await know();
    await record(1, { shard: 1 });
    expect(await impact(ports, service, selection)).toMatchObject({
      count: 2,
      unrecorded: 1,
      refused: 0,
      blocksKeys: false,
    });
    const { results, notices } = await ask({ selection, reason: 'keyCompromise', expectedCount: 2 });
    expect(results).toEqual([
      { serial: serialOf(7), result: 'revoked', keyBlocked: false },
      { serial: serialOf(1), result: 'revoked', keyBlocked: true },
    ]);
    expect([told, notices]).toEqual([['servers-1/2', 'servers-1/1'], [NOT_BLOCKED]]);
    expect(store.revocations.status('servers-1', serialOf(7))).toMatchObject({ kind: 'revoked' });
  });

  test.each<[string, GrantSpec[], string]>([
    ['one profile of its issuer', [{ ...OPERATOR, profiles: ['server'] }], 'not_granted'],
    ['some names', [{ ...OPERATOR, dns: ['*.example.test'] }], 'not_granted'],
    ['another issuer', [{ ...OPERATOR, issuer: 'clients' }], 'not_granted'],
  ])('is not revoked by who may revoke %s only, and nothing else is', async (_, specs, code) => {
    await know();
    await record(1);
    grants = specs.map((spec) => grantOf(spec));
    await expect(ask({ selection })).rejects.toMatchObject({ code });
    expect(await impact(ports, service, selection)).toMatchObject({ count: 2, unrecorded: 1 });
    expect([told, events()]).toEqual([[], []]);
  });

  test('is refused once it expired', async () => {
    await know(clock.now() - 1);
    await record(1);
    await expect(ask({ selection })).rejects.toMatchObject({ code: 'certificate_expired' });
    expect(events()).toEqual([]);
  });
});

describe('a leaked key', () => {
  const budget = new BlockBudget();
  const statementBy = (by: KeyPair): string => {
    const header = { typ: STATEMENT_TYPE, jwk: by.publicKey.keyObject.export({ format: 'jwk' }) };
    const claims = keyStatement(by.publicKey, TRUST_DOMAIN, clock.now());
    return signCompactJws(by, header, fromUtf8(JSON.stringify(claims)));
  };

  test('is blocked with its first certificate, and told', async () => {
    const keyFingerprint = toHex(pair.publicKey.fingerprint);
    await record(1, { keyFingerprint });
    await record(2, { keyFingerprint, notAfter: clock.now() - 1 });
    const report = await revokeLeakedKey(ports, statementBy(pair), DOOR, budget);
    expect(report.results).toEqual([{ serial: serialOf(1), result: 'revoked', keyBlocked: true }]);
    expect([store.ledger.isKeyBlocked(keyFingerprint), told.length]).toEqual([true, 1]);
    expect(events()).toEqual(['certificate.revoked']);
  });

  test('is blocked where all its certificates expired', async () => {
    const keyFingerprint = toHex(pair.publicKey.fingerprint);
    await record(1, { keyFingerprint, notAfter: clock.now() - 1 });
    const report = await revokeLeakedKey(ports, statementBy(pair), DOOR, budget);
    expect([report.results, store.ledger.isKeyBlocked(keyFingerprint)]).toEqual([[], true]);
    expect(events()).toEqual(['key.blocked']);
  });

  test('a certificate that was recorded just before the block is revoked with it', async () => {
    const keyFingerprint = toHex(pair.publicKey.fingerprint);
    const { revocations } = store;
    ports = {
      ...ports,
      store: {
        revoke: (orders, at) => revocations.revoke(orders, at),
        find: (generation, serial) => revocations.find(generation, serial),
        status: (generation, serial) => revocations.status(generation, serial),
        unseen: (limit) => revocations.unseen(limit),
        seen: (marks) => revocations.seen(marks),
        addKnown: (serials, audit) => revocations.addKnown(serials, audit),
        findKnown: (generation, serial) => revocations.findKnown(generation, serial),
        async block(key, audit) {
          await record(1, { keyFingerprint });
          return revocations.block(key, audit);
        },
      },
    };
    const report = await revokeLeakedKey(ports, statementBy(pair), DOOR, budget);
    expect(report.results).toMatchObject([{ serial: serialOf(1), result: 'revoked' }]);
  });

  test('strangers cannot fill the log with keys of their own; those of our certificates are always taken', async () => {
    const own = new BlockBudget();
    for (let i = 0; i < 200; i++) own.take(clock.now());
    const stranger = await generateKeyPair('ed25519');
    const refused = revokeLeakedKey(ports, statementBy(stranger), DOOR, own);
    await expect(refused).rejects.toMatchObject({ code: 'too_many_requests', detail: { retryAfter: 3600 } });
    expect(events()).toEqual([]);
    await record(1, { keyFingerprint: toHex(pair.publicKey.fingerprint) });
    const report = await revokeLeakedKey(ports, statementBy(pair), DOOR, own);
    expect(report.results).toHaveLength(1);
    clock.advance(HOUR);
    await revokeLeakedKey(ports, statementBy(stranger), DOOR, own);
    expect(events()).toEqual(['certificate.revoked', 'key.blocked']);
  });
});

describe('the impact', () => {
  test('counts all, shows a hundred, and says what the caller may not revoke', async () => {
    for (let n = 1; n <= 150; n++)
      await record(n, { owner: n % 2 === 0 ? 'even' : 'odd', issuer: 'servers' });
    const search = { kind: 'search', search: { issuer: 'servers' } } as const;
    const all = await impact(ports, service, search);
    expect(all).toMatchObject({
      count: 150,
      complete: true,
      refused: 0,
      owners: 2,
      principals: 1,
      blocksKeys: true,
    });
    expect([all.shown.length, all.byIssuer.get('servers')]).toEqual([100, 150]);
    expect(all.latest).toBe(clock.now() + DAY);
    grants = [grantOf(NARROW)];
    const few = await impact(ports, service, search);
    expect(few).toMatchObject({ count: 150, refused: 149, owners: 1, blocksKeys: false });
    expect(few.shown.map(({ certificate }) => certificate.serial)).toEqual([serialOf(1)]);
    expect([told, events()]).toEqual([[], []]);
  });

  test('tells a renewal from a replacement, and neither from what came before', async () => {
    const names = [dns('one.example.test')];
    const now = clock.now();
    await record(1, { names, issuedAt: now - 3 * HOUR });
    await record(2, { names, issuedAt: now - 2 * HOUR, renews: serialOf(1) });
    await record(3, { names: [...names, dns('two.example.test')], issuedAt: now - HOUR });
    const search = { kind: 'search', search: { name: 'one.example.test' } } as const;
    const { shown } = await impact(ports, service, search);
    expect(shown.map(({ lastRenewed, replacedBy }) => [lastRenewed, replacedBy])).toEqual([
      [null, null],
      [null, null],
      [now - 2 * HOUR, serialOf(2)],
    ]);
  });

  test('finds what renewed a certificate behind many others of its name, and where it has none', async () => {
    const names = [dns('one.example.test')];
    const now = clock.now();
    await record(1, { names, issuedAt: now - 3 * HOUR });
    await record(2, { names: [], issuedAt: now - 3 * HOUR });
    await record(3, { names, issuedAt: now - 2 * HOUR, renews: serialOf(1) });
    await record(4, { names: [], issuedAt: now - 2 * HOUR, renews: serialOf(2) });
    for (let n = 5; n < 65; n++) await record(n, { names, issuedAt: now - HOUR });
    for (const n of [1, 2]) {
      const { shown } = await impact(ports, service, { kind: 'serials', serials: [serialOf(n)] });
      expect(shown[0]?.lastRenewed).toBe(now - 2 * HOUR);
    }
  });
});
