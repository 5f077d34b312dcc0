import { beforeEach, describe, expect, it } from 'vitest';
import { HOUR, SECOND } from '../../../src/base/clock.ts';
import {
  binding,
  csrFor,
  makeAcme,
  problemOf,
  type TestAcme,
  type TestClient,
  type TestOrder,
} from '../../support/acme.ts';

const WWW = ['www.example.test'];
const FORBIDDEN = {
  ok: false,
  problem: { type: 'caa', detail: 'CAA of example.test names other CAs' },
  log: [],
  retry: false,
} as const;

let acme: TestAcme;
let client: TestClient;

async function start(caaIdentities: readonly string[] = ['ca.example.test']): Promise<void> {
  acme = await makeAcme({ directory: { caaIdentities } });
  client = acme.client();
  await client.register();
}
beforeEach(() => start());

async function ready(names: readonly string[] = WWW): Promise<TestOrder> {
  const order = await client.order(names);
  await client.authorize(order);
  return order;
}

const signatures = (): number => acme.pipeline.journal.filter((what) => what === 'signed').length;

describe('RFC 8659 3: CAA before issuance', () => {
  it('RFC 8659 3: looked at with the challenge, it counts for eight hours', async () => {
    const order = await ready();
    acme.pipeline.clock.advance(8 * HOUR);
    expect((await client.finalize(order, await csrFor(WWW))).json['status']).toBe('valid');
    expect(acme.probe.askedCaa).toEqual([]);
  });

  it('RFC 8659 3: over eight hours later it is looked at again, for every name and as it was validated', async () => {
    const names = ['a.example.test', 'b.example.test', '192.0.2.7'];
    const order = await ready(names);
    acme.pipeline.clock.advance(8 * HOUR + SECOND);
    expect((await client.finalize(order, await csrFor(names))).json['status']).toBe('valid');
    expect(acme.probe.askedCaa).toEqual(
      ['a', 'b'].map((host) => ({
        identifier: { type: 'dns', value: `${host}.example.test` },
        wildcard: false,
        method: 'http-01',
        accountUri: client.kid,
      })),
    );
  });

  it('RFC 8659 3: who is no longer allowed signs nothing, and the refusal is on record', async () => {
    const order = await ready();
    acme.pipeline.clock.advance(9 * HOUR);
    acme.probe.caa = FORBIDDEN;
    const problem = await problemOf(client.finalize(order, await csrFor(WWW)));
    expect([problem.type, problem.status]).toEqual(['caa', 403]);
    expect(problem.detail.subproblems).toMatchObject([{ identifier: { value: 'www.example.test' } }]);
    expect(signatures()).toBe(0);
    const last = JSON.parse(acme.store.entries.at(-1)?.body ?? '{}') as { event?: string };
    expect(last).toMatchObject({ event: 'certificate.refused', details: { code: 'caa' } });
    expect((await client.post(order.url)).json['status']).toBe('ready');
    acme.probe.caa = { ok: true, log: [] };
    expect((await client.finalize(order, await csrFor(WWW))).json['status']).toBe('valid');
  });

  it('RFC 8657 4: a name that an external key vouches for is looked at by a method of our own', async () => {
    const { kid, macKey } = await acme.addExternalKey({ preauthorized: { dns: ['**.example.test'] } });
    client = acme.client();
    await client.register({ externalAccountBinding: binding(kid, macKey, client.key) });
    const names = ['*.example.test', 'www.example.test'];
    const order = await client.order(names);
    acme.probe.caa = FORBIDDEN;
    expect((await problemOf(client.finalize(order, await csrFor(names)))).type).toBe('caa');
    expect(signatures()).toBe(0);
    expect(acme.probe.askedCaa.map(({ method, wildcard }) => [method, wildcard])).toEqual([
      ['ca-preauthorized', true],
      ['ca-preauthorized', false],
    ]);
  });

  it('RFC 8659 3: a CA without a name in CAA does not look', async () => {
    await start([]);
    const order = await ready();
    acme.pipeline.clock.advance(9 * HOUR);
    expect((await client.finalize(order, await csrFor(WWW))).json['status']).toBe('valid');
    expect(acme.probe.askedCaa).toEqual([]);
  });
});
