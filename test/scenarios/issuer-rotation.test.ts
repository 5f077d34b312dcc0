/**
 * An issuer is rotated under traffic: services with ten-second identities call the API and each other over mTLS, on new
 * connections all the time, while its next generation is prepared, activated, and the old one retired. They trust the
 * root alone. Not one request fails.
 */
import { createServer, type Server } from 'node:https';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Login, loginOf, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

/** The shortest that is served. */
const LIFE = 10_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

interface Identity extends Login {
  readonly generation: string;
  readonly roots: string[];
  readonly bornAt: number;
}

async function obtain(name: string, before?: Identity): Promise<Identity> {
  const { csr, key } = await makeCsr([{ kind: 'uri', value: `spiffe://example.test/${name}` }]);
  const body = { profile: 'workload', csr, ttl: `${LIFE / 1000}s` };
  const { status, json } = await server.ask('POST', '/api/v1/certificates', body);
  if (status !== 201)
    throw new Error(`${before === undefined ? 'first' : 'renewed'}: ${JSON.stringify(json)}`);
  return {
    ...loginOf(json, key),
    generation: String(json['generation']),
    roots: json['roots'] as string[],
    bornAt: Date.now(),
  };
}

/** A service with an mTLS door of its own, that calls the API and the service before it. */
class Service {
  readonly name: string;
  identity: Identity;
  calls = 0;
  readonly failures: string[] = [];
  readonly seen = new Set<string>();
  readonly #door: Server;

  constructor(name: string, identity: Identity) {
    this.name = name;
    this.identity = identity;
    this.#door = createServer(
      { ...this.#tls(), requestCert: true, rejectUnauthorized: true },
      (_request, response) => response.end('ok'),
    );
  }

  #tls() {
    // the bundle is the root alone: what stands between travels with the leaf
    const { key, cert, roots } = this.identity;
    return { key, cert, ca: roots };
  }

  listen = (): Promise<void> => new Promise((resolve) => this.#door.listen(0, '127.0.0.1', () => resolve()));
  close = (): Promise<void> =>
    new Promise((resolve) => {
      this.#door.close(() => resolve());
      this.#door.closeAllConnections();
    });

  get port(): number {
    return (this.#door.address() as AddressInfo).port;
  }

  async renewWhenDue(): Promise<void> {
    if (Date.now() - this.identity.bornAt < LIFE / 2) return;
    this.identity = await obtain(this.name, this.identity);
    this.#door.setSecureContext(this.#tls());
  }

  async call(other: Service): Promise<void> {
    const { generation } = this.identity;
    const answer = await server.ask('GET', '/api/v1/server', undefined, { login: this.identity });
    if (answer.status !== 200) throw new Error(`API, ${generation}: ${answer.text}`);
    const status = await this.#visit(other);
    if (status !== 200) throw new Error(`${other.name}, ${generation}: ${status}`);
    this.seen.add(generation);
  }

  #visit(other: Service): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { ...this.#tls(), port: other.port, host: '127.0.0.1', agent: false as const };
      request({ ...options, checkServerIdentity: () => undefined }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
  }

  async work(other: Service, working: () => boolean): Promise<void> {
    while (working()) {
      try {
        await this.renewWhenDue();
        await this.call(other);
      } catch (error) {
        this.failures.push(String(error));
      }
      this.calls++;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

test('prepare, activate, retire: no request fails, and the old generation goes when its last certificate has', async () => {
  const services = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => new Service(name, await obtain(name))),
  );
  await Promise.all(services.map((service) => service.listen()));
  let working = true;
  const work = services.map((service, i) =>
    service.work(services[(i + 1) % services.length] ?? service, () => working),
  );
  const step = async (path: string): Promise<string> => {
    const { json } = await server.ask('POST', `/api/v1/${path}`);
    return String(json['state'] ?? json['code']);
  };
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  await pause(500);
  const prepared = await server.ask('POST', '/api/v1/issuers/workload/prepare');
  expect(prepared.json['generation']).toMatchObject({ id: 'workload-2', state: 'next' });
  await pause(500);
  expect(await step('generations/workload-2/activate')).toBe('current');
  expect(await step('generations/workload-1/retire')).toBe('would_strand');
  // both generations call and are called meanwhile
  await vi.waitFor(async () => expect(await step('generations/workload-1/retire')).toBe('retired'), {
    timeout: 3 * LIFE,
    interval: 250,
  });
  await pause(500);
  working = false;
  await Promise.all(work);
  await Promise.all(services.map((service) => service.close()));

  expect(services.flatMap(({ failures }) => failures)).toEqual([]);
  for (const { seen, calls, identity } of services) {
    expect([...seen]).toEqual(['workload-1', 'workload-2']);
    expect(calls).toBeGreaterThan(20);
    expect(identity.generation).toBe('workload-2');
  }
}, 60_000);
