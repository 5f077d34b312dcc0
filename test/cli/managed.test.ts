import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ManagedProgress, ManagedResource, VersionView } from '../../src/api/managed.ts';
import type { RenewalPlan } from '../../src/api/renewal-plan.ts';
import { judge } from '../../src/cli/managed/renew.ts';
import { sparkline } from '../../src/cli/managed/plan.ts';
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

const managed = (args: readonly string[], circumstances?: Circumstances): Promise<Outcome> =>
  chancery(['managed', ...args, '--data', data], circumstances);

const NOW = Date.parse('2026-03-01T00:00:00Z');
const AT = '2026-03-01T00:00:00Z';

const version = (number: number, more: Partial<VersionView> = {}): VersionView => ({
  number,
  state: 'current',
  reason: 'due',
  createdAt: AT,
  serial: `0${number}`,
  issuedBy: 'servers-1',
  notBefore: AT,
  notAfter: '2026-03-08T00:00:00Z',
  targets: [{ target: 'files:/srv/shop', state: 'stored', attempts: 1, storedAt: AT }],
  probes: [],
  ...more,
});

const resource = (...versions: VersionView[]): ManagedResource => ({
  name: 'shop',
  set: 'web',
  state: versions[0]?.state ?? 'new',
  paused: false,
  nextRenewal: '2026-03-05T00:00:00Z',
  versions,
  spec: {
    names: ['shop.example.test'],
    issuer: { public: ['letsencrypt', 'other'] },
    key: { type: 'ecdsa-p256', reuse: false },
    targets: [{ files: { directory: '/srv/shop', layout: 'nginx' } }],
    probes: [{ tls: { address: 'shop:443' } }],
    grace: '30s',
    renewal: { quiet: [] },
    owner: 'shop team',
    labels: {},
  },
});

const notServed: Partial<VersionView> = {
  state: 'staged',
  alarm: 'stored but not served',
  probes: [
    {
      probe: 'tls:shop:443',
      address: '192.0.2.1:443',
      state: 'old',
      since: AT,
      seenAt: AT,
      detail: 'it serves serial 01',
    },
  ],
};

describe('managed list', () => {
  test('goes through every page; -o name', async () => {
    server.on('GET /api/v1/managed', ({ path }) => ({
      status: 200,
      body: path.includes('cursor=')
        ? { managed: [{ ...resource(version(1)), name: 'second', paused: true }] }
        : { managed: [resource(version(2, notServed), version(1))], cursor: 'next' },
    }));
    const { exit, stdout } = await managed(['list', '--set', 'web'], { now: NOW });
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /^shop +staged +letsencrypt, other +in 7d +in 4d +stored but not served\nsecond +current, paused +/m,
    );
    expect(server.received.map(({ path }) => path)).toEqual([
      '/api/v1/managed?set=web&limit=500',
      '/api/v1/managed?set=web&limit=500&cursor=next',
    ]);
    expect((await managed(['list', '-o', 'name'])).stdout).toBe('shop\nsecond\n');
  });

  test('says when nothing is managed', async () => {
    server.on('GET /api/v1/managed', { status: 200, body: { managed: [] } });
    expect((await managed(['list'])).stderr).toBe('nothing is managed\n');
  });
});

describe('managed show', () => {
  test('-o json is the resource: state, versions, next renewal', async () => {
    const shown = resource(version(2), version(1, { state: 'previous' }));
    server.on('GET /api/v1/managed/shop', { status: 200, body: shown });
    expect(JSON.parse((await managed(['show', 'shop', '-o', 'json'])).stdout)).toEqual(shown);
  });

  test('alarm, targets with their error, and what each endpoint serves', async () => {
    const broken = version(2, {
      ...notServed,
      targets: [
        {
          target: 'files:/srv/shop',
          state: 'waiting',
          attempts: 3,
          nextTryAt: '2026-03-01T00:00:20Z',
          error: 'the disk is full',
        },
        { target: 'files:/srv/b', state: 'dead', attempts: 3000, error: 'it is not in delivery.paths' },
      ],
    });
    server.on('GET /api/v1/managed/shop', { status: 200, body: resource(broken) });
    const { stdout } = await managed(['show', 'shop'], { now: NOW });
    for (const line of [
      'alarm: stored but not served',
      'target files:/srv/shop: waiting, the disk is full, tried again in 20s',
      'target files:/srv/b: given up after 3000 tries, it is not in delivery.paths',
      'probe tls:shop:443 at 192.0.2.1:443: old since in 0s, it serves serial 01',
    ])
      expect(stdout).toContain(line);
  });

  test('one that there is not: exit 4', async () => {
    server.on('GET /api/v1/managed/x', problem(404, 'not_found', 'there is no managed certificate x'));
    expect((await managed(['show', 'x'])).exit).toBe(4);
  });

  test('a name cannot leave its place in the URL', async () => {
    await managed(['show', '../roots?x=1']);
    expect(server.received[0]?.path).toBe('/api/v1/managed/..%2Froots%3Fx%3D1');
  });
});

describe('managed renew', () => {
  /** What the server shows, one look after the other; the last stays. */
  function shows(before: ManagedResource, ...after: readonly ManagedResource[]): void {
    let looks = -1;
    server
      .on('GET /api/v1/managed/shop', () => ({
        status: 200,
        body: looks < 0 ? before : (after[Math.min(looks++, after.length - 1)] ?? before),
      }))
      .on('POST /api/v1/managed/shop/renew', () => {
        looks = 0;
        return { status: 200, body: before };
      })
      .on('GET /api/v1/managed/shop/progress', ({ path }) => {
        const asked = Number(new URLSearchParams(path.split('?')[1]).get('after'));
        const lines = looks < 0 ? [] : [{ sequence: 8, time: AT, version: 2, message: 'ordered' }];
        const body: ManagedProgress = {
          state: 'pending',
          sequence: looks < 0 ? 7 : 8,
          lines: lines.filter(({ sequence }) => sequence > asked),
        };
        return { status: 200, body };
      });
  }

  test('shows what happens, once, until the new version is current: exit 0', async () => {
    shows(
      resource(version(1)),
      resource(version(2, { state: 'pending' }), version(1)),
      resource(version(2), version(1, { state: 'previous' })),
    );
    const { exit, stdout, stderr } = await managed(['renew', 'shop', '-o', 'json']);
    expect(exit).toBe(0);
    expect(stderr).toMatch(/^renewing shop at https:\S+ \(\S+client\.yaml\)\n +0s {2}version 2: ordered\n$/);
    expect((JSON.parse(stdout) as ManagedResource).versions[0]).toMatchObject({
      number: 2,
      state: 'current',
    });
  });

  test.each<[string, Partial<VersionView>, string]>([
    [
      'failed',
      { state: 'failed', error: 'letsencrypt: too many' },
      'version 2 failed: letsencrypt: too many',
    ],
    [
      'rolled back',
      { ...notServed, state: 'rolled-back', alarm: undefined },
      'version 2 was rolled back: 192.0.2.1:443 is old, it serves serial 01',
    ],
    [
      'not served',
      notServed,
      'version 2 is stored but not served: 192.0.2.1:443 is old, it serves serial 01',
    ],
    [
      'degraded',
      { ...notServed, alarm: 'degraded' },
      'version 2 breaks an endpoint, and no pair is fit to be put back',
    ],
  ])('one that %s: exit 2 with the cause', async (_what, facts, cause) => {
    shows(resource(version(1)), resource(version(2, facts), version(1)));
    const { exit, stderr } = await managed(['renew', 'shop']);
    expect(exit).toBe(2);
    expect(stderr).toContain(`error: ${cause}`);
  });

  test('one that is under way is the one that is watched', async () => {
    shows(resource(version(1, { state: 'pending' })), resource(version(1)));
    expect((await managed(['renew', 'shop'])).exit).toBe(0);
    shows(resource(version(1, notServed)), resource(version(1, notServed)));
    expect((await managed(['renew', 'shop'])).stderr).toContain('error: version 1 is stored but not served');
  });

  test('after --timeout it is left to the server: exit 2, with what it waits for', async () => {
    shows(resource(version(1)), resource(version(2, { state: 'pending', error: 'busy' }), version(1)));
    const { exit, stderr } = await managed(['renew', 'shop', '--timeout', '1s']);
    expect([exit, stderr]).toEqual([
      2,
      expect.stringContaining('error: version 2 is still pending: busy; the server goes on with it'),
    ]);
  });

  test('--no-wait only asks', async () => {
    shows(resource(version(1)));
    expect((await managed(['renew', 'shop', '--no-wait'])).exit).toBe(0);
    expect(server.received.at(-1)?.path).toBe('/api/v1/managed/shop/renew');
  });

  test('a refusal is told as it is', async () => {
    shows(resource(version(1)));
    server.on('POST /api/v1/managed/shop/renew', problem(403, 'not_allowed', 'no grant'));
    expect((await managed(['renew', 'shop'])).exit).toBe(3);
  });
});

describe('which version decides', () => {
  test.each<[string, ManagedResource, number, string]>([
    ['nothing was begun', resource(), 0, 'under way'],
    ['the old one does not count', resource(version(1)), 1, 'under way'],
    ['a newer one took its place', resource(version(3), version(2, { state: 'previous' })), 1, 'current'],
    ['a failed one, whatever follows it', resource(version(3), version(2, { state: 'failed' })), 1, 'failed'],
    ['an old failure says nothing', resource(version(1, { state: 'failed' })), 1, 'under way'],
  ])('%s', (_what, shown, above, verdict) => {
    expect(judge(shown, above)).toContain(verdict);
  });
});

test('managed pause and resume name the server and show what became of it', async () => {
  for (const verb of ['pause', 'resume'])
    server.on(`POST /api/v1/managed/shop/${verb}`, {
      status: 200,
      body: { ...resource(version(1)), paused: verb === 'pause' },
    });
  const paused = await managed(['pause', 'shop']);
  expect(paused.stderr).toContain(`pausing the managed certificate shop at ${server.url}`);
  expect(paused.stdout).toMatch(/state +current, paused/);
  expect((await managed(['resume', 'shop'])).stdout).toMatch(/state +current\n/);
});

describe('managed delete', () => {
  beforeEach(() => server.on('DELETE /api/v1/managed/shop', { status: 204 }));

  test('names the server and has the name typed', async () => {
    const { exit, stderr } = await managed(['delete', 'shop'], { typed: 'shop' });
    expect(exit).toBe(0);
    expect(stderr).toBe(
      `deleting the managed certificate shop at ${server.url} (${data}/client.yaml)\nType shop to never renew it again: deleted\nwhat is served stays where it is\n`,
    );
  });

  test.each([
    ['another name', { typed: 'shopp' }],
    ['nobody there', {}],
  ])('%s: nothing is deleted', async (_what, circumstances) => {
    expect((await managed(['delete', 'shop'], circumstances)).exit).toBe(1);
    expect(server.received).toEqual([]);
  });

  test('--yes asks nobody', async () => {
    expect((await managed(['delete', 'shop', '--yes'])).exit).toBe(0);
  });
});

test('managed history', async () => {
  server.on('GET /api/v1/managed/shop/history', {
    status: 200,
    body: { versions: [version(2), version(1, { state: 'retired' })] },
  });
  const { stdout } = await managed(['history', 'shop', '--limit', '2'], { now: NOW });
  expect(server.received[0]?.path).toBe('/api/v1/managed/shop/history?limit=2');
  expect(stdout).toMatch(/^2 +current +due .*\n1 +retired +due .*\n$/m);
});

describe('managed plan', () => {
  const plan: RenewalPlan = {
    days: 3,
    lanes: [{ lane: 'public letsencrypt', peakPerHour: 4, meanPerHour: 0.2, perDay: [0, 1, 8] }],
  };

  test('of what there is', async () => {
    server.on('GET /api/v1/managed-plan', { status: 200, body: plan });
    const { stdout } = await managed(['plan', '--days', '3']);
    expect(server.received[0]?.path).toBe('/api/v1/managed-plan?days=3');
    expect(stdout).toMatch(/^public letsencrypt +9 +0\.2 +4 +·▁█\n$/m);
  });

  test('-f plans what is not saved', async () => {
    server.on('POST /api/v1/managed-plan', { status: 200, body: plan });
    const path = join(folder, 'wishes.yaml');
    writeFileSync(
      path,
      'apiVersion: chancery/v1\nkind: ManagedCertificate\nname: shop\nspec: { names: [a.test], issuer: servers }\n',
    );
    expect((await managed(['plan', '-f', path])).exit).toBe(0);
    expect(server.received.map(({ body }) => body)).toMatchObject([
      { days: 90, documents: [{ name: 'shop' }] },
    ]);
  });

  test('a sparkline is at most 60 wide, a day without any is a dot', () => {
    expect(sparkline([])).toBe('');
    expect(sparkline([0, 0])).toBe('··');
    expect(sparkline([1, 4, 8])).toBe('▁▄█');
    expect(sparkline(Array.from({ length: 366 }, () => 1)).length).toBeLessThanOrEqual(60);
  });
});
