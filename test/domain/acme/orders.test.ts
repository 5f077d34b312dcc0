import { beforeEach, describe, expect, it } from 'vitest';
import { DAY, formatInstant, HOUR, MINUTE, SECOND } from '../../../src/base/clock.ts';
import { toHex } from '../../../src/x509/bytes.ts';
import { readCertificate } from '../../../src/x509/certificate.ts';
import { basicConstraints } from '../../../src/x509/extensions.ts';
import { commonName, encodeName } from '../../../src/x509/name.ts';
import { ChanceryError } from '../../../src/base/errors.ts';
import { AcmeServer } from '../../../src/domain/acme/server.ts';
import {
  ACME_GRANT,
  asAccountKey,
  b64,
  binding,
  csrFor,
  failure,
  makeAcme,
  namesOf,
  problemOf,
  refusedAs,
  accountKey,
  type TestAcme,
  TestClient,
} from '../../support/acme.ts';
import { keyOf } from '../../support/keys.ts';
import { makeRequest } from '../../support/request.ts';

let acme: TestAcme;
let client: TestClient;

async function start(options: Parameters<typeof makeAcme>[0] = {}): Promise<void> {
  acme = await makeAcme(options);
  client = acme.client();
  await client.register();
}
beforeEach(() => start());

const bodyOf = ({ body }: { readonly body?: unknown }): string => (typeof body === 'string' ? body : '');
const WWW = ['www.example.test'];
const audited = (event: string): Record<string, unknown>[] =>
  acme.store.entries
    .map(({ body }) => JSON.parse(body) as { event: string; details: Record<string, unknown> })
    .filter((entry) => entry.event === event)
    .map(({ details }) => details);

describe('RFC 8555 7.4', () => {
  it('RFC 8555 7.4: an order lists its identifiers, an authorization for each, and where to finalize', async () => {
    const { reply, url } = await client.order(['b.example.test', 'A.example.test', '192.0.2.7']);
    expect(reply.status).toBe(201);
    expect(reply.json).toMatchObject({
      status: 'pending',
      identifiers: [
        { type: 'dns', value: 'a.example.test' },
        { type: 'dns', value: 'b.example.test' },
        { type: 'ip', value: '192.0.2.7' },
      ],
      finalize: `${url}/finalize`,
    });
    expect(reply.json['authorizations']).toHaveLength(3);
    expect((await client.post(url)).json).toEqual(reply.json);
  });

  it('RFC 8555 7.4: from order to certificate, the chain and its alternate', async () => {
    const { url, serial } = await client.obtain([...WWW, '192.0.2.7']);
    const chain = await client.post(url);
    expect(chain.type).toBe('application/pem-certificate-chain');
    expect(bodyOf(chain).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const [alternate] = chain.links ?? [];
    expect(alternate).toEqual({ url: `${url}/1`, relation: 'alternate' });
    const whole = await client.post(alternate?.url ?? '');
    expect(bodyOf(whole).startsWith(bodyOf(chain))).toBe(true);
    expect(bodyOf(whole).match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
    const record = acme.store.ledger.findCertificate(serial);
    expect(record?.names).toEqual(namesOf([...WWW, '192.0.2.7']));
    expect(record?.principal).toBe(`acme:servers:${client.kid?.split('/').at(-1)}`);
    expect(audited('certificate.issued')).toHaveLength(1);
    expect(audited('acme.challenge.validated')).toHaveLength(2);
  });

  it.each([
    ['no list', { identifiers: 'www.example.test' }, 'malformed 400'],
    ['an empty list', { identifiers: [] }, 'malformed 400'],
    ['none at all', {}, 'malformed 400'],
    ['101', { identifiers: Array(101).fill({ type: 'dns', value: 'a.example.test' }) }, 'malformed 400'],
    [
      'an e-mail address',
      { identifiers: [{ type: 'email', value: 'a@example.test' }] },
      'unsupportedIdentifier 400',
    ],
    [
      'a URI',
      { identifiers: [{ type: 'uri', value: 'spiffe://example.test/a' }] },
      'unsupportedIdentifier 400',
    ],
    [
      'a name with an underscore',
      { identifiers: [{ type: 'dns', value: '_a.example.test' }] },
      'malformed 400',
    ],
    ['a trailing dot', { identifiers: [{ type: 'dns', value: 'a.example.test.' }] }, 'malformed 400'],
    ['two wildcards', { identifiers: [{ type: 'dns', value: '*.*.example.test' }] }, 'malformed 400'],
    ['a NUL', { identifiers: [{ type: 'dns', value: 'a.example.test\0.evil' }] }, 'malformed 400'],
    ['an address as a name', { identifiers: [{ type: 'dns', value: '192.0.2.7' }] }, 'malformed 400'],
    ['an address written oddly', { identifiers: [{ type: 'ip', value: '2001:DB8::1' }] }, 'malformed 400'],
    ['an address with a zone', { identifiers: [{ type: 'ip', value: 'fe80::1%eth0' }] }, 'malformed 400'],
    ['a number', { identifiers: [7] }, 'malformed 400'],
  ])('RFC 8555 7.4: an order with %s is refused', async (_what, payload, refused) => {
    expect(await refusedAs(client.post('new-order', payload))).toBe(refused);
    expect(acme.store.acme.orders.list({}, 5)).toEqual([]);
  });

  it('RFC 8555 6.7.1: every identifier that is refused is named', async () => {
    const identifiers = ['_a.example.test', 'ok.example.test', 'b..example.test'].map((value) => ({
      type: 'dns',
      value,
    }));
    const problem = await problemOf(client.post('new-order', { identifiers }));
    expect(problem.type).toBe('malformed');
    expect(problem.detail.subproblems?.map(({ identifier }) => identifier?.value)).toEqual([
      '_a.example.test',
      'b..example.test',
    ]);
    const mixed = [
      { type: 'dns', value: '_a.example.test' },
      { type: 'email', value: 'a@b' },
    ];
    expect((await problemOf(client.post('new-order', { identifiers: mixed }))).type).toBe('compound');
  });

  it('RFC 8555 7.4: what no grant allows is rejected with the explanation, and audited', async () => {
    const identifiers = [...WWW, 'www.other.test'].map((value) => ({ type: 'dns', value }));
    const problem = await problemOf(client.post('new-order', { identifiers }));
    expect([problem.type, problem.status]).toEqual(['rejectedIdentifier', 403]);
    expect(problem.detail.subproblems).toEqual([
      {
        type: 'rejectedIdentifier',
        detail: 'www.other.test is not granted',
        identifier: { type: 'dns', value: 'www.other.test' },
      },
    ]);
    expect(problem.message).toContain('the nearest grant "acme-hosts" falls short');
    expect(problem.detail.data).toMatchObject({ decision: { allowed: false } });
    expect(audited('certificate.refused')).toMatchObject([{ code: 'not_granted' }]);
  });

  it('RFC 8555 7.4: notBefore and notAfter: the life that was asked for, a zero time as absent', async () => {
    const now = acme.pipeline.clock.now();
    const notAfter = formatInstant(now + 3 * DAY);
    const { der, serial } = await client.obtain(WWW, { notBefore: '0001-01-01T00:00:00Z', notAfter });
    expect(formatInstant(readCertificate(der).notAfter)).toBe(notAfter);
    expect(acme.store.acme.orders.findByCertificate(serial)?.notBefore).toBeNull();
    const zero = await client.order(WWW, {
      notBefore: '0001-01-01T00:00:00Z',
      notAfter: '0001-01-01T00:00:00Z',
    });
    expect(zero.reply.json).not.toHaveProperty('notAfter');
  });

  it.each([
    ['notAfter in the past', { notAfter: '2020-01-01T00:00:00Z' }],
    ['notAfter beyond the profile', { notAfter: '2036-01-01T00:00:00Z' }],
    ['notBefore in the future', { notBefore: '2036-01-01T00:00:00Z' }],
    ['a day that there is not', { notAfter: '2026-06-31T00:00:00Z' }],
    ['a time without zone', { notAfter: '2026-06-03T00:00:00' }],
    ['a number', { notAfter: 1_780_000_000 }],
  ])('RFC 8555 7.4: %s is refused', async (_what, more) => {
    expect(await refusedAs(client.order(WWW, more))).toBe('malformed 400');
  });

  it('draft-ietf-acme-profiles: a profile of the directory is taken, another one refused', async () => {
    expect((await client.order(WWW, { profile: 'server' })).reply.json['profile']).toBe('server');
    for (const profile of ['client', 'workload', 7, null])
      expect(await refusedAs(client.order(WWW, { profile }))).toBe('invalidProfile 400');
    const { meta } = acme.server.directory(acme.ports.directories.get('servers') as never) as {
      meta: object;
    };
    expect(meta).toMatchObject({ profiles: { server: expect.any(String) as string } });
  });

  it('RFC 8555 6.6: over the limit an order is refused with the time to come again', async () => {
    await start({ limits: { ordersPerAccount: { burst: 2, interval: MINUTE } } });
    await client.order(WWW);
    await client.order(WWW);
    const problem = await problemOf(client.order(WWW));
    expect([problem.type, problem.status, problem.detail.retryAfter]).toEqual(['rateLimited', 429, 60]);
    acme.pipeline.clock.advance(MINUTE);
    expect((await client.order(WWW)).reply.status).toBe(201);
    const other = acme.client();
    await other.register();
    expect((await other.order(WWW)).reply.status).toBe(201);
  });

  it('RFC 8555 6.6: a name is counted over all accounts', async () => {
    await start({ limits: { ordersPerName: { burst: 1, interval: HOUR } } });
    await client.order(WWW);
    const other = acme.client();
    await other.register();
    expect(await refusedAs(other.order(WWW))).toBe('rateLimited 429');
    expect((await other.order(['b.example.test'])).reply.status).toBe(201);
  });
});

describe('RFC 8555 7.4, finalize', () => {
  const ready = async (names: readonly string[] = WWW) => {
    const order = await client.order(names);
    await client.authorize(order);
    return order;
  };

  it('RFC 8555 7.4: an order that is not ready is not finalized', async () => {
    const order = await client.order(WWW);
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('orderNotReady 403');
    await client.authorize(order);
    expect((await client.post(order.url)).json['status']).toBe('ready');
    const done = await client.finalize(order, await csrFor(WWW));
    expect([done.status, done.location, done.json['status']]).toEqual([200, order.url, 'valid']);
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('orderNotReady 403');
    expect(acme.store.inventory.count()).toBe(1);
  });

  it('RFC 8555 7.4: finalized twice at once, one certificate is signed', async () => {
    const order = await ready();
    const csr = await csrFor(WWW);
    const results = await Promise.allSettled([1, 2, 3].map(() => client.finalize(order, csr)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(acme.store.inventory.count()).toBe(1);
    expect(acme.pipeline.journal.filter((what) => what === 'signed')).toHaveLength(1);
  });

  it('RFC 8555 7.4: while a certificate is made the order is processing; a failure sets it back to ready', async () => {
    const order = await ready();
    let release = (): void => undefined;
    acme.pipeline.ledger.hold = new Promise((resolve) => (release = resolve));
    const finalized = client.finalize(order, await csrFor(WWW));
    await new Promise((resolve) => setImmediate(resolve));
    const between = await client.post(order.url);
    expect([between.json['status'], between.retryAfter]).toEqual(['processing', 1]);
    acme.store.failWith = new ChanceryError('store_unavailable', 'the disk is full');
    release();
    const problem = await problemOf(finalized);
    expect([problem.type, problem.status]).toEqual(['serverInternal', 503]);
    acme.store.failWith = undefined;
    acme.pipeline.ledger.hold = undefined;
    expect((await client.post(order.url)).json['status']).toBe('ready');
    expect((await client.finalize(order, await csrFor(WWW))).json['status']).toBe('valid');
  });

  it('RFC 8555 11.1: the key of the certificate is that of no account', async () => {
    const order = await ready();
    const own = await keyOf('ecdsa-p256', 'account');
    const other = acme.client(asAccountKey(own), 'clients');
    await other.register();
    const csr = makeRequest(own, { names: namesOf(WWW) });
    expect(await refusedAs(client.finalize(order, csr))).toBe('badCSR 400');
    expect((await client.post(order.url)).json['status']).toBe('ready');
  });

  it.each([
    ['lacks a name', ['a.example.test']],
    ['has a name more', ['a.example.test', 'b.example.test', 'c.example.test']],
    ['has other names', ['c.example.test', 'd.example.test']],
    ['has a wildcard instead', ['*.example.test', 'b.example.test']],
    ['has an address more', ['a.example.test', 'b.example.test', '192.0.2.7']],
    ['has no names', []],
  ])('RFC 8555 7.4: a request that %s is refused', async (_what, names) => {
    const order = await ready(['a.example.test', 'b.example.test']);
    expect(await refusedAs(client.finalize(order, await csrFor(names)))).toBe('badCSR 400');
    expect(acme.store.inventory.count()).toBe(0);
  });

  it('RFC 8555 7.4: a name may stand in commonName; one that is none of the order’s may not', async () => {
    const key = await keyOf('ecdsa-p256', 'leaf');
    const csr = (name: string): Uint8Array =>
      makeRequest(key, { subject: encodeName([commonName(name)]), names: namesOf(WWW) });
    const order = await ready();
    expect(await refusedAs(client.finalize(order, csr('evil.example.test')))).toBe('badCSR 400');
    expect(await refusedAs(client.finalize(order, csr('My Server')))).toBe('badCSR 400');
    const alone = makeRequest(key, { subject: encodeName([commonName('WWW.example.test')]) });
    expect((await client.finalize(order, alone)).json['status']).toBe('valid');
  });

  it('RFC 8555 7.4: what asks for a CA, is signed by another key or is no request at all is refused', async () => {
    const order = await ready();
    const key = await keyOf('ecdsa-p256', 'leaf');
    const names = namesOf(WWW);
    const forged = makeRequest(key, { names, spki: (await keyOf('ecdsa-p256', 'other')).publicKey.spki });
    for (const csr of [
      makeRequest(key, { names, extensions: [basicConstraints({ ca: true })] }),
      forged,
      Buffer.from('no DER'),
    ])
      expect(await refusedAs(client.finalize(order, csr))).toBe('badCSR 400');
    for (const csr of [undefined, '', 7, '===', 'AA='])
      expect(await refusedAs(client.post(order.finalize, { csr }))).toBe('badCSR 400');
    expect((await client.finalize(order, await csrFor(WWW))).json['status']).toBe('valid');
  });

  it('a grant that is gone before finalize counts: the order says why', async () => {
    const order = await ready();
    Object.assign(acme.pipeline.ports, { grants: () => [] });
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('rejectedIdentifier 403');
    expect(acme.store.acme.orders.list({}, 1)[0]?.refusal).toContain('may not issue');
    expect(acme.store.inventory.count()).toBe(0);
  });

  it('RFC 8555 7.1.6: an order that expires without a certificate is invalid; one with a certificate stays valid', async () => {
    const order = await ready();
    const other = await ready(['b.example.test']);
    await client.finalize(other, await csrFor(['b.example.test']));
    acme.pipeline.clock.advance(DAY + SECOND);
    expect((await client.post(order.url)).json['status']).toBe('invalid');
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('orderNotReady 403');
    expect((await client.post(other.url)).json['status']).toBe('valid');
  });
});

describe('RFC 8555 7.5', () => {
  it('RFC 8555 7.5: a pending authorization offers every challenge, each with a token of its own', async () => {
    const order = await client.order(WWW);
    const { json } = await client.post(order.authorizations[0] ?? '');
    expect(json).toMatchObject({ status: 'pending', identifier: { type: 'dns', value: 'www.example.test' } });
    expect(json).not.toHaveProperty('wildcard');
    const challenges = json['challenges'] as { type: string; token: string; status: string }[];
    expect(challenges.map(({ type }) => type)).toEqual(['http-01', 'dns-01', 'tls-alpn-01']);
    for (const { token, status } of challenges) {
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(status).toBe('pending');
    }
    expect(new Set(challenges.map(({ token }) => token)).size).toBe(3);
  });

  it.each([
    ['*.example.test', ['dns-01'], true],
    ['192.0.2.7', ['http-01', 'tls-alpn-01'], undefined],
  ])('RFC 8555 7.1.3, RFC 8738 7: %s is shown by %j', async (name, types, wildcard) => {
    const order = await client.order([name]);
    const { json } = await client.post(order.authorizations[0] ?? '');
    expect((json['challenges'] as { type: string }[]).map(({ type }) => type)).toEqual(types);
    expect(json['wildcard']).toBe(wildcard);
    expect((json['identifier'] as { value: string }).value).toBe(name.replace('*.', ''));
    const { serial } = await client.obtain([name]);
    expect(acme.store.ledger.findCertificate(serial)?.names).toEqual(namesOf([name]));
  });

  it('RFC 8555 8.1: the probe is told the key authorization of the account’s key', async () => {
    await client.authorize(await client.order(['*.example.test']));
    expect(acme.probe.asked).toMatchObject([
      {
        type: 'dns-01',
        identifier: { type: 'dns', value: 'example.test' },
        wildcard: true,
        accountUri: client.kid,
      },
    ]);
    const [{ token, keyAuthorization } = { token: '', keyAuthorization: '' }] = acme.probe.asked;
    const { jwk } = client.key as { jwk: Record<string, string> };
    const canonical = JSON.stringify({ crv: jwk['crv'], kty: jwk['kty'], x: jwk['x'], y: jwk['y'] });
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(canonical));
    expect(keyAuthorization).toBe(`${token}.${b64(new Uint8Array(digest))}`);
  });

  it('RFC 8555 7.5.1: answered, a challenge is processing, and up leads to its authorization', async () => {
    let release = (): void => undefined;
    acme.probe.hold = new Promise((resolve) => (release = resolve));
    const order = await client.order(WWW);
    const [url = ''] = order.authorizations;
    const { json } = await client.post(url);
    const [challenge, other] = json['challenges'] as { url: string; token: string }[];
    const reply = await client.post(challenge?.url ?? '', {});
    expect([reply.json['status'], reply.retryAfter]).toEqual(['processing', 1]);
    expect(reply.links).toEqual([{ url, relation: 'up' }]);
    const again = await client.post(challenge?.url ?? '', {});
    expect(again.json['status']).toBe('processing');
    expect((await client.post(other?.url ?? '', {})).json['status']).toBe('pending');
    release();
    await acme.server.validations.idle();
    expect(acme.probe.asked).toHaveLength(1);
    const after = await client.post(url);
    expect(after.json['status']).toBe('valid');
    expect(after.json['challenges']).toMatchObject([
      { type: 'http-01', status: 'valid', token: challenge?.token, validated: expect.any(String) as string },
    ]);
  });

  /** A server whose answers to challenges wait as long as it takes. */
  function patient(): { server: AcmeServer; client: TestClient } {
    const wait = (_: number, signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('over'))));
    const server = new AcmeServer({ ...acme.ports, wait });
    const other = new TestClient({ ...acme, server }, client.key, 'servers');
    other.kid = client.kid;
    return { server, client: other };
  }

  it.each([
    ['valid', { ok: true, log: [] }],
    ['invalid', failure(false)],
  ] as const)(
    'RFC 8555 7.5.1: a challenge that ends in a moment is %s in the answer already, on record once',
    async (status, outcome) => {
      acme.probe.outcomes = [outcome];
      const { client: other } = patient();
      const order = await other.order(WWW);
      const { json } = await other.post(order.authorizations[0] ?? '');
      const [challenge, second] = json['challenges'] as { url: string }[];
      const before = acme.store.entries.length;
      const replies = await Promise.all(
        [challenge, challenge, second].map((one) => other.post(one?.url ?? '', {})),
      );
      expect(replies.map((reply) => [reply.json['status'], reply.retryAfter])).toEqual([
        [status, undefined],
        [status, undefined],
        ['pending', undefined],
      ]);
      expect(acme.probe.asked).toHaveLength(1);
      expect((await other.post(order.authorizations[0] ?? '')).json['status']).toBe(status);
      expect(acme.store.entries).toHaveLength(before + 1);
    },
  );

  it('RFC 8555 7.5.1: a challenge that the end of the process cuts off is on record, and taken up again', async () => {
    const { server, client: other } = patient();
    acme.probe.validate = (_ask, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    const order = await other.order(WWW);
    const { json } = await other.post(order.authorizations[0] ?? '');
    const [challenge] = json['challenges'] as { url: string }[];
    const reply = other.post(challenge?.url ?? '', {});
    await server.validations.stop();
    expect((await reply).json['status']).toBe('processing');
    expect(acme.store.acme.authorizations.unsettled(5)).toHaveLength(1);
  });

  it('RFC 8555 7.1.6: a challenge that fails makes its authorization and its order invalid, with the reason', async () => {
    acme.probe.outcomes = [failure(false)];
    const order = await client.order([...WWW, 'b.example.test']);
    await client.authorize(order);
    const { json } = await client.post(order.authorizations[0] ?? '');
    expect(json['status']).toBe('invalid');
    expect(json['challenges']).toMatchObject([
      {
        status: 'invalid',
        error: { type: 'urn:ietf:params:acme:error:connection', detail: 'nobody listens' },
      },
    ]);
    const { json: after } = await client.post(order.url);
    expect(after).toMatchObject({
      status: 'invalid',
      error: { type: 'urn:ietf:params:acme:error:connection' },
    });
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('orderNotReady 403');
    expect(audited('acme.challenge.failed')).toHaveLength(2);
  });

  it('RFC 8555 8.2: what may pass later is tried again with growing pauses', async () => {
    acme.probe.outcomes = [failure(true), failure(true), { ok: true, log: [] }];
    const order = await client.order(WWW);
    await client.authorize(order);
    expect((await client.post(order.url)).json['status']).toBe('ready');
    // the first is how long the answer waits
    expect(acme.waited).toEqual([400, 500, 1500]);
    acme.probe.outcomes = [failure(true)];
    await client.authorize(await client.order(WWW));
    expect(acme.probe.asked).toHaveLength(3 + 4);
    const log = acme.store.acme.authorizations.find(
      acme.store.acme.orders.list({}, 1)[0]?.authorizations[0] ?? '',
    )?.attempts[0]?.log;
    expect(log).toHaveLength(4);
  });

  it('a validation that a crash cut off is taken up at the next start', async () => {
    acme.probe.hold = new Promise(() => undefined);
    const order = await client.order(WWW);
    const { json } = await client.post(order.authorizations[0] ?? '');
    const [challenge] = json['challenges'] as { url: string }[];
    await client.post(challenge?.url ?? '', {});
    acme.probe.hold = undefined;
    const { Validations } = await import('../../../src/domain/acme/validations.ts');
    const next = new Validations(acme.ports);
    expect(next.resume()).toBe(1);
    await next.idle();
    expect((await client.post(order.url)).json['status']).toBe('ready');
    expect(next.resume()).toBe(0);
  });

  it('RFC 8555 7.5.2: a deactivated authorization is of no use any more', async () => {
    const order = await client.order(WWW);
    await client.authorize(order);
    const [url = ''] = order.authorizations;
    for (const payload of [{}, { status: 'valid' }])
      expect(await refusedAs(client.post(url, payload))).toBe('malformed 400');
    expect((await client.post(url, { status: 'deactivated' })).json['status']).toBe('deactivated');
    expect((await client.post(order.url)).json['status']).toBe('invalid');
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('orderNotReady 403');
    expect(audited('acme.authorization.deactivated')).toHaveLength(1);
  });

  it('RFC 8555 7.1.6: a pending authorization expires; a valid one does later', async () => {
    const pending = await client.order(WWW);
    const valid = await client.order(WWW);
    await client.authorize(valid);
    const status = async (url = ''): Promise<unknown> => (await client.post(url)).json['status'];
    acme.pipeline.clock.advance(DAY + SECOND);
    expect(await status(pending.authorizations[0])).toBe('expired');
    expect(await status(valid.authorizations[0])).toBe('valid');
    acme.pipeline.clock.advance(30 * DAY);
    expect(await status(valid.authorizations[0])).toBe('expired');
  });
});

describe('external account keys', () => {
  async function bound(fields: Parameters<TestAcme['addExternalKey']>[0]): Promise<void> {
    const { kid, macKey } = await acme.addExternalKey(fields);
    const key = accountKey();
    client = acme.client(key);
    await client.register({ externalAccountBinding: binding(kid, macKey, key) });
  }

  it('the names of a key narrow what its accounts are granted', async () => {
    await bound({ names: { dns: ['*.web.example.test', 'www.other.test'] } });
    expect((await client.order(['a.web.example.test'])).reply.status).toBe(201);
    const outside = await problemOf(client.order(WWW));
    expect(outside.type).toBe('rejectedIdentifier');
    expect(outside.message).toContain('in none of the names of the external account key kid-1');
  });

  it('the names of a key never add to what its accounts are granted', async () => {
    await bound({ names: { dns: ['**'] } });
    expect(await refusedAs(client.order(['www.other.test']))).toBe('rejectedIdentifier 403');
  });

  it('the names of a key also count at finalize and for a key with no names at all', async () => {
    await bound({ names: {} });
    expect(await refusedAs(client.order(WWW))).toBe('rejectedIdentifier 403');
  });

  it('a grant can be for the accounts of one key', async () => {
    await start({ grants: [{ ...ACME_GRANT, principal: 'acme:servers:eab:kid-1' }] });
    expect(await refusedAs(client.order(WWW))).toBe('rejectedIdentifier 403');
    await bound({});
    expect((await client.order(WWW)).reply.status).toBe(201);
  });

  it('the profile of a key is the only one', async () => {
    await bound({ profile: 'client' });
    expect(await refusedAs(client.order(WWW))).toBe('invalidProfile 400');
  });

  it('a name that a key vouches for needs no challenge, and each skip is audited', async () => {
    await bound({ preauthorized: { dns: ['*.web.example.test'] } });
    const order = await client.order(['a.web.example.test', 'www.example.test']);
    const statuses = await Promise.all(
      order.authorizations.map(async (url) => (await client.post(url)).json['status']),
    );
    expect(statuses).toEqual(['valid', 'pending']);
    expect(audited('acme.name.preauthorized')).toEqual([
      { order: expect.any(String) as string, name: 'dns:a.web.example.test', externalKey: 'kid-1' },
    ]);
    await client.obtain(['a.web.example.test']);
    expect(acme.probe.asked).toEqual([]);
    const { json } = await client.post(order.authorizations[0] ?? '');
    expect(json['challenges']).toContainEqual(expect.objectContaining({ status: 'valid' }));
  });

  it.each(['revoked', 'expired'])('what a key vouched for ends when it is %s', async (how) => {
    await bound({ preauthorized: { dns: ['**.example.test'] } });
    const order = await client.order(WWW);
    expect((await client.post(order.url)).json['status']).toBe('ready');
    if (how === 'revoked') await acme.store.acme.externalKeys.revoke('kid-1', acme.pipeline.clock.now(), []);
    else acme.pipeline.clock.advance(HOUR + 1);
    expect((await client.post(order.url)).json['status']).toBe('invalid');
    expect(await refusedAs(client.finalize(order, await csrFor(WWW)))).toBe('orderNotReady 403');
    expect((await client.order(WWW)).reply.json['status']).toBe('pending');
  });

  it('a key vouches for no name that its accounts are not granted', async () => {
    await bound({ preauthorized: { dns: ['**'] } });
    expect(await refusedAs(client.order(['www.other.test']))).toBe('rejectedIdentifier 403');
  });
});

it('the fingerprint of an account key is that of the same key in a certificate', async () => {
  const pair = await keyOf('ecdsa-p256', 'same');
  const other = acme.client(asAccountKey(pair));
  await other.register();
  expect(acme.store.acme.accounts.hasKey(toHex(pair.publicKey.fingerprint))).toBe(true);
});
