import { beforeEach, describe, expect, it } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import type { DirectoryPolicy } from '../../../src/domain/acme/context.ts';
import {
  ACME_URL,
  accountKey,
  asAccountKey,
  b64,
  binding,
  makeAcme,
  problemOf,
  refusedAs,
  signed,
  type TestAcme,
} from '../../support/acme.ts';
import { keyOf } from '../../support/keys.ts';

let acme: TestAcme;
beforeEach(async () => {
  acme = await makeAcme();
});
const events = (): string[] =>
  acme.store.entries.map(({ body }) => (JSON.parse(body) as { event: string }).event);

describe('RFC 8555 7.3', () => {
  it('RFC 8555 7.3: a new account has a URL, its contact, and a list of orders', async () => {
    const client = acme.client();
    const { status, json, location } = await client.register({ contact: ['mailto:Ann@EXAMPLE.test'] });
    expect(status).toBe(201);
    expect(location).toMatch(/^https:\/\/ca\.example\.test\/acme\/servers\/account\/[0-9a-f]{28}$/);
    expect(json).toEqual({
      status: 'valid',
      contact: ['mailto:Ann@example.test'],
      orders: location?.replace('/account/', '/orders/'),
    });
    expect(events()).toEqual(['acme.account.created']);
  });

  it('RFC 8555 7.3: the same key again is the same account, and changes nothing', async () => {
    const client = acme.client();
    const first = await client.register({ contact: ['mailto:ann@example.test'] });
    client.kid = undefined;
    const second = await client.register({ contact: ['mailto:bob@example.test'] });
    expect([second.status, second.location]).toEqual([200, first.location]);
    expect(second.json['contact']).toEqual(['mailto:ann@example.test']);
  });

  it('RFC 8555 7.3: who asks twice at once gets one account', async () => {
    const client = acme.client();
    const replies = await Promise.all([client.post('new-account', {}), client.post('new-account', {})]);
    expect(new Set(replies.map(({ location }) => location)).size).toBe(1);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 201]);
  });

  it.each([
    ['a telephone number', ['tel:+1234'], 'unsupportedContact 400'],
    ['header fields', ['mailto:ann@example.test?subject=x'], 'invalidContact 400'],
    ['two addresses', ['mailto:ann@example.test,bob@example.test'], 'invalidContact 400'],
    ['no address', ['mailto:ann'], 'invalidContact 400'],
    ['percent-encoding', ['mailto:ann%40x@example.test'], 'invalidContact 400'],
    ['something that is no text', [1], 'malformed 400'],
    ['no list', 'mailto:ann@example.test', 'malformed 400'],
    ['too many', Array(11).fill('mailto:ann@example.test'), 'invalidContact 400'],
  ])('RFC 8555 7.3: a contact with %s is refused', async (_what, contact, refused) => {
    expect(await refusedAs(acme.client().register({ contact }))).toBe(refused);
  });

  it('RFC 8555 7.3.1: onlyReturnExisting finds an account and never makes one', async () => {
    const client = acme.client();
    expect(await refusedAs(client.post('new-account', { onlyReturnExisting: true }))).toBe(
      'accountDoesNotExist 400',
    );
    const { location } = await client.register();
    client.kid = undefined;
    expect((await client.post('new-account', { onlyReturnExisting: true })).location).toBe(location);
  });

  it('RFC 8555 7.3: an account of one directory is nobody at another', async () => {
    const key = accountKey();
    const servers = acme.client(key);
    const clients = acme.client(key, 'clients');
    await servers.register();
    expect((await clients.register()).status).toBe(201);
    clients.kid = servers.kid;
    expect(await refusedAs(clients.post('new-order', {}))).toBe('accountDoesNotExist 400');
  });

  it('RFC 8555 11.1: a key on the block list stands for no account', async () => {
    const pair = await keyOf('ecdsa-p256', 'leaked');
    acme.store.block(Buffer.from(pair.publicKey.fingerprint).toString('hex'));
    expect(await refusedAs(acme.client(asAccountKey(pair)).register())).toBe('badPublicKey 400');
  });
});

describe('RFC 8555 7.3.2', () => {
  it('RFC 8555 7.3.2: contact is changed, what is not understood is ignored', async () => {
    const client = acme.client();
    const { location = '' } = await client.register();
    const { json } = await client.post(location, {
      contact: ['mailto:new@example.test'],
      orders: 'https://evil.example/',
      color: 'green',
    });
    expect(json['contact']).toEqual(['mailto:new@example.test']);
    expect(json['orders']).toBe(location.replace('/account/', '/orders/'));
    expect((await client.post(location)).json).toEqual(json);
    expect((await client.post(location, {})).json).toEqual(json);
  });

  it('RFC 8555 7.3.2: nobody reads or changes the account of somebody else', async () => {
    const [ann, bob] = [acme.client(), acme.client()];
    await ann.register();
    await bob.register();
    for (const payload of [undefined, {}, { contact: [] }, { status: 'deactivated' }])
      expect(await refusedAs(bob.post(ann.kid ?? '', payload))).toBe('malformed 404');
    expect((await ann.post(ann.kid ?? '')).json['status']).toBe('valid');
  });
});

describe('RFC 8555 7.3.3', () => {
  const TERMS = 'https://ca.example.test/terms';

  it('RFC 8555 7.3.3: without consent to the terms there is no account, and the answer says where they are', async () => {
    acme = await makeAcme({ directory: { terms: TERMS } });
    const problem = await problemOf(acme.client().register());
    expect([problem.type, problem.status]).toEqual(['userActionRequired', 403]);
    expect(problem.detail.link).toEqual({ url: TERMS, relation: 'terms-of-service' });
    const { status, json } = await acme.client().register({ termsOfServiceAgreed: true });
    expect([status, json['termsOfServiceAgreed']]).toEqual([201, true]);
  });

  it('RFC 8555 7.3.3: an account from before the terms agrees before it orders', async () => {
    const client = acme.client();
    await client.register();
    (acme.ports.directories as Map<string, DirectoryPolicy>).set('servers', {
      issuer: 'servers',
      profiles: ['server'],
      externalKeys: 'off',
      caaIdentities: [],
      terms: TERMS,
    });
    expect(await refusedAs(client.order(['www.example.test']))).toBe('userActionRequired 403');
    await client.post(client.kid ?? '', { termsOfServiceAgreed: true });
    expect((await client.order(['www.example.test'])).reply.status).toBe(201);
  });
});

describe('RFC 8555 7.3.4', () => {
  it('RFC 8555 7.3.4: required, and without a binding there is no account', async () => {
    acme = await makeAcme({ directory: { externalKeys: 'required' } });
    expect(await refusedAs(acme.client().register())).toBe('externalAccountRequired 403');
    const { kid, macKey } = await acme.addExternalKey();
    const key = accountKey();
    const client = acme.client(key);
    const { status } = await client.register({ externalAccountBinding: binding(kid, macKey, key) });
    expect(status).toBe(201);
    expect(
      acme.server.directory({ issuer: 'x', profiles: [], externalKeys: 'required', caaIdentities: [] }),
    ).toMatchObject({
      meta: { externalAccountRequired: true },
    });
  });

  it.each(['HS256', 'HS384', 'HS512'])('RFC 8555 7.3.4: a binding with %s is accepted', async (alg) => {
    const { kid, macKey } = await acme.addExternalKey();
    const key = accountKey();
    const externalAccountBinding = binding(kid, macKey, key, { alg });
    expect((await acme.client(key).register({ externalAccountBinding })).status).toBe(201);
    expect(acme.store.acme.externalKeys.find(kid)?.used).toBe(1);
  });

  const WRONG: readonly (readonly [
    string,
    (kid: string, mac: Uint8Array, key: ReturnType<typeof accountKey>) => unknown,
    string,
  ])[] = [
    ['another MAC key', (kid, _mac, key) => binding(kid, Buffer.alloc(32), key), 'unauthorized 403'],
    ['an unknown key identifier', (_kid, mac, key) => binding('nobody', mac, key), 'unauthorized 403'],
    ['the key of another account', (kid, mac) => binding(kid, mac, accountKey()), 'malformed 400'],
    [
      'another URL',
      (kid, mac, key) => binding(kid, mac, key, { header: { url: `${ACME_URL}/servers/new-order` } }),
      'malformed 400',
    ],
    ['a nonce', (kid, mac, key) => binding(kid, mac, key, { header: { nonce: 'x' } }), 'malformed 400'],
    [
      'alg none',
      (kid, mac, key) => binding(kid, mac, key, { header: { alg: 'none' } }),
      'badSignatureAlgorithm 400',
    ],
    [
      'a shortened code',
      (kid, mac, key) => ({ ...binding(kid, mac, key), signature: b64(Buffer.alloc(16)) }),
      'unauthorized 403',
    ],
    [
      'a signature of the account key',
      (kid, _mac, key) => signed(key, { alg: 'HS256', kid, url: `${ACME_URL}/servers/new-account` }, key.jwk),
      'unauthorized 403',
    ],
    ['no object', () => 'binding', 'malformed 400'],
    [
      'a kid that is no text',
      (kid, mac, key) => binding(kid, mac, key, { header: { kid: 7 } }),
      'malformed 400',
    ],
  ];
  it.each(WRONG)('RFC 8555 7.3.4: a binding with %s makes no account', async (_what, make, refused) => {
    const { kid, macKey } = await acme.addExternalKey();
    const key = accountKey();
    const externalAccountBinding = make(kid, macKey, key);
    expect(await refusedAs(acme.client(key).register({ externalAccountBinding }))).toBe(refused);
    expect(acme.store.acme.externalKeys.find(kid)?.used).toBe(0);
  });

  it('RFC 8555 7.3.4: an external key ends by use, by time and by revocation', async () => {
    const { kid, macKey } = await acme.addExternalKey({ uses: 1 });
    const make = async (): Promise<string | number> => {
      const key = accountKey();
      const client = acme.client(key);
      const payload = { externalAccountBinding: binding(kid, macKey, key) };
      return client.register(payload).then(
        ({ status }) => status,
        (error: { type: string }) => error.type,
      );
    };
    const raced = await Promise.all([make(), make(), make()]);
    expect(raced.sort()).toEqual([201, 'unauthorized', 'unauthorized']);
    await acme.addExternalKey({ id: 'kid-2', expiresAt: acme.pipeline.clock.now() - 1 });
    await acme.addExternalKey({ id: 'kid-3', revokedAt: acme.pipeline.clock.now() });
    for (const id of ['kid-2', 'kid-3']) {
      const key = accountKey();
      const payload = { externalAccountBinding: binding(id, Buffer.alloc(32, id), key) };
      expect(await refusedAs(acme.client(key).register(payload))).toBe('unauthorized 403');
    }
  });

  it('RFC 8555 7.3.4: a key of another directory is not accepted here', async () => {
    const { kid, macKey } = await acme.addExternalKey({ issuer: 'clients' });
    const key = accountKey();
    const payload = { externalAccountBinding: binding(kid, macKey, key) };
    expect(await refusedAs(acme.client(key).register(payload))).toBe('unauthorized 403');
  });
});

describe('RFC 8555 7.3.5', () => {
  const inner = (
    client: ReturnType<TestAcme['client']>,
    next: ReturnType<typeof accountKey>,
    {
      header = {},
      payload = {},
      signer = next,
    }: { header?: object; payload?: object; signer?: typeof next } = {},
  ): object =>
    signed(
      signer,
      { alg: next.alg, jwk: next.jwk, url: client.url('key-change'), ...header },
      { account: client.kid, oldKey: client.key.jwk, ...payload },
    );

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'RFC 8555 7.3.5: the new key (%s) is the account’s, the old one nobody’s',
    async (alg) => {
      const client = acme.client();
      await client.register();
      const old = client.key;
      const next = accountKey(alg);
      expect((await client.post('key-change', inner(client, next))).status).toBe(200);
      expect(await refusedAs(client.post(client.kid ?? ''))).toMatch(
        /^(malformed|badSignatureAlgorithm) 400$/,
      );
      client.key = next;
      expect((await client.post(client.kid ?? '')).status).toBe(200);
      const kid = client.kid;
      client.kid = undefined;
      expect((await client.post('new-account', { onlyReturnExisting: true })).location).toBe(kid);
      client.key = old;
      expect(await refusedAs(client.post('new-account', { onlyReturnExisting: true }))).toBe(
        'accountDoesNotExist 400',
      );
      expect(events()).toContain('acme.account.key-changed');
    },
  );

  it('RFC 8555 7.3.5: a key that an account has already is a conflict that names the account', async () => {
    const [ann, bob] = [acme.client(), acme.client()];
    await ann.register();
    await bob.register();
    for (const [taken, owner] of [
      [bob.key, bob],
      [ann.key, ann],
    ] as const) {
      const problem = await problemOf(ann.post('key-change', inner(ann, taken)));
      expect([problem.status, problem.detail.location]).toEqual([409, owner.kid]);
    }
  });

  const WRONG: readonly (readonly [string, (client: ReturnType<TestAcme['client']>) => object])[] = [
    ['is signed by another key', (client) => inner(client, accountKey(), { signer: accountKey() })],
    [
      'is for another account',
      (client) =>
        inner(client, accountKey(), { payload: { account: client.url('account', '0'.repeat(28)) } }),
    ],
    [
      'has another old key',
      (client) => inner(client, accountKey(), { payload: { oldKey: accountKey().jwk } }),
    ],
    ['has no old key', (client) => inner(client, accountKey(), { payload: { oldKey: undefined } })],
    [
      'has another url',
      (client) => inner(client, accountKey(), { header: { url: client.url('new-account') } }),
    ],
    ['has no url', (client) => inner(client, accountKey(), { header: { url: undefined } })],
    ['has a nonce', (client) => inner(client, accountKey(), { header: { nonce: acme.server.nonce() } })],
    ['has a kid', (client) => inner(client, accountKey(), { header: { kid: client.kid } })],
    ['has no jwk', (client) => inner(client, accountKey(), { header: { jwk: undefined } })],
    ['has another alg', (client) => inner(client, accountKey(), { header: { alg: 'ES384' } })],
    ['has crit', (client) => inner(client, accountKey(), { header: { crit: [] } })],
    ['is no JWS', () => ({ account: 'me' })],
  ];
  it.each(WRONG)('RFC 8555 7.3.5: nothing changes when the inner JWS %s', async (_what, make) => {
    const client = acme.client();
    await client.register();
    expect(await refusedAs(client.post('key-change', make(client)))).toMatch(
      /^(malformed|badSignatureAlgorithm) 400$/,
    );
    expect((await client.post(client.kid ?? '')).status).toBe(200);
  });
});

describe('RFC 8555 7.3.6', () => {
  it('RFC 8555 7.3.6: a deactivated account gets nothing any more, with its key or its URL', async () => {
    const client = acme.client();
    await client.register();
    const order = await client.order(['www.example.test']);
    const { json } = await client.post(client.kid ?? '', { status: 'deactivated' });
    expect(json['status']).toBe('deactivated');
    for (const url of [client.kid ?? '', order.url, ...order.authorizations, 'new-order'])
      expect(await refusedAs(client.post(url))).toBe('unauthorized 401');
    client.kid = undefined;
    expect(await refusedAs(client.register())).toBe('unauthorized 401');
    expect(events().at(-1)).toBe('acme.account.deactivated');
  });

  it('RFC 8555 7.3.6: a client can ask for no other status', async () => {
    const client = acme.client();
    await client.register();
    for (const status of ['valid', 'revoked', 7])
      expect(await refusedAs(client.post(client.kid ?? '', { status }))).toBe('malformed 400');
  });
});

describe('RFC 8555 7.1.2.1', () => {
  it('RFC 8555 7.1.2.1: orders are listed page by page, without those that came to nothing', async () => {
    const client = acme.client();
    await client.register();
    const old = await client.order(['old.example.test']);
    acme.pipeline.clock.advance(25 * HOUR);
    const made: string[] = [];
    for (let i = 0; i < 60; i++) {
      acme.pipeline.clock.advance(1);
      made.unshift((await client.order([`h${i}.example.test`])).url);
    }
    const list = client.kid?.replace('/account/', '/orders/') ?? '';
    const first = await client.post(list);
    expect(first.json['orders']).toEqual(made.slice(0, 50));
    const [next] = first.links ?? [];
    expect(next?.relation).toBe('next');
    const second = await client.post(next?.url ?? '');
    expect(second.json['orders']).toEqual(made.slice(50));
    expect(second.json['orders']).not.toContain(old.url);
    expect(second.links).toBeUndefined();
  });
});
