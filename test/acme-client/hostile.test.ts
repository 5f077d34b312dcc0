/** acme.sh 4659 and 4665, lego CVE-2025-54799: what a CA can do to its client, and cannot do to this one. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AuthorityError, type AuthorityFault } from '../../src/acme-client/errors.ts';
import { fetchChain } from '../../src/acme-client/chain.ts';
import { runOrder, type Task } from '../../src/acme-client/order.ts';
import { Transport } from '../../src/acme-client/transport.ts';
import { Wire } from '../../src/acme-client/wire.ts';
import { DAY, MINUTE } from '../../src/base/clock.ts';
import { exportPkcs8, generateKeyPair } from '../../src/x509/key-pair.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { FakeClock } from '../fakes/clock.ts';
import { dns, makeCa, makeLeaf, NOW } from '../support/chains.ts';
import { type HostileAnswer, type HostileCa, hostileCa } from './hostile-server.ts';

interface Client {
  readonly wire: Wire;
  readonly clock: FakeClock;
  readonly presented: Task[];
  readonly order: () => Promise<string>;
}

async function client(ca: HostileCa, patience = 2000): Promise<Client> {
  const clock = new FakeClock(NOW);
  const transport = new Transport({ directory: ca.directory, roots: ca.roots, userAgent: 'test', patience });
  onTestFinished(() => transport.close());
  const { privateKey } = await generateKeyPair('ecdsa-p256');
  const wire = await Wire.open({
    directory: ca.directory,
    transport,
    clock,
    accountKey: encodePem('PRIVATE KEY', exportPkcs8(privateKey)),
    accountUrl: undefined,
    eab: undefined,
    sleep: (duration) => {
      clock.advance(duration);
      return Promise.resolve();
    },
  });
  const presented: Task[] = [];
  return {
    wire,
    clock,
    presented,
    async order() {
      const accountUrl = await wire.register([], true);
      return runOrder({
        wire,
        accountUrl,
        identifiers: [{ type: 'dns', value: 'shop.example.test' }],
        profile: undefined,
        replaces: undefined,
        csr: new Uint8Array([1]),
        solvers: [
          {
            type: 'http-01',
            suits: () => true,
            present: (task) => {
              presented.push(task);
              return Promise.resolve();
            },
            remove: () => Promise.resolve(),
          },
        ],
        record: { intendedAt: null, orderUrl: null },
        save: () => Promise.resolve(),
        report: () => undefined,
        clock,
        sleep: (duration) => {
          clock.advance(duration);
          return Promise.resolve();
        },
        signal: new AbortController().signal,
      });
    },
  };
}

/** Somebody whom the CA would like us to call. */
async function elsewhere(): Promise<{ readonly origin: string; readonly calls: () => number }> {
  let calls = 0;
  const server = createServer((_, response) => {
    calls += 1;
    response.end('{}');
  });
  server.on('connection', () => {
    calls += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
      }),
  );
  return { origin: `127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
}

const faultOf = async (act: Promise<unknown>): Promise<AuthorityFault | undefined> => {
  try {
    await act;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(AuthorityError);
    return (error as AuthorityError).fault;
  }
};

const ORDER = (ca: HostileCa, fields: Readonly<Record<string, unknown>>): HostileAnswer => ({
  body: {
    status: 'pending',
    identifiers: [{ type: 'dns', value: 'shop.example.test' }],
    authorizations: [`${ca.origin}/authz`],
    finalize: `${ca.origin}/finalize`,
    ...fields,
  },
});

describe('URLs of another origin, or of plain http, are never asked', () => {
  type Plant = (ca: HostileCa, url: string) => void;
  const inDirectory =
    (name: string): Plant =>
    (ca, url) => {
      ca.answers.set('/directory', () => ({
        body: {
          ...Object.fromEntries(
            ['newNonce', 'newAccount', 'newOrder'].map((known) => [known, `${ca.origin}/${known}`]),
          ),
          [name]: url,
        },
      }));
    };
  const PLANTS: Readonly<Record<string, Plant>> = {
    newNonce: inDirectory('newNonce'),
    newAccount: inDirectory('newAccount'),
    newOrder: inDirectory('newOrder'),
    'the account': (ca, url) =>
      ca.answers.set('/newAccount', () => ({ status: 201, headers: { location: url }, body: {} })),
    'the order': (ca, url) =>
      ca.answers.set('/newOrder', () => ({ ...ORDER(ca, {}), status: 201, headers: { location: url } })),
    'an authorization': (ca, url) =>
      ca.answers.set('/newOrder', () => ({
        ...ORDER(ca, { authorizations: [url] }),
        status: 201,
        headers: { location: `${ca.origin}/order/1` },
      })),
    'a challenge': (ca, url) =>
      ca.answers.set('/authz', () => ({
        body: {
          status: 'pending',
          identifier: { type: 'dns', value: 'shop.example.test' },
          challenges: [{ type: 'http-01', url, token: 'a'.repeat(32), status: 'pending' }],
        },
      })),
    finalize: (ca, url) =>
      ca.answers.set('/newOrder', () => ({
        ...ORDER(ca, { status: 'ready', finalize: url }),
        status: 201,
        headers: { location: `${ca.origin}/order/1` },
      })),
    'a redirect': (ca, url) =>
      ca.answers.set('/newOrder', () => ({ status: 307, headers: { location: url } })),
    'a redirect of the directory': (ca, url) =>
      ca.answers.set('/directory', () => ({ status: 302, headers: { location: url } })),
  };
  const CASES = Object.keys(PLANTS).flatMap((place) =>
    (['https', 'http'] as const).map((scheme) => [place, scheme] as const),
  );

  test.each(CASES)('%s, %s', async (place, scheme) => {
    const [ca, other] = [await hostileCa(), await elsewhere()];
    PLANTS[place]?.(ca, `${scheme}://${other.origin}/x`);
    const { order } = await client(ca);
    const fault = await faultOf(
      order().then((url) => {
        throw new Error(`ended with ${url}`);
      }),
    );
    expect(['protocol', 'refused']).toContain(fault);
    expect(other.calls()).toBe(0);
  });

  test.each(['https', 'http'])('the certificate, an alternate, renewalInfo: %s', async (scheme) => {
    const [ca, other] = [await hostileCa(), await elsewhere()];
    const url = `${scheme}://${other.origin}/x`;
    const { wire } = await client(ca);
    await wire.register([], true);
    expect(await faultOf(wire.certificate(url))).toBe('protocol');
    const leaf = await makeLeaf('served', await makeCa('ca'), dns('shop.example.test'));
    ca.answers.set('/certificate', () => ({
      headers: { 'content-type': 'application/pem-certificate-chain', link: `<${url}>;rel="alternate"` },
      body: encodePem('CERTIFICATE', leaf.der),
    }));
    const asked = {
      spki: leaf.pair.publicKey.spki,
      identifiers: [{ type: 'dns', value: 'shop.example.test' }],
      preferredChain: 'somebody else',
    } as const;
    expect(await faultOf(fetchChain(wire, `${ca.origin}/certificate`, asked))).toBe('protocol');
    ca.answers.set('/directory', () => ({ body: { renewalInfo: url } }));
    const fresh = await client(ca);
    expect(await faultOf(fresh.wire.renewalInfo('abc.def'))).toBe('protocol');
    expect(other.calls()).toBe(0);
  });

  test('a directory of plain http is refused before anything is sent', () => {
    expect(
      () =>
        new Transport({ directory: new URL('http://ca.example.test/dir'), roots: undefined, userAgent: '' }),
    ).toThrow(AuthorityError);
  });

  test('a user name in a URL is another place', async () => {
    const ca = await hostileCa();
    const { wire } = await client(ca);
    await wire.register([], true);
    expect(await faultOf(wire.order(ca.origin.replace('//', '//somebody@') + '/order/1'))).toBe('protocol');
  });
});

describe('answers without end, or without sense', () => {
  const BODIES: readonly (readonly [string, HostileAnswer, AuthorityFault])[] = [
    [
      'an endless body',
      {
        raw: (response) => {
          response.writeHead(201, { 'content-type': 'application/json' });
          const more = (): void => {
            if (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20))) setImmediate(more);
            else if (!response.destroyed) response.once('drain', more);
          };
          more();
        },
      },
      'protocol',
    ],
    ['a body over 1 MiB', { status: 201, body: 'x'.repeat((1 << 20) + 1) }, 'protocol'],
    [
      'a body that never comes',
      {
        raw: (response) => {
          response.writeHead(201, { 'content-type': 'application/json' });
          response.write('{');
        },
      },
      'unreachable',
    ],
    ['no answer at all', { raw: () => undefined }, 'unreachable'],
    ['a connection that is cut', { raw: (response) => response.destroy() }, 'unreachable'],
    ['HTML', { status: 201, headers: { location: 'x' }, body: '<html>' }, 'protocol'],
    ['a number', { status: 201, headers: { location: 'x' }, body: 7 }, 'protocol'],
    ['null', { status: 201, headers: { location: 'x' }, body: null }, 'protocol'],
    ['a list', { status: 201, headers: { location: 'x' }, body: [] }, 'protocol'],
    [
      'wrong types',
      { status: 201, headers: { location: 'x' }, body: { status: {}, finalize: 1, authorizations: 'x' } },
      'protocol',
    ],
    ['no order URL', { status: 201, body: { status: 'pending', finalize: 'x' } }, 'protocol'],
    [
      'headers without end',
      { status: 201, headers: { 'x-long': 'x'.repeat(40_000) }, body: {} },
      'unreachable',
    ],
  ];

  test.each(BODIES)('%s', async (_, answer, fault) => {
    const ca = await hostileCa();
    ca.answers.set('/newOrder', () => answer);
    const { order } = await client(ca, 500);
    const started = performance.now();
    expect(await faultOf(order())).toBe(fault);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('a directory that is no directory is not kept: the next try reads it anew', async () => {
    const ca = await hostileCa();
    for (const answer of [{ body: '<html>' }, { body: 7 }, { status: 500, body: {} }, { status: 304 }])
      for (const { wire } of [await client(ca)]) {
        ca.answers.set('/directory', () => answer);
        expect(['protocol', 'unreachable', 'refused']).toContain(await faultOf(wire.register([], true)));
        ca.answers.delete('/directory');
        expect(await wire.register([], true)).toBe(`${ca.origin}/account/1`);
      }
  });

  test.each([
    '../../etc/cron.d/x',
    '`id`'.repeat(8),
    '$(touch x)'.repeat(4),
    'a;b'.repeat(10),
    'a b'.repeat(10),
    '',
  ])('the token %j reaches no solver', async (token) => {
    const ca = await hostileCa();
    ca.answers.set('/authz', () => ({
      body: {
        status: 'pending',
        identifier: { type: 'dns', value: 'shop.example.test' },
        challenges: [{ type: 'http-01', url: `${ca.origin}/challenge`, token, status: 'pending' }],
      },
    }));
    const { order, presented } = await client(ca);
    expect(await faultOf(order())).toBe('refused');
    expect(presented).toEqual([]);
  });

  test('a problem is text for people: printable, and short', async () => {
    const ca = await hostileCa();
    ca.answers.set('/newOrder', () => ({
      status: 403,
      body: {
        type: 'urn:ietf:params:acme:error:unauthorized',
        detail: `\u001b]0;owned\u0007${'$(id)\n'.repeat(500)}`,
      },
    }));
    const { order } = await client(ca);
    const error: unknown = await order().catch((caught: unknown) => caught);
    expect((error as Error).message.length).toBeLessThan(400);
    expect((error as Error).message).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe('a CA that keeps us waiting', () => {
  test('badNonce for ever: a bound, and each nonce once', async () => {
    const ca = await hostileCa();
    ca.answers.set('/newAccount', () => ({
      status: 400,
      body: { type: 'urn:ietf:params:acme:error:badNonce', detail: 'again' },
    }));
    const { wire } = await client(ca);
    expect(await faultOf(wire.register([], true))).toBe('unreachable');
    const nonces = ca.requests
      .filter(({ path }) => path === '/newAccount')
      .map(({ header }) => header['nonce']);
    expect(nonces.length).toBeLessThanOrEqual(201);
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  test('badNonce for ever, and slow: two minutes', async () => {
    const ca = await hostileCa();
    const { wire, clock } = await client(ca);
    ca.answers.set('/newAccount', () => {
      clock.advance(20_000);
      return { status: 400, body: { type: 'urn:ietf:params:acme:error:badNonce', detail: 'again' } };
    });
    expect(await faultOf(wire.register([], true))).toBe('unreachable');
    expect(ca.requests.filter(({ path }) => path === '/newAccount').length).toBeLessThan(10);
  });

  test.each([
    [undefined, 'protocol'],
    ['a b', 'protocol'],
    ['"', 'protocol'],
  ] as const)('the nonce %j', async (nonce, fault) => {
    const ca = await hostileCa();
    ca.answers.set('/newNonce', () => ({
      raw: (response) => {
        response.writeHead(200, nonce === undefined ? {} : { 'replay-nonce': nonce });
        response.end();
      },
    }));
    const { wire } = await client(ca);
    expect(await faultOf(wire.register([], true))).toBe(fault);
    expect(ca.requests.some(({ path }) => path === '/newAccount')).toBe(false);
  });

  test.each([429, 503, 500])('%i in a storm: a few tries, each signed anew, then later', async (status) => {
    const ca = await hostileCa();
    ca.answers.set('/newOrder', () => ({ status, body: {} }));
    const { order } = await client(ca);
    expect(await faultOf(order())).toBe(status === 429 ? 'limited' : 'unreachable');
    const sent = ca.requests.filter(({ path }) => path === '/newOrder');
    expect(sent.length).toBe(5);
    expect(new Set(sent.map(({ header }) => header['nonce'])).size).toBe(5);
  });

  test('503 once in a while is no failure', async () => {
    const ca = await hostileCa();
    let asked = 0;
    ca.answers.set('/newAccount', () => {
      asked += 1;
      return asked % 3 === 0
        ? { status: 201, headers: { location: `${ca.origin}/account/1` }, body: {} }
        : { status: 503, body: {} };
    });
    const { wire } = await client(ca);
    expect(await wire.register([], true)).toBe(`${ca.origin}/account/1`);
  });

  test.each(['31536000000', '999999999', 'Fri, 31 Dec 9999 23:59:59 GMT', 'never', '-5'])(
    'Retry-After: %s',
    async (after) => {
      const ca = await hostileCa();
      ca.answers.set('/newOrder', () => ({ status: 429, headers: { 'retry-after': after }, body: {} }));
      const { order, clock } = await client(ca);
      const error = (await order().catch((caught: unknown) => caught)) as AuthorityError;
      expect(error.fault).toBe('limited');
      expect(error.problem.retryAt ?? 0).toBeLessThanOrEqual(clock.now() + 7 * DAY);
    },
  );

  test.each(['ready', 'processing', 'pending'])(
    'an order that stays %s for ever: 15 minutes',
    async (status) => {
      const ca = await hostileCa();
      const body = (): HostileAnswer => ORDER(ca, { status });
      ca.answers.set('/newOrder', () => ({
        ...body(),
        status: 201,
        headers: { location: `${ca.origin}/order/1` },
      }));
      ca.answers.set('/order/1', body);
      ca.answers.set('/finalize', body);
      ca.answers.set('/authz', () => ({
        body: { status: 'valid', identifier: { type: 'dns', value: 'shop.example.test' }, challenges: [] },
      }));
      const { order, clock } = await client(ca);
      expect(await faultOf(order())).toBe('unreachable');
      expect(clock.now() - NOW).toBeLessThanOrEqual(16 * MINUTE);
    },
  );
});

describe('another certificate than the one that was asked for', () => {
  const asked = (spki: Uint8Array) =>
    ({
      spki,
      identifiers: [{ type: 'dns', value: 'shop.example.test' }],
      preferredChain: undefined,
    }) as const;
  const served = async (ca: HostileCa, ...ders: Uint8Array[]): Promise<Wire> => {
    ca.answers.set('/certificate', () => ({
      headers: { 'content-type': 'application/pem-certificate-chain' },
      body: ders.map((der) => encodePem('CERTIFICATE', der)).join(''),
    }));
    const { wire } = await client(ca);
    await wire.register([], true);
    return wire;
  };

  test('another key, other names, more names, a chain of somebody else, nothing', async () => {
    const ca = await hostileCa();
    const url = `${ca.origin}/certificate`;
    const [issuer, stranger] = [await makeCa('issuer'), await makeCa('stranger')];
    const leaf = await makeLeaf('leaf', issuer, dns('shop.example.test'));
    const { spki } = leaf.pair.publicKey;
    const other = await makeLeaf('other', issuer, dns('shop.example.test'));
    const wide = await makeLeaf('leaf', issuer, dns('shop.example.test', 'bank.example.test'));
    const wrong = await makeLeaf('leaf', issuer, dns('bank.example.test'));
    for (const chain of [[other], [wide], [wrong], [leaf, stranger], [leaf, issuer, stranger], []])
      expect(
        await faultOf(fetchChain(await served(ca, ...chain.map(({ der }) => der)), url, asked(spki))),
      ).toBe('protocol');
    const chain = await fetchChain(await served(ca, leaf.der, issuer.der), url, asked(spki));
    expect(Buffer.from(chain.certificate)).toEqual(Buffer.from(leaf.der));
  });

  test('chains that mix RSA and ECDSA hold', async () => {
    const ca = await hostileCa();
    const root = await makeCa('rsa root', undefined, { keyAlgorithm: 'rsa-2048' });
    const middle = await makeCa('ec middle', root, { keyAlgorithm: 'ecdsa-p384' });
    const leaf = await makeLeaf('rsa leaf', middle, dns('shop.example.test'), { keyAlgorithm: 'rsa-2048' });
    const wire = await served(ca, leaf.der, middle.der, root.der);
    const { chain } = await fetchChain(wire, `${ca.origin}/certificate`, asked(leaf.pair.publicKey.spki));
    expect(chain).toHaveLength(2);
  });
});
