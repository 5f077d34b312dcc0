import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Explanation, GrantResource } from '../../src/api/grants.ts';
import { FakeServer, problem } from './fake-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
let data: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  data = await server.dataFolder(temporaryFolder());
});

const grant = (...args: string[]): Promise<Outcome> => chancery(['grant', ...args, '--data', data]);

const resource: GrantResource = {
  name: 'web',
  source: 'api',
  principal: 'mtls:workload:spiffe://example.test/app',
  verbs: ['issue', 'renew'],
  issuer: 'servers',
  profiles: ['server'],
  dns: ['**.example.test'],
  maxTtl: '1d',
};

describe('grant create', () => {
  test('makes the request of the flags; /ns/** completes the trust domain', async () => {
    server.on('POST /api/v1/grants', { status: 201, body: resource });
    const { exit } = await grant(
      ...['create', 'web', '--principal', resource.principal, '--verb', 'issue', '--verb', 'renew'],
      ...['--issuer', 'servers', '--profile', 'server', '--profile', 'client', '--uri', '/ns/**'],
      ...['--dns', 'a.test', '--dns', 'b.test', '--ip', '10.0.0.0/8', '--max-ttl', '1d', '--owner', 'ann'],
    );
    expect(exit).toBe(0);
    expect(server.received[0]?.body).toEqual({
      name: 'web',
      principal: resource.principal,
      verbs: ['issue', 'renew'],
      issuer: 'servers',
      profiles: ['server', 'client'],
      uri: ['spiffe://example.test/ns/**'],
      dns: ['a.test', 'b.test'],
      ip: ['10.0.0.0/8'],
      maxTtl: '1d',
      owner: 'ann',
    });
  });

  test('replace puts the same at its name, and says where', async () => {
    server.on('PUT /api/v1/grants/web', { status: 200, body: resource });
    const flags = ['--principal', 'p', '--verb', 'issue', '--issuer', '*', '--profile', '*', '--uri', '/a'];
    const { exit, stdout, stderr } = await grant('replace', 'web', ...flags);
    expect([exit, server.received[0]?.method]).toEqual([0, 'PUT']);
    expect(server.received[0]?.body).toEqual({
      name: 'web',
      principal: 'p',
      verbs: ['issue'],
      issuer: '*',
      profiles: ['*'],
      uri: ['spiffe://example.test/a'],
    });
    expect(stderr).toContain('replacing the grant web at https://');
    expect(stdout).toContain('**.example.test');
  });

  test.each([
    ['a verb that is none', ['--verb', 'sing'], 'rule: allowed choices are issue, renew, revoke'],
    ['no verb', [], "required option '--verb <verb>' not specified"],
    ['a lifetime that is none', ['--verb', 'issue', '--max-ttl', 'long'], 'write it as 90d'],
  ])('%s is a usage error', async (_, more, message) => {
    const base = ['create', 'x', '--principal', 'p', '--issuer', 'i', '--profile', 'p'];
    const { exit, stderr } = await grant(...base, ...more);
    expect([exit, server.received.length]).toEqual([1, 0]);
    expect(stderr).toContain(message);
  });
});

test('grant list and show', async () => {
  server.on('GET /api/v1/grants', { status: 200, body: { grants: [resource] } });
  server.on('GET /api/v1/grants/web', { status: 200, body: resource });
  expect((await grant('list')).stdout).toMatch(
    /\nweb +mtls:workload:\S+ +issue,renew +servers +server +\*\*\.example\.test +1d +api\n/,
  );
  expect((await grant('show', 'web')).stdout).toContain('  DNS names         **.example.test\n');
});

test('grant delete names the server before it acts', async () => {
  server.on('DELETE /api/v1/grants/web', { status: 204 });
  expect(await grant('delete', 'web')).toEqual({
    exit: 0,
    stdout: '',
    stderr: `deleting the grant web at ${server.url} (${data}/client.yaml)\ndeleted\n`,
  });
  server.on('DELETE /api/v1/grants/web', problem(404, 'not_found', 'there is no grant "web"'));
  expect((await grant('delete', 'web')).exit).toBe(4);
});

test('a name cannot leave its place in the URL', async () => {
  await grant('show', '../roots?x=1');
  expect(server.received[0]?.path).toBe('/api/v1/grants/..%2Froots%3Fx%3D1');
});

describe('grant explain', () => {
  const request: Explanation['request'] = {
    principal: 'mtls:clients:spiffe://example.test/ops/ann',
    verb: 'issue',
    issuer: 'servers',
    profile: 'server',
    names: { dns: ['a.example.test'] },
    ttl: '7d',
  };
  const explain = (answer: Explanation): Promise<Outcome> => {
    server.on('POST /api/v1/grants/explain', { status: 200, body: answer });
    return grant('explain', '--profile', 'server', '--dns', 'a.example.test', '--ttl', '7d');
  };

  test('allowed: exit 0 and the rule', async () => {
    const { exit, stdout } = await explain({ allowed: true, rule: 'web', request });
    expect([exit, stdout.split('\n')[0]]).toEqual([0, 'allowed by web']);
    expect(server.received[0]?.body).toEqual({
      verb: 'issue',
      profile: 'server',
      names: { dns: ['a.example.test'] },
      ttl: '7d',
    });
  });

  test('not allowed: exit 3, the nearest grant and what it lacks, on stdout', async () => {
    const lacks = [{ facet: 'ttl', message: '7d is over its maxTtl 1d' }] as const;
    const { exit, stdout, stderr } = await explain({
      allowed: false,
      rule: 'deny-by-default',
      nearest: { rule: 'web', lacks: [...lacks] },
      request,
    });
    expect([exit, stderr]).toEqual([3, '']);
    expect(stdout).toMatch(
      /^refused by deny-by-default\n[^]*nearest grant +web\n +falls short +7d is over its maxTtl 1d\n$/,
    );
  });
});
