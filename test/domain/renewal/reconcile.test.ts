import { describe, expect, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE, SECOND } from '../../../src/base/clock.ts';
import type { ManagedCertificate } from '../../../src/domain/renewal/managed.ts';
import { reconcile, type Step } from '../../../src/domain/renewal/reconcile.ts';
import * as facts from '../../../src/domain/renewal/transitions.ts';
import {
  type Endpoint,
  isOver,
  type Sighting,
  type Version,
  versionState,
} from '../../../src/domain/renewal/version.ts';

const T0: Instant = Date.UTC(2026, 5, 1, 12);

interface Outside {
  /** What each endpoint shows after a version was stored. */
  sees: (version: number, now: Instant) => readonly (readonly [string, Sighting])[];
  /** Throws what the target answers. */
  deliver: (target: string, version: number, now: Instant) => void;
  /** Throws what the CA answers. */
  order: (version: number, now: Instant) => void;
  life: number;
  /** Of the CA (RFC 9773). */
  window: (now: Instant) => { readonly start: Instant; readonly end: Instant } | null;
  /** Throws what the CA answers. */
  revoke: (version: number, now: Instant) => void;
}

/** The scheduler and the world in a few lines: steps are done and recorded as the scheduler does. */
class World {
  now = T0;
  managed: ManagedCertificate = {
    name: 'shop',
    set: null,
    wish: {
      names: [{ kind: 'dns', value: 'shop.example.test' }],
      source: { kind: 'own', issuer: 'servers', profile: 'server' },
      ttl: undefined,
      key: { algorithm: 'ecdsa-p256', reuse: false },
      targets: [{ id: 'a', kind: 'files', spec: {} }],
      probes: [{ id: 'p', kind: 'tls', spec: {} }],
      grace: 30 * SECOND,
      renewal: { fraction: undefined, quiet: [] },
      owner: null,
      labels: {},
    },
    written: {},
    revision: 1,
    createdAt: T0,
    pausedAt: null,
    renewAskedAt: null,
    retryAskedAt: null,
    heldUntil: 0,
    failures: 0,
  };
  versions: Version[] = [];
  readonly log: { at: Instant; step: Step }[] = [];
  readonly outside: Outside;

  constructor(outside: Partial<Outside> = {}) {
    this.outside = {
      sees: () => [['192.0.2.1:443', 'new']],
      deliver: () => undefined,
      order: () => undefined,
      life: 90 * DAY,
      window: () => null,
      revoke: () => undefined,
      ...outside,
    };
  }

  #put(version: Version): void {
    this.versions = [...this.versions.filter(({ number }) => number !== version.number), version].sort(
      (a, b) => a.number - b.number,
    );
  }

  #of = (number: number): Version => {
    const found = this.versions.find((version) => version.number === number);
    if (found === undefined) throw new Error(`no version ${number}`);
    return found;
  };

  #do(step: Step): void {
    const { now } = this;
    this.log.push({ at: now, step });
    switch (step.kind) {
      case 'start':
        this.#put(facts.startedVersion(this.managed, this.versions.length + 1, step.reason, now));
        this.managed = { ...this.managed, renewAskedAt: null };
        return;
      case 'give-up':
        this.#put(facts.orderFailed(this.#of(step.version), 'changed', now));
        return;
      case 'order': {
        const version = this.#of(step.version);
        try {
          this.outside.order(step.version, now);
          const fingerprint = `f${step.version}`;
          this.#put(
            facts.issued(version, {
              serial: `${step.version}`,
              fingerprint,
              notBefore: now,
              notAfter: now + this.outside.life,
              issuedAt: now,
              issuedBy: 'servers-1',
              draw: 0.5,
              window: this.outside.window(now),
              bad: null,
            }),
          );
        } catch (error) {
          this.#put(facts.orderDelayed(version, String(error), now, 0, undefined));
        }
        return;
      }
      case 'look-before':
        this.#put(facts.probed(this.#of(step.version), this.#endpoints(step.version, true), now));
        return;
      case 'deliver': {
        const target = this.managed.wish.targets.find(({ id }) => id === step.target);
        if (target === undefined) throw new Error(`no target ${step.target}`);
        try {
          this.outside.deliver(step.target, step.version, now);
          this.#put(facts.delivered(this.#of(step.version), target, now));
        } catch (error) {
          this.#put(facts.deliveryFailed(this.#of(step.version), target, String(error), false, now, 0));
        }
        return;
      }
      case 'probe':
        this.#put(facts.probed(this.#of(step.version), this.#endpoints(step.version, false), now));
        return;
      case 'mark': {
        if (step.as === 'current') {
          for (const before of facts.overtaken(this.versions, step.version))
            this.#put(facts.marked(before, 'superseded', now));
          this.managed = { ...this.managed, failures: 0, heldUntil: 0 };
        }
        this.#put(facts.marked(this.#of(step.version), step.as, now));
        return;
      }
      case 'not-served':
        this.#put(facts.notServed(this.#of(step.version), now));
        return;
      case 'degraded':
        this.#put(facts.degraded(this.#of(step.version), now));
        return;
      case 'roll-back': {
        const { version, back } = facts.rolledBack(this.#of(step.version), this.#of(step.to), now);
        this.#put(version);
        this.#put(back);
        this.managed = facts.held(this.managed, now, 0, undefined);
        return;
      }
      case 'retire':
        this.#put(facts.retired(this.#of(step.version), step.lapses, now));
        return;
      case 'revoke': {
        const version = this.#of(step.version);
        try {
          this.outside.revoke(step.version, now);
          this.#put(facts.marked(version, 'revoked', now));
        } catch (error) {
          const over = (version.certificate?.notAfter ?? 0) <= now;
          this.#put(facts.revocationDelayed(version, over, String(error), now, 0));
        }
      }
    }
  }

  #endpoints(number: number, before: boolean): Endpoint[] {
    const known = this.#of(number).endpoints;
    const shown = before
      ? this.outside
          .sees(number, this.now)
          .map(([address]) => [address, number > 1 ? 'old' : 'unreachable'] as const)
      : this.outside.sees(number, this.now);
    return shown.map(([address, sighting]) => {
      const last = known.find((endpoint) => endpoint.address === address);
      return {
        probe: 'p',
        address,
        healthyBefore: before ? sighting === 'old' : (last?.healthyBefore ?? false),
        sighting,
        since: last?.sighting === sighting ? last.since : this.now,
        seenAt: this.now,
        detail: '',
      };
    });
  }

  /** Until nothing is to be done before `end`. */
  runUntil(end: Instant): this {
    for (let turns = 0; turns < 100_000; turns += 1) {
      const { steps, askAgainAt } = reconcile({
        managed: this.managed,
        versions: this.versions.filter((version) => !isOver(version)),
        issuerRetires: () => false,
        now: this.now,
      });
      for (const step of steps) this.#do(step);
      if (steps.length > 0) continue;
      if (askAgainAt > end) break;
      this.now = Math.max(askAgainAt, this.now + 1);
    }
    this.now = end;
    return this;
  }

  states = (): string[] => this.versions.map(versionState);
  steps = (kind: Step['kind']): { at: Instant; step: Step }[] =>
    this.log.filter(({ step }) => step.kind === kind);
}

describe('the loop', () => {
  test('a wish becomes a pair that is seen served', () => {
    const world = new World().runUntil(T0 + MINUTE);
    expect(world.states()).toEqual(['current']);
    expect(world.log.map(({ step }) => (step.kind === 'mark' ? step.as : step.kind))).toEqual([
      'start',
      'order',
      'look-before',
      'deliver',
      'staged',
      'probe',
      'verified',
      'current',
    ]);
  });

  test('it is renewed by itself, the old pair stays through the grace, then it is retired and revoked', () => {
    const world = new World().runUntil(T0 + 70 * DAY);
    expect(world.states()).toEqual(['retired', 'current']);
    const current = world
      .steps('mark')
      .filter(({ step }) => step.kind === 'mark' && step.as === 'current')[1];
    const [retired] = world.steps('retire');
    expect((retired?.at ?? 0) - (current?.at ?? 0)).toBe(30 * SECOND);
    expect(world.versions[0]?.revokedAt).toBe(retired?.at);
  });

  describe('a target that changes under its id', () => {
    const target = (spec: object) => ({ id: 'a', kind: 'files', spec });
    const now = T0 + DAY;
    const changed = (spec: object): World => {
      const world = new World();
      world.managed = {
        ...world.managed,
        wish: { ...world.managed.wish, targets: [target({ directory: '/tls', layout: 'nginx' })] },
      };
      world.runUntil(now);
      world.managed = { ...world.managed, wish: { ...world.managed.wish, targets: [target(spec)] } };
      return world;
    };

    test('is delivered to at once, and nothing is ordered', () => {
      const world = changed({ directory: '/tls', layout: 'haproxy' }).runUntil(now + HOUR);
      expect(world.steps('deliver').map(({ at }) => at)).toEqual([T0, now]);
      expect(world.steps('order')).toHaveLength(1);
      expect(world.states()).toEqual(['current']);
    });

    test('is left alone where only the order of the keys is another', () => {
      const world = changed({ layout: 'nginx', directory: '/tls' }).runUntil(now + HOUR);
      expect(world.steps('deliver')).toHaveLength(1);
    });

    test('has its own tries: what was given up before counts no more', () => {
      let down = true;
      const world = new World({
        deliver: () => {
          if (down) throw new Error('down');
        },
      });
      world.runUntil(T0 + 3 * DAY);
      expect(world.versions[0]?.deliveries[0]?.deadAt).not.toBeNull();
      down = false;
      world.managed = { ...world.managed, wish: { ...world.managed.wish, targets: [target({ to: 1 })] } };
      world.runUntil(T0 + 3 * DAY + MINUTE);
      expect(world.versions[0]?.deliveries).toMatchObject([{ attempts: 0, deadAt: null, error: null }]);
      expect(world.states()).toEqual(['current']);
    });

    test('and fails is tried again on its own ladder', () => {
      const world = changed({ directory: '/elsewhere' });
      let fails = 3;
      world.outside.deliver = () => {
        if ((fails -= 1) >= 0) throw new Error('down');
      };
      world.runUntil(now + HOUR);
      expect(world.versions[0]?.deliveries).toMatchObject([{ attempts: 3, error: null }]);
      expect(world.versions[0]?.deliveries[0]?.storedAt).toBeGreaterThan(now);
      expect(world.states()).toEqual(['current']);
    });

    test('of a record that was made before the digest was kept is taken as it is', () => {
      const world = changed({ directory: '/tls', layout: 'haproxy' });
      world.versions = world.versions.map((version) => ({
        ...version,
        deliveries: version.deliveries.map((delivery) => ({ ...delivery, spec: null })),
      }));
      world.runUntil(now + HOUR);
      expect(world.steps('deliver')).toHaveLength(1);
    });

    test('and one that is taken out of the wish is left alone', () => {
      const world = changed({ directory: '/tls', layout: 'nginx' });
      world.managed = { ...world.managed, wish: { ...world.managed.wish, targets: [] } };
      world.runUntil(T0 + 70 * DAY);
      expect(world.steps('deliver')).toHaveLength(1);
      expect(world.states()).toEqual(['retired', 'current']);
    });
  });

  test('a short life lapses by itself: nothing is revoked with under a day left', () => {
    const world = new World({ life: DAY }).runUntil(T0 + 20 * HOUR);
    expect(world.states().at(-1)).toBe('current');
    expect(world.steps('retire').length).toBeGreaterThan(0);
    expect(world.steps('revoke')).toEqual([]);
  });

  test('three instances of which one never reloads: stored but not served, nobody rolls back', () => {
    const world = new World({
      sees: (version) => [
        ['192.0.2.1:443', 'new'],
        ['192.0.2.2:443', 'new'],
        ['192.0.2.3:443', version === 1 ? 'new' : 'old'],
      ],
    }).runUntil(T0 + MINUTE);
    world.managed = { ...world.managed, renewAskedAt: world.now };
    const asked = world.now;
    world.runUntil(world.now + 10 * MINUTE);
    expect(world.states()).toEqual(['current', 'staged']);
    const [alarm, ...more] = world.steps('not-served');
    expect((alarm?.at ?? 0) - asked).toBeLessThanOrEqual(31 * SECOND);
    expect(more).toEqual([]);
    expect(world.steps('roll-back')).toEqual([]);
    // it reloads at last
    world.outside.sees = () => [['192.0.2.3:443', 'new']];
    world.runUntil(world.now + 2 * MINUTE);
    expect(world.states()).toEqual(['retired', 'current']);
  });

  test('a reload that breaks the service is rolled back after the grace, and held', () => {
    let broken = true;
    const world = new World({
      sees: (version) => [['192.0.2.1:443', version === 2 && broken ? 'unreachable' : 'new']],
    }).runUntil(T0 + MINUTE);
    world.managed = { ...world.managed, renewAskedAt: world.now };
    world.runUntil(world.now + 4 * MINUTE);
    expect(world.states()).toEqual(['current', 'rolled-back']);
    expect(world.steps('roll-back')[0]?.step).toMatchObject({ version: 2, to: 1 });
    // the old pair was stored again, unrevoked
    expect(world.steps('deliver').map(({ step }) => step.kind === 'deliver' && step.version)).toEqual([
      1, 2, 1,
    ]);
    expect(world.versions[0]?.revokedAt).toBeNull();
    broken = false;
    const orders = world.steps('order').length;
    world.runUntil(world.now + HOUR);
    // nothing is due: what was asked for was tried
    expect(world.steps('order').length).toBe(orders);
  });

  test.each([
    [
      'revoked',
      (world: World) =>
        (world.versions = world.versions.map((v) =>
          v.certificate ? { ...v, certificate: { ...v.certificate, bad: 'revoked' as const } } : v,
        )),
    ],
    [
      'compromised',
      (world: World) =>
        (world.versions = world.versions.map((v) =>
          v.certificate ? { ...v, certificate: { ...v.certificate, bad: 'compromised' as const } } : v,
        )),
    ],
  ])('nothing is rolled back to a pair that is %s', (_, spoil) => {
    const world = new World({
      sees: (version) => [['192.0.2.1:443', version >= 2 ? 'unreachable' : 'new']],
    }).runUntil(T0 + MINUTE);
    spoil(world);
    world.runUntil(world.now + 5 * MINUTE);
    expect(world.steps('roll-back')).toEqual([]);
    expect(world.steps('degraded')).toHaveLength(1);
    expect(world.versions[1]?.degradedAt).not.toBeNull();
  });

  test('an endpoint that was down before is no reason to roll back', () => {
    const world = new World({ sees: () => [['192.0.2.1:443', 'unreachable']] }).runUntil(T0 + 5 * MINUTE);
    expect(world.steps('roll-back')).toEqual([]);
    expect(world.steps('degraded')).toEqual([]);
    expect(world.steps('not-served')).toHaveLength(1);
  });

  test('a target that is down for hours: no second order, current within a minute after it is back', () => {
    const back = T0 + 4 * HOUR;
    const world = new World({
      deliver: (_, __, now) => {
        if (now < back) throw new Error('down');
      },
    }).runUntil(back);
    expect(world.states()).toEqual(['pending']);
    world.runUntil(back + MINUTE);
    expect(world.states()).toEqual(['current']);
    expect(world.steps('order')).toHaveLength(1);
  });

  test('a target that fails delays no other', () => {
    const world = new World({
      deliver: (target) => {
        if (target === 'b') throw new Error('down');
      },
    });
    world.managed = {
      ...world.managed,
      wish: { ...world.managed.wish, targets: ['b', 'a'].map((id) => ({ id, kind: 'files', spec: {} })) },
    };
    world.runUntil(T0 + MINUTE);
    const stored = world.versions[0]?.deliveries.find(({ target }) => target === 'a')?.storedAt;
    expect((stored ?? Infinity) - T0).toBeLessThanOrEqual(SECOND);
  });

  test('orders that fail back off: at most five an hour', () => {
    const world = new World({
      order: () => {
        throw new Error('the CA says no');
      },
    }).runUntil(T0 + DAY);
    const times = world.steps('order').map(({ at }) => at);
    for (const at of times)
      expect(times.filter((other) => other >= at && other < at + HOUR).length).toBeLessThan(5);
  });

  test('what nobody serves is renewed when it is due itself, and takes nothing with it', () => {
    let mended = false;
    const world = new World({
      sees: (version) => [['192.0.2.1:443', version === 1 || mended ? 'new' : 'old']],
    }).runUntil(T0 + MINUTE);
    world.managed = { ...world.managed, renewAskedAt: world.now };
    world.runUntil(T0 + 50 * DAY);
    expect(world.states()).toEqual(['current', 'staged']);
    world.runUntil(T0 + 75 * DAY);
    expect(world.states()).toEqual(['current', 'staged', 'staged']);
    mended = true;
    world.runUntil(world.now + 5 * MINUTE);
    expect(world.states()).toEqual(['retired', 'retired', 'current']);
    expect(world.steps('revoke').map(({ step }) => step)).toEqual(
      [1, 2].map((version) => ({ kind: 'revoke', version })),
    );
  });

  test('a target that never comes back: one new version each period, and the expired ones go', () => {
    const world = new World({
      deliver: () => {
        throw new Error('down');
      },
      life: DAY,
    }).runUntil(T0 + 5 * DAY);
    expect(world.steps('order').length).toBeGreaterThan(7);
    expect(world.steps('order').length).toBeLessThan(13);
    expect(world.versions.filter((version) => !isOver(version)).length).toBeLessThanOrEqual(3);
  });

  test('a wish that changes while its order waits: the old order is left, the new one is not held up', () => {
    const world = new World({
      order: (version) => {
        if (version === 1) throw new Error('the CA says no');
      },
    }).runUntil(T0 + MINUTE);
    world.managed = { ...world.managed, revision: 2 };
    world.runUntil(T0 + 2 * MINUTE);
    expect(world.states()).toEqual(['failed', 'current']);
    expect(world.versions[1]?.revision).toBe(2);
  });

  test('a CA whose windows all lie in the past makes no loop', () => {
    const world = new World({
      window: (now) => ({ start: now - 2 * DAY, end: now - DAY }),
    }).runUntil(T0 + 10 * DAY);
    // the first one is due as it comes; from then on one a day
    expect(world.steps('order').length).toBeLessThanOrEqual(12);
    expect(world.steps('order').length).toBeGreaterThan(8);
  });

  test('a revocation that the CA does not take is tried on a ladder until the certificate lapses', () => {
    const world = new World({
      revoke: () => {
        throw new Error('503');
      },
      sees: () => [['192.0.2.1:443', 'new']],
    }).runUntil(T0 + MINUTE);
    world.managed = { ...world.managed, renewAskedAt: world.now };
    world.runUntil(T0 + HOUR);
    expect(world.states()).toEqual(['retired', 'current']);
    expect(world.steps('revoke').length).toBeLessThan(4);
    world.runUntil(T0 + 100 * DAY);
    expect(world.versions[0]).toMatchObject({ lapses: true, revokedAt: null });
    expect(
      world.steps('revoke').filter(({ step }) => step.kind === 'revoke' && step.version === 1).length,
    ).toBeLessThan(110);
  });

  test('paused: nothing new, and on resuming what is due at once', () => {
    const world = new World().runUntil(T0 + MINUTE);
    world.managed = { ...world.managed, pausedAt: world.now };
    world.runUntil(T0 + 80 * DAY);
    expect(world.states()).toEqual(['current']);
    world.managed = { ...world.managed, pausedAt: null };
    world.runUntil(world.now + MINUTE);
    expect(world.states()).toEqual(['retired', 'current']);
  });

  test('the clock jumps forward 30 days: each due one is renewed once', () => {
    const world = new World({ life: 30 * DAY }).runUntil(T0 + MINUTE);
    world.now += 30 * DAY;
    world.runUntil(world.now + HOUR);
    expect(world.steps('order')).toHaveLength(2);
  });

  test('who asks twice gets two: only what comes by itself is spaced', () => {
    const world = new World().runUntil(T0 + MINUTE);
    for (const _ of [1, 2]) {
      world.managed = { ...world.managed, renewAskedAt: world.now };
      world.runUntil(world.now + MINUTE);
    }
    expect(world.states().at(-1)).toBe('current');
    expect(world.versions.at(-1)?.number).toBe(3);
  });
});
