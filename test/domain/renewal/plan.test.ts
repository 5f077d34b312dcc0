import { describe, expect, test } from 'vitest';
import { DAY, type Duration, type Instant, SECOND } from '../../../src/base/clock.ts';
import type { ManagedCertificate } from '../../../src/domain/renewal/managed.ts';
import { LoadPlan, type Planned } from '../../../src/domain/renewal/plan.ts';
import { SeededRandom } from '../../fakes/random.ts';

const NOW: Instant = Date.UTC(2026, 5, 1, 12);

const managed = (source: ManagedCertificate['wish']['source'], ttl?: Duration): ManagedCertificate => ({
  name: 'shop',
  set: null,
  wish: {
    names: [{ kind: 'dns', value: 'shop.example.test' }],
    source,
    ttl,
    key: { algorithm: 'ecdsa-p256', reuse: false },
    targets: [{ id: 'a', kind: 'files', spec: {} }],
    probes: [],
    grace: 30 * SECOND,
    renewal: { fraction: undefined, quiet: [] },
    owner: null,
    labels: {},
  },
  written: {},
  revision: 1,
  createdAt: NOW,
  pausedAt: null,
  renewAskedAt: null,
  retryAskedAt: null,
  heldUntil: 0,
  failures: 0,
});

const issued = (notBefore: Instant, life: Duration, draw: number): Planned['certificate'] => ({
  serial: '01',
  fingerprint: '',
  notBefore,
  notAfter: notBefore + life,
  issuedAt: notBefore,
  issuedBy: 'servers-1',
  draw,
  window: null,
  bad: null,
});

const own = { kind: 'own', issuer: 'servers', profile: 'server' } as const;
const publicCa = {
  kind: 'public',
  authorities: ['letsencrypt', 'other'],
  profile: undefined,
  preferredChain: undefined,
} as const;

describe('the load that is to come', () => {
  test('a new wish counts now, and once each period after; each delivery counts at its store', () => {
    const plan = new LoadPlan(NOW, 90);
    plan.add({ managed: managed(own, 6 * DAY), certificate: undefined, first: true });
    const lanes = plan.lanes();
    expect(lanes.map(({ lane }) => lane)).toEqual(['issuer servers', 'store files']);
    // 6 days live just under 3 until they are renewed
    const all = lanes[0]?.perDay.reduce((sum, count) => sum + count, 0) ?? 0;
    expect(all).toBeGreaterThanOrEqual(31);
    expect(all).toBeLessThanOrEqual(33);
    expect(lanes[0]?.perDay[0]).toBe(1);
    expect(lanes[1]?.perDay).toEqual(lanes[0]?.perDay);
  });

  test('a fleet that is made at once is not foreseen to herd', () => {
    const plan = new LoadPlan(NOW, 14);
    for (let n = 0; n < 10_000; n += 1)
      plan.add({ managed: managed(own, DAY), certificate: undefined, first: true });
    const [lane] = plan.lanes();
    expect(lane?.peakPerHour).toBe(10_000);
    const days = lane?.perDay.slice(1) ?? [];
    expect(Math.max(...days) / Math.min(...days)).toBeLessThan(1.2);
  });

  test('a public CA is named by the one that is tried first, and renewed at two thirds of 90 days', () => {
    const plan = new LoadPlan(NOW, 90);
    plan.add({ managed: managed(publicCa), certificate: issued(NOW, 90 * DAY, 0), first: false });
    const [lane] = plan.lanes();
    expect(lane?.lane).toBe('public CA letsencrypt');
    expect(lane?.perDay.findIndex((count) => count > 0)).toBe(55);
  });

  test('what is overdue counts in the first hour, what lives for minutes by the hour', () => {
    const plan = new LoadPlan(NOW, 1);
    plan.add({ managed: managed(own), certificate: issued(NOW - 10 * DAY, 7 * DAY, 0.5), first: false });
    expect(plan.lanes()[0]?.peakPerHour).toBe(1);
    const busy = new LoadPlan(NOW, 1);
    busy.add({ managed: managed(own, 10 * 60 * SECOND), certificate: undefined, first: true });
    expect(busy.lanes()[0]).toMatchObject({ peakPerHour: 14 });
  });

  test('a million wishes, 90 days: seconds, and no memory for each', { timeout: 60_000 }, () => {
    const random = new SeededRandom('plan');
    const wish = managed(own);
    const plan = new LoadPlan(NOW, 90);
    const before = process.memoryUsage().heapUsed;
    const started = process.cpuUsage();
    for (let n = 0; n < 1_000_000; n += 1) {
      const draw = Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;
      plan.add({
        managed: wish,
        certificate: issued(NOW - Math.floor(draw * 3) * DAY, 7 * DAY, draw),
        first: true,
      });
    }
    const lanes = plan.lanes();
    const seconds = process.cpuUsage(started).user / 1e6;
    const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    expect(lanes).toHaveLength(2);
    expect(lanes[0]?.meanPerHour).toBeGreaterThan(1_000_000 / (3.5 * 24));
    expect(seconds).toBeLessThan(20);
    expect(grown).toBeLessThan(200);
    expect(lanes[0]?.perDay).toHaveLength(90);
  });
});
