import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuthorityResource, AuthorityTest } from '../../src/api/public-authorities.ts';
import { FakeServer, problem } from './fake-server.ts';
import { chancery, type Circumstances, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
let data: string;
let folder: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  server.routes.clear();
  folder = temporaryFolder();
  data = await server.dataFolder(join(folder, 'data'));
});

const run = (args: readonly string[], circumstances?: Circumstances): Promise<Outcome> =>
  chancery([...args, '--data', data], circumstances);

const authority: AuthorityResource = {
  name: 'letsencrypt',
  accountUrl: 'https://ca.test/acct/1',
  spec: {
    directory: 'https://ca.test/dir',
    staging: 'https://staging.test/dir',
    useStaging: true,
    contact: ['mailto:ops@example.test'],
    termsOfServiceAgreed: true,
    solvers: [
      { http01: { listen: '0.0.0.0:80' } },
      { http01: { webroot: '/srv/www' } },
      { tlsAlpn01: { listen: '0.0.0.0:443' } },
      {
        dns01: {
          rfc2136: {
            server: 'ns.test:53',
            zone: 'example.test',
            key: { name: 'k', algorithm: 'hmac-sha256', secret: { file: '/etc/tsig' } },
            propagation: '2m',
          },
        },
      },
    ],
    limits: { orders: 300, failures: 4 },
  },
};

describe('authority', () => {
  test('list and show say which directory is used, and how challenges are answered', async () => {
    server.on('GET /api/v1/authorities', { status: 200, body: { authorities: [authority] } });
    server.on('GET /api/v1/authorities/letsencrypt', { status: 200, body: authority });
    expect((await run(['authority', 'list'])).stdout).toMatch(
      /^letsencrypt +https:\/\/staging\.test\/dir +yes +http-01 on 0\.0\.0\.0:80, http-01 in \/srv\/www, tls-alpn-01 on 0\.0\.0\.0:443, dns-01 by RFC 2136 at ns\.test:53, zone example\.test\n$/m,
    );
    const { stdout } = await run(['authority', 'show', 'letsencrypt']);
    expect(stdout).toMatch(/account +https:\/\/ca\.test\/acct\/1\n/);
    expect((await run(['authority', 'show', 'letsencrypt', '-o', 'json'])).stdout).toContain('/etc/tsig');
  });

  test('test shows what the CA says; one that does not serve us is exit 2', async () => {
    const body: AuthorityTest = {
      name: 'letsencrypt',
      directory: 'https://staging.test/dir',
      accountUrl: 'https://staging.test/acct/1',
      profiles: ['classic', 'shortlived'],
      renewalInfo: true,
      externalAccountRequired: false,
    };
    server.on('POST /api/v1/authorities/letsencrypt/test', { status: 200, body });
    const { exit, stdout } = await run(['authority', 'test', 'letsencrypt']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^letsencrypt serves us\n[^]*profiles +classic, shortlived\n/);
    server.on(
      'POST /api/v1/authorities/letsencrypt/test',
      problem(503, 'authority_unavailable', 'no answer'),
    );
    expect(await run(['authority', 'test', 'letsencrypt'])).toMatchObject({ exit: 2, stdout: '' });
  });

  test('delete has the name typed, or --yes', async () => {
    server.on('DELETE /api/v1/authorities/letsencrypt', { status: 204 });
    expect((await run(['authority', 'delete', 'letsencrypt'])).exit).toBe(1);
    expect((await run(['authority', 'delete', 'letsencrypt'], { typed: 'no' })).exit).toBe(1);
    expect(server.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
    expect((await run(['authority', 'delete', 'letsencrypt'], { typed: 'letsencrypt' })).exit).toBe(0);
    expect((await run(['authority', 'delete', 'letsencrypt', '--yes'])).exit).toBe(0);
  });
});

describe('target', () => {
  const spec = {
    targets: [
      { files: { directory: '/srv/a', layout: 'nginx' } },
      { name: 'proxy', files: { directory: '/srv/b', layout: 'haproxy' } },
    ],
  };

  test('list: every target with the newest version that is on its way there', async () => {
    const stored = (state: string, more = {}) => ({ target: 'files:/srv/a', state, attempts: 1, ...more });
    server.on('GET /api/v1/managed', {
      status: 200,
      body: {
        managed: [
          {
            name: 'shop',
            spec,
            versions: [
              { number: 2, targets: [stored('dead', { error: 'outside of delivery.paths' })] },
              { number: 1, targets: [stored('stored')] },
            ],
          },
        ],
      },
    });
    expect((await run(['target', 'list'])).stdout).toMatch(
      /^shop +files:\/srv\/a +nginx +given up +2 +outside of delivery\.paths\nshop +proxy +haproxy +new +- +-\n$/m,
    );
  });

  test('test: one that does not take it keeps no other from being tried, and decides the exit code', async () => {
    server.on('GET /api/v1/managed/shop', { status: 200, body: { spec } });
    server.on('POST /api/v1/targets/test', ({ body }) =>
      (body as { name?: string }).name === 'proxy'
        ? { status: 200, body: { target: 'proxy', location: 'tls.pem can be written to /srv/b' } }
        : problem(403, 'delivery_refused', '/srv/a is not allowed', { rule: 'delivery.paths: /srv/b' }),
    );
    const { exit, stdout } = await run(['target', 'test', 'shop']);
    expect(exit).toBe(3);
    expect(stdout).toMatch(
      /^files:\/srv\/a +no +\/srv\/a is not allowed \(delivery\.paths: \/srv\/b\)\nproxy +yes +tls\.pem can be written/m,
    );
  });

  test('test -f: before anything is applied', async () => {
    const path = join(folder, 'wish.yaml');
    writeFileSync(
      path,
      'apiVersion: chancery/v1\nkind: ManagedCertificate\nname: shop\nspec: { names: [a.test], issuer: servers, targets: [{ files: { directory: tls } }] }\n',
    );
    server.on('POST /api/v1/targets/test', { status: 200, body: { target: 'x', location: 'y' } });
    expect((await run(['target', 'test', '-f', path])).exit).toBe(0);
    expect(server.received[0]?.body).toEqual({ files: { directory: join(folder, 'tls'), layout: 'pem' } });
  });

  test('test: something else that fails is told as it is', async () => {
    server.on('GET /api/v1/managed/shop', { status: 200, body: { spec } });
    server.on('POST /api/v1/targets/test', problem(403, 'not_allowed', 'no grant'));
    const { exit, stdout, stderr } = await run(['target', 'test', 'shop']);
    expect([exit, stdout]).toEqual([3, '']);
    expect(stderr).toContain('no grant');
  });

  test('test: a name or a file, not both, not neither', async () => {
    expect((await run(['target', 'test'])).exit).toBe(1);
    expect((await run(['target', 'test', 'shop', '-f', 'x'])).exit).toBe(1);
  });
});
