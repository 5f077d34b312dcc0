/** The scheduler on a real store, with edges that behave. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE, SECOND } from '../../src/base/clock.ts';
import type { ManagedCertificate } from '../../src/domain/renewal/managed.ts';
import { OrderFault, type Pair, type RenewalEvent, type Target } from '../../src/domain/renewal/ports.ts';
import { versionState } from '../../src/domain/renewal/version.ts';
import { Budget } from '../../src/scheduler/budget.ts';
import { Scheduler } from '../../src/scheduler/loop.ts';
import type { SchedulerPorts } from '../../src/scheduler/ports.ts';
import { certificateFingerprint } from '../../src/x509/certificate.ts';
import { exportPkcs8, generateKeyPair } from '../../src/x509/key-pair.ts';
import { openTestStore, SILENT } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { SeededRandom } from '../fakes/random.ts';
import { dns, makeCa, makeLeaf, NOW } from '../support/chains.ts';

const wish = (
  name: string,
  now: Instant,
  fields: Partial<ManagedCertificate['wish']> = {},
): ManagedCertificate => ({
  name,
  set: null,
  wish: {
    names: [{ kind: 'dns', value: `${name}.example.test` }],
    source: { kind: 'own', issuer: 'servers', profile: 'server' },
    ttl: undefined,
    key: { algorithm: 'ecdsa-p256', reuse: false },
    targets: [{ id: 'here', kind: 'memory', spec: {} }],
    probes: [{ id: 'seen', kind: 'memory', spec: {} }],
    grace: 2 * SECOND,
    renewal: { fraction: undefined, quiet: [] },
    owner: 'platform',
    labels: {},
    ...fields,
  },
  written: {},
  revision: 1,
  createdAt: now,
  pausedAt: null,
  renewAskedAt: null,
  retryAskedAt: null,
  heldUntil: 0,
  failures: 0,
});

interface World {
  readonly clock: FakeClock;
  readonly store: ReturnType<typeof openTestStore>['managed'];
  readonly ports: SchedulerPorts;
  readonly orders: string[];
  readonly events: RenewalEvent[];
  /** What each target holds. */
  readonly stored: Map<string, Pair>;
  readonly fail: { order?: () => Error | undefined; deliver?: (target: string) => Error | undefined };
  add(managed: ManagedCertificate): Promise<void>;
  /** Ticks until nobody works. */
  settle(scheduler?: Scheduler): Promise<void>;
}

async function world(life = 90 * DAY): Promise<World> {
  const clock = new FakeClock(NOW);
  const { managed: store } = openTestStore({ clock });
  const ca = await makeCa('scheduler root');
  const orders: string[] = [];
  const events: RenewalEvent[] = [];
  const stored = new Map<string, Pair>();
  const fail: World['fail'] = {};
  const key = exportPkcs8((await generateKeyPair('ecdsa-p256')).privateKey);
  const target = (id: string): Target => ({
    async deliver(pair) {
      await Promise.resolve();
      const error = fail.deliver?.(id);
      if (error !== undefined) throw error;
      const same = stored.get(id)?.fingerprint === pair.fingerprint;
      stored.set(id, pair);
      return { outcome: same ? 'unchanged' : 'stored', location: id, reload: null };
    },
    stored: () => Promise.resolve(stored.get(id)?.fingerprint),
    forgetPrevious: () => Promise.resolve(),
    rehearse: () => Promise.resolve('fine'),
  });
  const ports: SchedulerPorts = {
    clock,
    random: new SeededRandom(),
    log: SILENT,
    store,
    source: {
      async obtain({ managed, version }) {
        orders.push(`${managed.name} ${version.number}`);
        const error = fail.order?.();
        if (error !== undefined) throw error;
        const leaf = await makeLeaf(
          `${managed.name} ${version.number}`,
          ca,
          dns(`${managed.name}.example.test`),
          {
            notBefore: clock.now(),
            notAfter: clock.now() + life,
          },
        );
        return { certificates: [leaf.der, ca.der], issuedBy: 'servers-1', window: null };
      },
      window: () => Promise.resolve(undefined),
      revoke: () => Promise.resolve(),
    },
    box: { seal: (secret) => secret, open: (sealed) => sealed },
    makeKey: () => Promise.resolve(key),
    target: ({ id }) => target(id),
    probe: () => ({
      look: () =>
        Promise.resolve([
          { address: 'here', certificate: stored.get('here')?.certificate, fault: undefined },
        ]),
    }),
    rootsFor: () => [],
    issuerRetires: () => false,
    verdictOn: () => null,
    budget: () => 0,
    emit: (event) => events.push(event),
    report: () => undefined,
    draft: (event, outcome, details) => ({
      time: clock.now(),
      event,
      outcome,
      principal: 'system:managed',
      door: 'internal',
      requestId: 'managed',
      details,
    }),
  };
  const usual = new Scheduler(ports);
  onTestFinished(() => usual.stop());
  return {
    clock,
    store,
    ports,
    orders,
    events,
    stored,
    fail,
    async add(managed) {
      await store.put(managed.name, () => managed, []);
    },
    async settle(scheduler = usual) {
      await scheduler.tick();
      await scheduler.idle();
    },
  };
}

const states = ({ store }: World, name: string): string[] =>
  store.history(name, 10).map(versionState).reverse();

describe('the scheduler', () => {
  test('a new wish is current after one look, and is due again when its domain says', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    await here.settle();
    expect(states(here, 'shop')).toEqual(['current']);
    expect(here.events.map(({ type }) => type)).toEqual(['ordered', 'staged', 'verified', 'renewed']);
    expect((here.store.nextDue() ?? 0) - here.clock.now()).toBeGreaterThan(5 * DAY);
    await here.settle();
    expect(here.orders).toEqual(['shop 1']);
  });

  test('it is renewed, the old version is retired and revoked, its key is forgotten', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    await here.settle();
    here.clock.advance(80 * DAY);
    await here.settle();
    expect(states(here, 'shop')).toEqual(['previous', 'current']);
    here.clock.advance(MINUTE);
    await here.settle();
    expect(states(here, 'shop')).toEqual(['retired', 'current']);
    expect(here.store.material('shop', 1)?.sealedKey).toBeNull();
    expect(here.store.history('shop', 2)[1]?.revokedAt).toBe(here.clock.now());
    expect(here.stored.get('here')?.fingerprint).toBe(
      certificateFingerprint(here.store.material('shop', 2)?.certificates[0] ?? new Uint8Array(0)),
    );
  });

  test('two versions never share a key, unless the wish reuses it', async () => {
    const here = await world();
    let made = 0;
    const ports = { ...here.ports, makeKey: () => Promise.resolve(Buffer.from(`key ${(made += 1)}`)) };
    const scheduler = new Scheduler(ports);
    await here.add(wish('shop', here.clock.now()));
    await here.add(wish('kept', here.clock.now(), { key: { algorithm: 'ecdsa-p256', reuse: true } }));
    await here.settle(scheduler);
    here.clock.advance(80 * DAY);
    await here.settle(scheduler);
    const keyOf = (name: string, version: number): string =>
      Buffer.from(here.store.material(name, version)?.sealedKey ?? []).toString();
    expect(keyOf('shop', 2)).not.toBe(keyOf('shop', 1));
    expect(keyOf('kept', 2)).toBe(keyOf('kept', 1));
  });

  test('D11: a target that is down for hours costs no second order and delays nobody', async () => {
    const here = await world();
    const targets = ['here', 'there'].map((id) => ({ id, kind: 'memory', spec: {} }));
    await here.add(wish('shop', here.clock.now(), { targets }));
    here.fail.deliver = (id) => (id === 'there' ? new Error('down') : undefined);
    await here.settle();
    expect(here.stored.has('here')).toBe(true);
    for (let minute = 0; minute < 180; minute += 1) {
      here.clock.advance(MINUTE);
      await here.settle();
    }
    expect(states(here, 'shop')).toEqual(['pending']);
    delete here.fail.deliver;
    here.clock.advance(MINUTE);
    await here.settle();
    expect(states(here, 'shop')).toEqual(['current']);
    expect(here.orders).toHaveLength(1);
    // one alarm, not one for each try
    expect(here.events.filter(({ type }) => type === 'delivery-failed')).toHaveLength(1);
  });

  test('D13: two schedulers, 200 due: each is ordered once', async () => {
    const here = await world();
    for (let n = 0; n < 200; n += 1) await here.add(wish(`shop-${n}`, here.clock.now()));
    const other = new Scheduler(here.ports);
    for (let turn = 0; turn < 20; turn += 1) await Promise.all([here.settle(), here.settle(other)]);
    expect(here.orders).toHaveLength(200);
    expect(new Set(here.orders).size).toBe(200);
  });

  test('D13: who was stopped for longer than the lease records nothing more', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    const [stale] = await here.store.claim(here.clock.now(), 1, here.clock.now() + MINUTE);
    if (stale === undefined) throw new Error('nothing was due');
    here.clock.advance(2 * MINUTE);
    const [fresh] = await here.store.claim(here.clock.now(), 1, here.clock.now() + MINUTE);
    expect(fresh?.token).toBe(stale.token + 1);
    await expect(here.store.record(stale, { audit: [] })).rejects.toMatchObject({ code: 'claim_lost' });
    await expect(here.store.extend(stale, here.clock.now() + HOUR)).rejects.toMatchObject({
      code: 'claim_lost',
    });
    await expect(here.store.release(stale, 0)).rejects.toMatchObject({ code: 'claim_lost' });
  });

  test('what is asked for while it is worked on is not lost', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    const [claim] = await here.store.claim(here.clock.now(), 1, here.clock.now() + MINUTE);
    if (claim === undefined) throw new Error('nothing was due');
    await here.store.wake(['shop'], here.clock.now());
    await here.store.release(claim, here.clock.now() + 30 * DAY);
    expect(here.store.nextDue()).toBe(here.clock.now());
  });

  test('D9: a day back and 30 days forward: no storm, each due one once', async () => {
    const here = await world(30 * DAY);
    for (let n = 0; n < 50; n += 1)
      await here.add(wish(`shop-${n}`, here.clock.now(), { targets: [], probes: [] }));
    await here.settle();
    await here.settle();
    expect(here.orders).toHaveLength(50);
    here.clock.advance(-DAY);
    await here.settle();
    expect(here.orders).toHaveLength(50);
    here.clock.advance(31 * DAY);
    for (let turn = 0; turn < 5; turn += 1) await here.settle();
    expect(here.orders).toHaveLength(100);
  });

  test('who stops in the middle leaves it due now, and an order that was cut off is no failure', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    let begun: (() => void) | undefined;
    const ordering = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const scheduler = new Scheduler({
      ...here.ports,
      source: {
        ...here.ports.source,
        obtain: ({ signal }) =>
          new Promise((_, reject) => {
            begun?.();
            signal.addEventListener('abort', () => reject(new Error('aborted')));
          }),
      },
    });
    await scheduler.tick();
    await ordering;
    await scheduler.stop();
    expect(here.store.nextDue()).toBeLessThanOrEqual(here.clock.now());
    expect(here.store.living('shop')[0]).toMatchObject({ attempts: 0, error: null });
    await here.settle();
    expect(states(here, 'shop')).toEqual(['current']);
  });

  test('an expired certificate from a CA is refused: it would be renewed at once, and again', async () => {
    const here = await world(-MINUTE);
    await here.add(wish('shop', here.clock.now()));
    for (let minute = 0; minute < 60; minute += 1) {
      await here.settle();
      here.clock.advance(MINUTE);
    }
    expect(here.orders.length).toBeLessThan(5);
    expect(new Set(states(here, 'shop'))).toEqual(new Set(['failed']));
    expect(here.stored.size).toBe(0);
  });

  test('a step that fails in a way nobody foresaw is tried again a minute later, and nothing spins', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    let asked = 0;
    const scheduler = new Scheduler({
      ...here.ports,
      makeKey: () => {
        asked += 1;
        return Promise.reject(new Error('no entropy'));
      },
    });
    await here.settle(scheduler);
    expect(asked).toBe(1);
    expect(here.store.nextDue()).toBe(here.clock.now() + MINUTE);
  });

  test('a fleet that shrinks while it is renewed is not rolled back', async () => {
    const here = await world();
    let fleet = ['a', 'b', 'c'];
    const scheduler = new Scheduler({
      ...here.ports,
      probe: () => ({
        look: () => {
          const certificate = here.stored.get('here')?.certificate;
          return Promise.resolve(fleet.map((address) => ({ address, certificate, fault: undefined })));
        },
      }),
    });
    await here.add(wish('shop', here.clock.now()));
    await here.settle(scheduler);
    here.clock.advance(80 * DAY);
    // two leave after they were seen healthy
    here.fail.deliver = () => {
      fleet = ['a'];
      return undefined;
    };
    for (let second = 0; second < 10; second += 1) {
      await here.settle(scheduler);
      here.clock.advance(SECOND);
    }
    expect(states(here, 'shop')).toEqual(['retired', 'current']);
    expect(here.store.living('shop').at(-1)?.endpoints).toMatchObject([
      { address: 'a', sighting: 'new', healthyBefore: true },
    ]);
    expect(here.events.map(({ type }) => type)).not.toContain('rolled-back');
  });

  test('a key that cannot be opened is certified by nobody: its version fails, the next one has another key', async () => {
    const here = await world();
    let opens = false;
    const scheduler = new Scheduler({
      ...here.ports,
      box: { seal: (secret) => secret, open: (sealed) => (opens ? sealed : undefined) },
    });
    await here.add(wish('shop', here.clock.now()));
    await here.settle(scheduler);
    expect(here.orders).toEqual([]);
    expect(states(here, 'shop')).toEqual(['failed']);
    expect(here.store.material('shop', 1)?.sealedKey).toBeNull();
    expect(here.events.map(({ type }) => type)).toEqual(['order-failed']);
    opens = true;
    here.clock.advance(10 * MINUTE);
    await here.settle(scheduler);
    expect(states(here, 'shop')).toEqual(['failed', 'current']);
  });

  test('an order that the CA does not finish is given up after 7 days, and not before; then another is made', async () => {
    const here = await world();
    await here.add(wish('shop', here.clock.now()));
    const began = here.clock.now();
    here.fail.order = () => new OrderFault('the CA is busy', false);
    await here.settle();
    while (states(here, 'shop')[0] === 'pending') {
      if (here.clock.now() > began + 10 * DAY) throw new Error('it was never given up');
      here.clock.advance((here.store.nextDue() ?? 0) - here.clock.now());
      await here.settle();
    }
    const [given] = here.store.history('shop', 10).slice(-1);
    expect((given?.failedAt ?? 0) - began).toBeGreaterThan(7 * DAY);
    expect((given?.failedAt ?? 0) - began).toBeLessThan(9 * DAY);
    expect(new Set(here.orders)).toEqual(new Set(['shop 1']));
    delete here.fail.order;
    here.clock.advance(HOUR);
    await here.settle();
    expect(states(here, 'shop')).toEqual(['failed', 'current']);
  });

  test(
    '5,000 that wait for one lane are each taken up a few times, at their slots',
    { timeout: 60_000 },
    async () => {
      const here = await world();
      const budget = new Budget(here.clock, (lane) =>
        lane.startsWith('order:') ? { burst: 50, interval: SECOND / 50 } : undefined,
      );
      const claims = new Map<string, number>();
      const scheduler = new Scheduler({
        ...here.ports,
        budget: budget.take,
        // what happens after the order is not what is counted
        source: { ...here.ports.source, obtain: ({ managed }) => end(managed.name) },
        store: {
          ...here.store,
          async claim(...asked) {
            const found = await here.store.claim(...asked);
            for (const { name } of found) claims.set(name, (claims.get(name) ?? 0) + 1);
            return found;
          },
        },
      });
      const ordered = new Set<string>();
      const end = (name: string): Promise<never> => {
        ordered.add(name);
        return Promise.reject(new OrderFault('the CA says no', true));
      };
      for (let n = 0; n < 5000; n += 1)
        await here.add(wish(`shop-${n}`, here.clock.now(), { targets: [], probes: [] }));
      for (let turn = 0; ordered.size < 5000; turn += 1) {
        if (turn > 1000) throw new Error(`in vain: ${ordered.size} were ordered`);
        await here.settle(scheduler);
        const next = here.store.nextDue() ?? 0;
        if (next > here.clock.now()) here.clock.advance(Math.max(next - here.clock.now(), SECOND));
      }
      expect(Math.max(...claims.values())).toBeLessThanOrEqual(3);
    },
  );
});
