/** Our account at a public CA: one for each, whatever the CA forgets, and never used where its key cannot be opened. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { AuthoritySpec } from '../../src/api/public-authorities.ts';
import type { ManagedCertificate } from '../../src/domain/renewal/managed.ts';
import { type CertificateAsk, OrderFault } from '../../src/domain/renewal/ports.ts';
import { startedVersion } from '../../src/domain/renewal/transitions.ts';
import { PublicSource } from '../../src/server/renewal/public-source.ts';
import { exportPkcs8, generateKeyPair } from '../../src/x509/key-pair.ts';
import { type HostileCa, hostileCa } from '../acme-client/hostile-server.ts';
import { openTestStore } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { SeededRandom } from '../fakes/random.ts';
import { NOW } from '../support/chains.ts';

async function bench() {
  const ca = await hostileCa();
  const clock = new FakeClock(NOW);
  const { publicAuthorities: store } = openTestStore({ clock });
  const spec = AuthoritySpec.parse({
    directory: ca.directory.href,
    roots: ca.roots,
    termsOfServiceAgreed: true,
    solvers: [{ http01: { listen: '127.0.0.1:5002' } }],
  });
  await store.putAuthority({ name: 'le', set: null, spec }, []);
  let opens = true;
  const source = (): PublicSource =>
    new PublicSource({
      clock,
      random: new SeededRandom(),
      store,
      box: { seal: (secret) => secret, open: (sealed) => (opens ? sealed : undefined) },
      paths: [],
      userAgent: 'test',
      draft: (event, details) => ({
        time: clock.now(),
        event,
        outcome: 'allowed',
        principal: 'system:managed',
        door: 'internal',
        requestId: 'managed',
        details,
      }),
    });
  const managed = {
    name: 'shop',
    revision: 1,
    wish: {
      names: [{ kind: 'dns', value: 'shop.example.test' }],
      source: { kind: 'public', authorities: ['le'], profile: undefined, preferredChain: undefined },
    },
  } as unknown as ManagedCertificate;
  const { privateKey } = await generateKeyPair('ecdsa-p256');
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const ask: CertificateAsk = {
    managed,
    version: startedVersion(managed, 1, 'first', NOW),
    privateKey: exportPkcs8(privateKey),
    replaces: undefined,
    progress: null,
    save: () => Promise.resolve(),
    report: () => undefined,
    signal: abort.signal,
  };
  const faultOf = async (from: PublicSource): Promise<OrderFault> => {
    const error: unknown = await from.obtain(ask).then(
      () => undefined,
      (found: unknown) => found,
    );
    expect(error).toBeInstanceOf(OrderFault);
    return error as OrderFault;
  };
  return { ca, store, source, faultOf, break: () => (opens = false) };
}

const problem = (type: string) => () => ({
  status: 400,
  headers: { 'content-type': 'application/problem+json' },
  body: { type: `urn:ietf:params:acme:error:${type}`, detail: type },
});

const registrations = ({ requests }: HostileCa): unknown[] =>
  requests.filter(({ path }) => path === '/newAccount').map(({ header }) => header['jwk']);

describe('the account at a public CA', () => {
  test('RFC 8555 7.3.1: a CA that lost it is registered with again, with the same key; the order is not over', async () => {
    const { ca, store, source, faultOf } = await bench();
    const one = source();
    ca.answers.set('/newOrder', problem('accountDoesNotExist'));
    const fault = await faultOf(one);
    expect(fault.over).toBe(false);
    expect(store.account(ca.directory.href)?.url).toBeNull();
    // what comes after the registration is refused for another reason
    ca.answers.set('/newOrder', problem('rejectedIdentifier'));
    ca.answers.set('/newAccount', () => ({
      status: 201,
      headers: { location: `${ca.origin}/account/2` },
      body: {},
    }));
    expect(await faultOf(one)).toMatchObject({ over: true });
    expect(store.account(ca.directory.href)?.url).toBe(`${ca.origin}/account/2`);
    const [first, second, ...more] = registrations(ca);
    expect(second).toEqual(first);
    expect(first).toBeDefined();
    expect(more).toEqual([]);
    const { kid } = ca.requests.findLast(({ path }) => path === '/newOrder')?.header ?? {};
    expect(kid).toBe(`${ca.origin}/account/2`);
  });

  test('a restart registers nothing anew', async () => {
    const { ca, source, faultOf } = await bench();
    ca.answers.set('/newOrder', problem('rejectedIdentifier'));
    await faultOf(source());
    await faultOf(source());
    expect(registrations(ca)).toHaveLength(1);
  });

  test('a key that cannot be opened: the CA hears nothing, no second account is made, and it is tried again', async () => {
    const { ca, store, source, faultOf, break: damage } = await bench();
    ca.answers.set('/newOrder', problem('rejectedIdentifier'));
    await faultOf(source());
    const before = store.account(ca.directory.href);
    ca.requests.length = 0;
    damage();
    const fault = await faultOf(source());
    expect(fault).toMatchObject({ over: false });
    expect(fault.message).toMatch(/^the account key for localhost:\d+ cannot be opened$/);
    expect(ca.requests).toEqual([]);
    expect(store.account(ca.directory.href)).toEqual(before);
  });
});
