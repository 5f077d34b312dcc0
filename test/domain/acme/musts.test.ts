/** What RFC 8555 and RFC 9773 ask of a server beside what the neighbours test: fields that have to be there, or must not. */
import { beforeEach, describe, expect, it } from 'vitest';
import { parseInstant } from '../../../src/base/clock.ts';
import type { DirectoryPolicy } from '../../../src/domain/acme/context.ts';
import { Nonces } from '../../../src/domain/acme/nonces.ts';
import { problemDocument } from '../../../src/domain/acme/problem.ts';
import { certificateId } from '../../../src/domain/acme/renewal-info.ts';
import { SeededRandom } from '../../fakes/random.ts';
import {
  accountKey,
  asAccountKey,
  b64,
  binding,
  csrFor,
  failure,
  makeAcme,
  namesOf,
  problemOf,
  refusedAs,
  signed,
  type TestAcme,
  type TestClient,
} from '../../support/acme.ts';
import { keyOf } from '../../support/keys.ts';
import { makeRequest } from '../../support/request.ts';

let acme: TestAcme;
let client: TestClient;
beforeEach(async () => {
  acme = await makeAcme();
  client = acme.client();
  await client.register();
});

const WWW = 'www.example.test';
type Json = Record<string, unknown>;
const policy = (more: Partial<DirectoryPolicy> = {}): DirectoryPolicy => ({
  issuer: 'servers',
  profiles: ['server'],
  externalKeys: 'optional',
  caaIdentities: [],
  ...more,
});
const isTime = (text: unknown): boolean => typeof text === 'string' && parseInstant(text) !== undefined;

describe('RFC 8555 6: messages', () => {
  it.each([
    ['without a payload', { payload: undefined }],
    ['without a protected header', { protected: undefined }],
    ['with a payload that is not base64url', { payload: 'e30=' }],
    ['with a protected header that is not base64url', { protected: 'e30=' }],
  ])('RFC 8555 6.2: a JWS %s is refused', async (_what, over) => {
    const url = client.url('new-order');
    const header = { alg: 'ES256', nonce: acme.server.nonce(), url, kid: client.kid };
    const body = JSON.stringify({ ...signed(client.key, header, {}), ...over });
    expect(await refusedAs(client.post('new-order', undefined, { body }))).toBe('malformed 400');
  });

  it('RFC 8555 6.2: newAccount takes a jwk, everything else of an account its kid', async () => {
    expect(await refusedAs(client.post('new-account', {}))).toBe('malformed 400');
    const stranger = acme.client();
    for (const path of ['new-order', 'key-change', 'order/x', 'authz/x', 'certificate/aa'])
      expect(await refusedAs(stranger.post(path))).toBe('malformed 400');
  });

  it('RFC 8555 6.3: POST-as-GET reads directory and newNonce, too', async () => {
    expect((await client.post('directory')).json).toEqual(acme.server.directory(policy()));
    expect((await client.post('new-nonce')).status).toBe(204);
    for (const path of ['directory', 'new-nonce']) {
      expect(await refusedAs(client.post(path, {}))).toBe('malformed 400');
      expect(await refusedAs(acme.client().post(path))).toBe('malformed 400');
    }
  });

  it('RFC 8555 6.3: POST-as-GET is asked who sent it, like any request', async () => {
    const { url } = await client.order([WWW]);
    const other = acme.client();
    await other.register();
    expect(await refusedAs(other.post(url))).toBe('malformed 404');
    const body = JSON.stringify(
      signed(accountKey(), { alg: 'ES256', nonce: acme.server.nonce(), url, kid: client.kid }, undefined),
    );
    expect(await refusedAs(client.post(url, undefined, { body }))).toBe('malformed 400');
  });

  it('RFC 8555 6.5.1: nonces are in base64url, never the same, and one does not tell the next', () => {
    const nonces = new Nonces(new SeededRandom());
    const issued = Array.from({ length: 10_000 }, () => nonces.issue());
    expect(new Set(issued).size).toBe(10_000);
    expect(issued.every((nonce) => /^[A-Za-z0-9_-]+$/.test(nonce))).toBe(true);
    // the number in front can be guessed, the code behind it cannot: another server's is another
    const twin = new Nonces(new SeededRandom('twin'));
    const foreign = Array.from({ length: 10_000 }, () => twin.issue());
    expect(foreign[0]?.slice(0, 8)).toBe(issued[0]?.slice(0, 8));
    expect(foreign.some((nonce) => nonces.take(nonce))).toBe(false);
  });

  it('RFC 8555 6.7.1: an identifier never stands at the top of a problem', async () => {
    acme.probe.outcomes = [failure(false)];
    const order = await client.order([WWW]);
    await client.authorize(order);
    const { error } = (await client.post(order.url)).json as { error: Json };
    expect(error).not.toHaveProperty('identifier');
    expect(error['subproblems']).toMatchObject([{ identifier: { type: 'dns', value: WWW } }]);
    const refused = problemDocument(await problemOf(client.order(['www.other.test'])));
    expect(refused).not.toHaveProperty('identifier');
    expect(refused).toMatchObject({ subproblems: [{ identifier: { value: 'www.other.test' } }] });
  });
});

describe('RFC 8555 7.1: resources', () => {
  it('RFC 8555 7.1.1: there is no newAuthz where there is no pre-authorization, and meta is an object', () => {
    const { meta, ...urls } = acme.server.directory(
      policy({ terms: 'https://ca.example.test/terms', caaIdentities: ['ca.example.test'] }),
    ) as Json & { meta: Json };
    expect(Object.keys(urls)).not.toContain('newAuthz');
    expect(Object.values(urls).every((url) => typeof url === 'string')).toBe(true);
    expect(meta).toMatchObject({
      termsOfService: 'https://ca.example.test/terms',
      caaIdentities: ['ca.example.test'],
    });
  });

  it('RFC 8555 7.1.3: identifiers and authorizations of an order never change, and it says until when it is', async () => {
    const order = await client.order(['b.example.test', 'a.example.test', '192.0.2.7']);
    const lists = async (): Promise<unknown[]> => {
      const { json } = await client.post(order.url);
      expect(isTime(json['expires'])).toBe(true);
      return [json['identifiers'], json['authorizations']];
    };
    const first = await lists();
    await client.authorize(order);
    expect(await lists()).toEqual(first);
    await client.finalize(order, await csrFor(['a.example.test', 'b.example.test', '192.0.2.7']));
    expect(await lists()).toEqual(first);
  });

  it('RFC 8555 7.1.4: a wildcard’s authorization is for the name without *., and says so; others do not', async () => {
    const wild = await client.order([`*.${WWW}`]);
    const { json } = await client.post(wild.authorizations[0] ?? '');
    expect(json).toMatchObject({ identifier: { type: 'dns', value: WWW }, wildcard: true });
    const plain = await client.order([WWW]);
    expect((await client.post(plain.authorizations[0] ?? '')).json).not.toHaveProperty('wildcard');
  });

  it('RFC 8555 7.1.4: a valid authorization says until when, with the challenge and when it was validated', async () => {
    const order = await client.order([WWW]);
    await client.authorize(order);
    const { json } = await client.post(order.authorizations[0] ?? '');
    const [challenge, ...more] = json['challenges'] as Json[];
    expect([json['status'], isTime(json['expires']), more]).toEqual(['valid', true, []]);
    expect([challenge?.['status'], isTime(challenge?.['validated'])]).toEqual(['valid', true]);
    expect(challenge).not.toHaveProperty('error');
  });

  it.each(['xn--.example.test', 'xn--abc-.example.test', 'xn--99999999.example.test'])(
    'RFC 8555 7.1.4: an identifier with a broken A-label is refused: %s',
    async (value) => {
      const identifiers = [{ type: 'dns', value }];
      expect(await refusedAs(client.post('new-order', { identifiers }))).toBe('malformed 400');
    },
  );
});

describe('RFC 8555 7.3: accounts', () => {
  it('RFC 8555 7.3: what a client must not set, or nobody knows, is neither kept nor shown', async () => {
    const other = acme.client();
    const payload = { onlyReturnExisting: false, orders: 'https://evil.example/', color: 'green' };
    const { json } = await other.register({ ...payload, status: 'revoked' });
    expect(Object.keys(json).sort()).toEqual(['contact', 'orders', 'status']);
    expect(json).toMatchObject({ status: 'valid', orders: other.kid?.replace('/account/', '/orders/') });
    expect((await other.post(other.kid ?? '')).json).toEqual(json);
  });

  it('RFC 8555 7.3.1: a new account request of an account changes nothing, whatever is in it', async () => {
    const { json } = await client.post(client.kid ?? '');
    const again = acme.client(client.key);
    const reply = await again.register({ contact: ['tel:+1'], externalAccountBinding: 'x' });
    expect([reply.status, reply.location, reply.json]).toEqual([200, client.kid, json]);
  });

  it('RFC 8555 7.3.3: the problem says where a human being agrees to the terms', async () => {
    const terms = 'https://ca.example.test/terms';
    (acme.ports.directories as Map<string, DirectoryPolicy>).set('servers', policy({ terms }));
    const problem = await problemOf(client.order([WWW]));
    expect([problem.type, problem.status]).toEqual(['userActionRequired', 403]);
    expect(problem.detail.link).toEqual({ url: terms, relation: 'terms-of-service' });
    expect(problemDocument(problem)).toMatchObject({ instance: terms });
  });

  it('RFC 8555 7.3.4: a binding is reflected where it was verified, and nowhere else', async () => {
    const { kid, macKey } = await acme.addExternalKey();
    const bound = acme.client();
    const externalAccountBinding = binding(kid, macKey, bound.key);
    expect((await bound.register({ externalAccountBinding })).json).toMatchObject({ externalAccountBinding });
    (acme.ports.directories as Map<string, DirectoryPolicy>).set('servers', policy({ externalKeys: 'off' }));
    const passedOver = await acme.client().register({ externalAccountBinding });
    expect(passedOver.status).toBe(201);
    expect(passedOver.json).not.toHaveProperty('externalAccountBinding');
  });

  it('RFC 8555 7.3.5: orders and authorizations go on under the new key', async () => {
    const order = await client.order([WWW]);
    const next = accountKey('EdDSA');
    const inner = signed(
      next,
      { alg: next.alg, jwk: next.jwk, url: client.url('key-change') },
      { account: client.kid, oldKey: client.key.jwk },
    );
    expect((await client.post('key-change', inner)).status).toBe(200);
    client.key = next;
    expect((await client.post(order.url)).json['status']).toBe('pending');
    await client.authorize(order);
    expect((await client.finalize(order, await csrFor([WWW]))).json['status']).toBe('valid');
  });
});

describe('RFC 8555 7.4, 7.5: orders and challenges', () => {
  it('RFC 8555 7.5.1: what a response has beside is passed over', async () => {
    const order = await client.order([WWW]);
    const { json } = await client.post(order.authorizations[0] ?? '');
    const [challenge] = json['challenges'] as { url: string }[];
    const answer = { keyAuthorization: 'x.y', status: 'valid', validated: '2026-01-01T00:00:00Z' };
    acme.probe.hold = new Promise(() => undefined);
    const { status, json: after } = await client.post(challenge?.url ?? '', answer);
    expect([status, after['status']]).toEqual([200, 'processing']);
    expect(after).not.toHaveProperty('keyAuthorization');
    expect(after).not.toHaveProperty('validated');
  });

  it('RFC 8555 7.5.1: a response that is none is an error, and nothing is looked at', async () => {
    const order = await client.order([WWW]);
    const { json } = await client.post(order.authorizations[0] ?? '');
    const [challenge] = json['challenges'] as { url: string }[];
    for (const payload of ['[]', '"yes"', 'null'])
      expect(await refusedAs(client.post(challenge?.url ?? '', payload))).toBe('malformed 400');
    expect(acme.probe.asked).toEqual([]);
  });

  it('RFC 8555 7.5.1: while it is looked at, polling gets 200 with when to come again', async () => {
    acme.probe.hold = new Promise(() => undefined);
    const order = await client.order([WWW]);
    const { json } = await client.post(order.authorizations[0] ?? '');
    const [challenge] = json['challenges'] as { url: string }[];
    await client.post(challenge?.url ?? '', {});
    for (const url of [order.authorizations[0], challenge?.url]) {
      const { status, retryAfter } = await client.post(url ?? '');
      expect([status, retryAfter]).toEqual([200, 1]);
    }
  });

  it('RFC 8555 8: a challenge has an error when it is invalid, and not before', async () => {
    acme.probe.outcomes = [failure(true), failure(true), { ok: true, log: [] }, failure(false)];
    const good = await client.order([WWW]);
    await client.authorize(good);
    const one = await client.post(good.authorizations[0] ?? '');
    expect((one.json['challenges'] as Json[])[0]).not.toHaveProperty('error');
    const bad = await client.order(['b.example.test']);
    await client.authorize(bad);
    const other = await client.post(bad.authorizations[0] ?? '');
    expect((other.json['challenges'] as Json[])[0]).toMatchObject({ status: 'invalid', error: {} });
  });

  it('RFC 8555 8.3, 8.4, RFC 8737 3: tokens are 256 random bits in base64url, without padding, each its own', async () => {
    const tokens = new Set<unknown>();
    for (let i = 0; i < 50; i++) {
      const order = await client.order([WWW]);
      const { json } = await client.post(order.authorizations[0] ?? '');
      for (const { token } of json['challenges'] as { token: string }[]) {
        expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
        tokens.add(token);
      }
    }
    expect(tokens.size).toBe(150);
  });

  it('RFC 8555 9.1: the chain is strict PEM with nothing beside, the end entity first', async () => {
    const { url, der } = await client.obtain([WWW]);
    const { body, type } = await client.post(url);
    expect(type).toBe('application/pem-certificate-chain');
    const text = typeof body === 'string' ? body : '';
    const block =
      /-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n/g;
    expect(text.replaceAll(block, '')).toBe('');
    const [first = ''] = text.match(block) ?? [];
    expect(first.replaceAll(/-----.*-----|\n/g, '')).toBe(Buffer.from(der).toString('base64'));
  });
});

describe('RFC 9773', () => {
  it('RFC 9773 3: the directory says where renewal information is', () => {
    expect(acme.server.directory(policy())).toMatchObject({ renewalInfo: client.url('renewal-info') });
  });

  it('RFC 9773 4.1: identifiers have no padding, and a serial with its top bit set has its zero', async () => {
    const { serial, der } = await client.obtain([WWW]);
    const id = certificateId(acme.ports, serial) ?? '';
    expect(id).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
    expect(Buffer.from(der).includes(Buffer.from(id.split('.')[0] ?? '', 'base64url'))).toBe(true);
    expect(acme.server.renewalInfo(policy(), id).status).toBe(200);
    expect(await refusedAs(Promise.resolve().then(() => acme.server.renewalInfo(policy(), `${id}=`)))).toBe(
      'malformed 400',
    );
  });

  it('RFC 9773 5: replaces is in the order at once and whenever it is read', async () => {
    const { serial } = await client.obtain([WWW]);
    const replaces = certificateId(acme.ports, serial);
    const order = await client.order([WWW], { replaces });
    expect(order.reply.json['replaces']).toBe(replaces);
    await client.authorize(order);
    const done = await client.finalize(order, await csrFor([WWW]));
    expect(done.json['replaces']).toBe(replaces);
    expect((await client.post(order.url)).json['replaces']).toBe(replaces);
  });
});

it('RFC 8555 11.1: a CSR under the key of any account is refused', async () => {
  const order = await client.order([WWW]);
  await client.authorize(order);
  const pair = await keyOf('ecdsa-p256', 'account');
  await acme.client(asAccountKey(pair)).register();
  const csr = makeRequest(pair, { names: namesOf([WWW]) });
  expect(await refusedAs(client.post(order.finalize, { csr: b64(csr) }))).toBe('badCSR 400');
});
