/**
 * Killed after every single effect, before its record: on the same file the next process goes on, orders nothing twice,
 * and what is delivered is a pair.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DAY, type Instant, MINUTE, SECOND } from '../../src/base/clock.ts';
import { runOrder } from '../../src/acme-client/order.ts';
import { AuthorityError } from '../../src/acme-client/errors.ts';
import type { CaOrder } from '../../src/acme-client/resources.ts';
import type { Wire } from '../../src/acme-client/wire.ts';
import type { ManagedCertificate, Source } from '../../src/domain/renewal/managed.ts';
import type { ManagedStore, Obtained, Pair } from '../../src/domain/renewal/ports.ts';
import { versionState } from '../../src/domain/renewal/version.ts';
import { openStore } from '../../src/db/sqlite/index.ts';
import { Scheduler } from '../../src/scheduler/loop.ts';
import type { SchedulerPorts } from '../../src/scheduler/ports.ts';
import { certificateFingerprint, readCertificate } from '../../src/x509/certificate.ts';
import { exportPkcs8, generateKeyPair } from '../../src/x509/key-pair.ts';
import { exportSpki } from '../../src/x509/public-key.ts';
import { equal } from '../../src/x509/bytes.ts';
import { SILENT, temporaryFile } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';
import { SeededRandom } from '../fakes/random.ts';
import { dns, makeCa, NOW, type Party } from '../support/chains.ts';
import { certify } from '../support/certify.ts';

/** Everybody who waits for it waits for ever: that is what a kill -9 looks like from inside. */
class Fuse {
  #left: number;
  burnt = false;
  readonly passed: string[] = [];

  constructor(steps: number) {
    this.#left = steps;
  }

  /** An effect was made, its answer is on the way. */
  async pass(what: string): Promise<void> {
    if (this.burnt) return new Promise(() => undefined);
    this.passed.push(what);
    this.#left -= 1;
    if (this.#left > 0) return;
    this.burnt = true;
    this.#blown?.();
    return new Promise(() => undefined);
  }

  #blown: (() => void) | undefined;
  blown = new Promise<void>((resolve) => {
    this.#blown = resolve;
  });
}

/** What lives on when the process dies: a CA, a folder of pairs, endpoints. */
interface Outside {
  readonly ca: Party;
  readonly orders: { readonly order: CaOrder; key: string | undefined; leaf: Uint8Array | undefined }[];
  readonly issued: Map<string, Uint8Array>;
  readonly delivered: Map<string, Pair>;
  readonly revoked: Set<string>;
  /** RFC 8555 7.1.2.1: a CA may list the orders of an account, or not. */
  readonly lists: boolean;
}

const OWN: Source = { kind: 'own', issuer: 'servers', profile: 'server' };
const PUBLIC: Source = {
  kind: 'public',
  authorities: ['ca'],
  profile: undefined,
  preferredChain: undefined,
};

const wish = (source: Source): ManagedCertificate => ({
  name: 'shop',
  set: null,
  wish: {
    names: [{ kind: 'dns', value: 'shop.example.test' }],
    source,
    ttl: undefined,
    key: { algorithm: 'ecdsa-p256', reuse: false },
    targets: ['a', 'b'].map((id) => ({ id, kind: 'memory', spec: {} })),
    probes: [{ id: 'seen', kind: 'memory', spec: {} }],
    grace: 2 * SECOND,
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

/** A CA that keeps its orders; every call is an effect that can be the last one. */
function wireTo(outside: Outside, fuse: Fuse, clock: FakeClock, spki: Uint8Array): Wire {
  const find = (url: string): Outside['orders'][number] => {
    const found = outside.orders.find(({ order }) => order.url === url);
    if (found === undefined) throw new AuthorityError('refused', { detail: 'unknown', status: 404 });
    return found;
  };
  const put = (url: string, fields: Partial<CaOrder>): CaOrder => {
    const row = find(url);
    Object.assign(row, { order: { ...row.order, ...fields } });
    return row.order;
  };
  const wire = {
    async newOrder({ identifiers }: { identifiers: CaOrder['identifiers'] }): Promise<CaOrder> {
      // as Boulder does, which lists none: the same names, not yet finalized, are the same order
      const known = outside.lists
        ? undefined
        : outside.orders.find(({ order }) => ['pending', 'ready'].includes(order.status));
      const url = `https://ca.test/order/${outside.orders.length + 1}`;
      const order: CaOrder = known?.order ?? {
        url,
        status: 'pending',
        identifiers,
        authorizations: [`${url}/authz`],
        finalize: `${url}/finalize`,
        certificate: undefined,
        error: undefined,
      };
      if (known === undefined) outside.orders.push({ order, key: undefined, leaf: undefined });
      await fuse.pass('newOrder');
      return order;
    },
    async order(url: string): Promise<CaOrder> {
      await fuse.pass('order');
      return find(url).order;
    },
    async orders(): Promise<string[]> {
      await fuse.pass('orders');
      return outside.lists ? outside.orders.map(({ order }) => order.url) : [];
    },
    async authorization(url: string): Promise<object> {
      await fuse.pass('authorization');
      const { order } = find(url.replace('/authz', ''));
      return {
        url,
        status: order.status === 'pending' ? 'pending' : 'valid',
        identifier: order.identifiers[0],
        wildcard: false,
        challenges: [
          { type: 'http-01', url: `${order.url}/challenge`, token: 'a'.repeat(20), status: 'pending' },
        ],
      };
    },
    keyAuthorization: (token: string) => Promise.resolve(`${token}.thumbprint`),
    async respond({ url }: { url: string }): Promise<void> {
      put(url.replace('/challenge', ''), { status: 'ready' });
      await fuse.pass('respond');
    },
    async finalize({ url }: CaOrder): Promise<CaOrder> {
      const row = find(url);
      const key = Buffer.from(spki).toString('hex');
      if (row.key !== undefined && row.key !== key)
        throw new AuthorityError('refused', { detail: 'finalized with another key' });
      row.key = key;
      row.leaf ??= certify(outside.ca, spki, dns('shop.example.test'), clock.now(), 90 * DAY);
      const order = put(url, { status: 'valid', certificate: `${url}/certificate` });
      await fuse.pass('finalize');
      return order;
    },
  };
  return wire as unknown as Wire;
}

interface Process {
  readonly store: ManagedStore;
  readonly close: () => Promise<void>;
  /** Until nothing is to be done now, or the fuse is burnt. */
  settle(): Promise<void>;
}

function startProcess(file: string, clock: FakeClock, outside: Outside, fuse: Fuse): Process {
  const opened = openStore({ clock, log: SILENT, onFatal: () => undefined, file });
  const real = opened.managed;
  /** A record is an effect, too: it is durable, and the process dies before it knows. */
  const store: ManagedStore = {
    ...real,
    async record(claim, progress) {
      await real.record(claim, progress);
      await fuse.pass('record');
    },
  };
  const spkiOf = (pkcs8: Uint8Array): Uint8Array =>
    exportSpki(createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })));
  const ports: SchedulerPorts = {
    clock,
    random: new SeededRandom(),
    log: SILENT,
    store,
    source: {
      async obtain({ managed, version, privateKey, progress, save, signal }): Promise<Obtained> {
        const spki = spkiOf(privateKey);
        if (managed.wish.source.kind === 'own') {
          // the pipeline's claim: once for each version
          const key = `${managed.name} ${version.number}`;
          const leaf =
            outside.issued.get(key) ??
            certify(outside.ca, spki, dns('shop.example.test'), clock.now(), 90 * DAY);
          outside.issued.set(key, leaf);
          await fuse.pass('issue');
          return { certificates: [leaf, outside.ca.der], issuedBy: 'servers-1', window: null };
        }
        const wire = wireTo(outside, fuse, clock, spki);
        const url = await runOrder({
          wire,
          accountUrl: 'https://ca.test/account/1',
          identifiers: [{ type: 'dns', value: 'shop.example.test' }],
          profile: undefined,
          replaces: undefined,
          csr: new Uint8Array(0),
          solvers: [
            {
              type: 'http-01',
              suits: () => true,
              present: () => fuse.pass('present'),
              remove: () => Promise.resolve(),
            },
          ],
          record: progress ?? { intendedAt: null, orderUrl: null },
          save: (record) => save({ authority: 'ca', ...record }),
          report: () => undefined,
          clock,
          sleep: () => Promise.resolve(),
          signal,
        });
        await fuse.pass('download');
        const row = outside.orders.find(({ order }) => order.certificate === url);
        if (row?.leaf === undefined) throw new AuthorityError('protocol', { detail: 'no certificate' });
        return { certificates: [row.leaf, outside.ca.der], issuedBy: 'ca', window: null };
      },
      window: () => Promise.resolve(undefined),
      async revoke(_, leaf) {
        outside.revoked.add(certificateFingerprint(leaf));
        await fuse.pass('revoke');
      },
    },
    box: { seal: (secret) => secret, open: (sealed) => sealed },
    makeKey: async (algorithm) => exportPkcs8((await generateKeyPair(algorithm)).privateKey),
    target: ({ id }) => ({
      async deliver(pair) {
        const same = outside.delivered.get(id)?.fingerprint === pair.fingerprint;
        outside.delivered.set(id, pair);
        await fuse.pass(`deliver ${id}`);
        return { outcome: same ? 'unchanged' : 'stored', location: id, reload: null };
      },
      stored: () => Promise.resolve(outside.delivered.get(id)?.fingerprint),
      forgetPrevious: () => fuse.pass(`forget ${id}`),
      rehearse: () => Promise.resolve('fine'),
    }),
    probe: () => ({
      async look() {
        await fuse.pass('look');
        return [{ address: 'a', certificate: outside.delivered.get('a')?.certificate, fault: undefined }];
      },
    }),
    rootsFor: () => [],
    issuerRetires: () => false,
    verdictOn: () => null,
    budget: () => 0,
    emit: () => undefined,
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
  const scheduler = new Scheduler(ports);
  return {
    store: real,
    close: () => opened.close(),
    async settle() {
      await scheduler.tick();
      await Promise.race([scheduler.idle(), fuse.blown]);
    },
  };
}

interface Story {
  readonly outside: Outside;
  readonly passed: readonly string[];
  readonly died: boolean;
  readonly store: ManagedStore;
}

/** First issuance and a renewal, with a kill at the effect number `at`; then a new process on the same file. */
async function live(ca: Party, source: Source, at: number, lists: boolean): Promise<Story> {
  const file = temporaryFile();
  const clock = new FakeClock(NOW);
  const outside: Outside = {
    ca,
    orders: [],
    issued: new Map(),
    delivered: new Map(),
    revoked: new Set(),
    lists,
  };
  const fuse = new Fuse(at);
  let restarted = false;
  let running = startProcess(file, clock, outside, fuse);
  await running.store.put('shop', () => wish(source), []);
  const until = async (end: Instant): Promise<void> => {
    for (let turns = 0; turns < 100; turns += 1) {
      await running.settle();
      if (fuse.burnt && !restarted) {
        restarted = true;
        await running.close();
        running = startProcess(file, clock, outside, new Fuse(Infinity));
        // its lease runs out
        clock.advance(3 * MINUTE);
        continue;
      }
      const due = running.store.nextDue() ?? Infinity;
      if (due > end) break;
      clock.set(Math.max(due, clock.now()));
    }
  };
  await until(NOW + 10 * MINUTE);
  await running.store.put('shop', (found) => ({ ...(found ?? wish(source)), renewAskedAt: clock.now() }), []);
  await until(clock.now() + 20 * MINUTE);
  const { store, close } = running;
  onTestFinished(close);
  return { outside, passed: fuse.passed, died: fuse.burnt, store };
}

const publicKeyOf = (pkcs8: Uint8Array): Uint8Array =>
  exportSpki(createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })));

describe.each([
  ['an issuer of ours', OWN, false],
  ['a public CA that lists orders', PUBLIC, true],
  ['a public CA that lists none', PUBLIC, false],
] as const)('killed at each step, with %s', (_, source, lists) => {
  test('resumed, ordered once, delivered as pairs', { timeout: 120_000 }, async () => {
    const ca = await makeCa('crash root');
    const whole = await live(ca, source, Infinity, lists);
    expect(whole.died).toBe(false);
    expect(whole.passed.length).toBeGreaterThan(25);
    for (let at = 1; at <= whole.passed.length; at += 1) {
      const { outside, died, store } = await live(ca, source, at, lists);
      const where = `killed after ${at}: ${whole.passed[at - 1] ?? ''}`;
      expect(died, where).toBe(true);
      const versions = store.history('shop', 10);
      expect(versions.map(versionState), where).toEqual(['current', 'retired']);
      expect(source === OWN ? outside.issued.size : outside.orders.length, where).toBe(2);
      for (const id of ['a', 'b']) {
        const pair = outside.delivered.get(id);
        expect(pair?.version, where).toBe(2);
        if (pair === undefined) continue;
        expect(pair.fingerprint, where).toBe(versions[0]?.certificate?.fingerprint);
        expect(equal(readCertificate(pair.certificate).spki, publicKeyOf(pair.privateKey)), where).toBe(true);
      }
      expect([...outside.revoked], where).toEqual([versions[1]?.certificate?.fingerprint]);
      expect(store.material('shop', 1)?.sealedKey, where).toBeNull();
    }
  });
});
