import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { FakeDnsServer } from '../fakes/dns-server.ts';
import {
  ALLOWED,
  askFor,
  detail,
  dns,
  KEY_AUTHORIZATION,
  never,
  openDns,
  probeFor,
  ranges,
  verdict,
} from './workbench.ts';

const NAME = 'www.corp.test';
const CHALLENGE = `_acme-challenge.${NAME}`;
const DIGEST = createHash('sha256').update(KEY_AUTHORIZATION).digest('base64url');

/** The host's resolver is at 127.0.0.1; the servers of `corp.test` are where `ns` says, all on one port. */
async function world(ns: readonly string[] = ['127.0.0.2']) {
  const servers: FakeDnsServer[] = [];
  for (const address of ns) servers.push(await openDns(address, servers[0]?.port ?? 0));
  const host = await openDns(ALLOWED);
  host.add('corp.test', 'NS', ...ns.map((_, i) => `ns${i}.corp.test`));
  for (const [i, address] of ns.entries()) host.add(`ns${i}.corp.test`, 'A', address);
  const port = servers[0]?.port ?? 1;
  const probe = (allow = '127.0.0.2/32', patience = 5000) =>
    probeFor({
      allow: ranges(allow),
      dns: { host: [{ address: host.address, port: host.port }], port },
      patience,
    });
  const validate = (allow?: string, patience?: number) =>
    probe(allow, patience).validate(askFor('dns-01', dns(NAME)), never());
  const [server] = servers;
  if (server === undefined) throw new Error('a world has a server');
  return { host, server, servers, validate, probe, port };
}

test('without a resolver the servers of the zone are asked, not the cache of the host', async () => {
  const { host, server, validate } = await world();
  server.add(CHALLENGE, 'TXT', DIGEST);
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: true });
  expect(server.asked).toEqual([`TXT ${CHALLENGE}`]);
  expect(server.queries[0]?.recursion).toBe(false);
  expect(host.asked.filter((asked) => asked.startsWith('TXT'))).toEqual([]);
  expect(outcome.log.some(({ address }) => address === `127.0.0.2:${server.port}`)).toBe(true);
});

test('what the host says of the record itself counts for nothing', async () => {
  const { host, validate } = await world();
  host.add(CHALLENGE, 'TXT', DIGEST);
  expect(verdict(await validate())).toBe('dns');
});

test('the zone is found by way of the SOA record that comes with "no such record"', async () => {
  const { host, server, validate } = await world();
  server.add(CHALLENGE, 'TXT', DIGEST);
  host.answer = (query) => {
    const reply = host.lookup(query);
    return query.type === 'NS' && reply.answers?.length === 0
      ? { ...reply, authority: [{ name: 'corp.test', type: 'SOA', data: '' }] }
      : reply;
  };
  expect(verdict(await validate())).toBe('ok');
  expect(host.asked.filter((asked) => asked.startsWith('NS'))).toEqual([`NS ${CHALLENGE}`, 'NS corp.test']);
});

test('a name server is judged like any other address: one that may not be probed is not asked', async () => {
  const { server, validate } = await world();
  server.add(CHALLENGE, 'TXT', DIGEST);
  const outcome = await validate('127.0.0.9/32');
  expect(outcome).toMatchObject({ ok: false, retry: false, problem: { type: 'dns' } });
  expect(detail(outcome)).toContain('no name server of corp.test may be asked');
  expect(server.queries).toEqual([]);
});

test('of several only those that may be probed are asked', async () => {
  const { servers, validate } = await world(['127.0.0.2', '127.0.0.3']);
  for (const server of servers) server.add(CHALLENGE, 'TXT', DIGEST);
  for (let i = 0; i < 6; i++) expect(verdict(await validate())).toBe('ok');
  expect(servers[0]?.queries).toHaveLength(6);
  expect(servers[1]?.queries).toHaveLength(0);
});

test('the next server is asked when one fails, is silent or does not know the zone', async () => {
  for (const bad of [
    () => ({ rcode: 2 }),
    () => ({ rcode: 5 }),
    () => ({ rcode: 0, authoritative: false }),
  ]) {
    const { servers, validate } = await world(['127.0.0.2', '127.0.0.3']);
    const [first, second] = servers;
    if (first === undefined || second === undefined) throw new Error('two servers');
    first.answer = bad;
    second.add(CHALLENGE, 'TXT', DIGEST);
    // the order is random: until the bad one came first
    do expect(verdict(await validate('127.0.0.0/8'))).toBe('ok');
    while (first.queries.length === 0);
  }
});

test.each<[string, FakeDnsServer['answer']]>([
  ['SERVFAIL', () => ({ rcode: 2, authoritative: true })],
  ['REFUSED', () => ({ rcode: 5 })],
  [
    'an answer that is not authoritative',
    () => ({ answers: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }] }),
  ],
])('all servers failing is not valid: %s', async (_how, answer) => {
  const { server, validate } = await world();
  server.answer = answer;
  expect(await validate()).toMatchObject({ ok: false, retry: true, problem: { type: 'dns' } });
});

test('a delegation is followed; its glue counts within the zone that gave it', async () => {
  const { server, validate, port } = await world();
  const below = await openDns('127.0.0.3', port);
  below.add(CHALLENGE, 'TXT', DIGEST);
  server.answer = () => ({
    authority: [{ name: 'www.corp.test', type: 'NS', data: 'ns.www.corp.test' }],
    additional: [{ name: 'ns.www.corp.test', type: 'A', data: '127.0.0.3' }],
  });
  expect(verdict(await validate('127.0.0.0/8'))).toBe('ok');
  expect([server.queries.length, below.queries.length]).toEqual([1, 1]);
});

test('SSRF: a delegation to an address that may not be probed is not followed', async () => {
  const { server, validate, port } = await world();
  const inside = await openDns('127.0.0.3', port);
  inside.add(CHALLENGE, 'TXT', DIGEST);
  for (const address of ['127.0.0.3', '169.254.169.254']) {
    server.answer = () => ({
      authority: [{ name: 'www.corp.test', type: 'NS', data: 'ns.www.corp.test' }],
      additional: [{ name: 'ns.www.corp.test', type: 'A', data: address }],
    });
    const outcome = await validate();
    expect(outcome).toMatchObject({ ok: false, retry: false, problem: { type: 'dns' } });
  }
  expect(inside.queries).toEqual([]);
});

test('glue for a name of somebody else is not believed: the host says where that is', async () => {
  const { host, server, validate, port } = await world();
  const real = await openDns('127.0.0.4', port);
  real.add(CHALLENGE, 'TXT', DIGEST);
  host.add('ns.elsewhere.test', 'A', '127.0.0.4');
  server.answer = () => ({
    authority: [{ name: 'www.corp.test', type: 'NS', data: 'ns.elsewhere.test' }],
    additional: [{ name: 'ns.elsewhere.test', type: 'A', data: '127.0.0.5' }],
  });
  expect(verdict(await validate('127.0.0.0/8'))).toBe('ok');
  expect(real.queries).toHaveLength(1);
});

test('delegations that lead sideways, upwards or nowhere are none', async () => {
  for (const zone of ['corp.test', 'test', 'other.corp.test', 'www.corp.test.evil.test']) {
    const { server, validate } = await world();
    server.answer = () => ({
      authority: [{ name: zone, type: 'NS', data: 'ns0.corp.test' }],
      additional: [{ name: 'ns0.corp.test', type: 'A', data: '127.0.0.2' }],
    });
    expect(verdict(await validate())).toBe('dns');
    expect(server.queries).toHaveLength(1);
  }
});

test('records about names outside of the zone are not believed: the alias is asked for where it belongs', async () => {
  const { host, server, validate, port } = await world();
  const acme = await openDns('127.0.0.6', port);
  host.add('acme.test', 'NS', 'ns.acme.test').add('ns.acme.test', 'A', '127.0.0.6');
  // the server of corp.test would like to answer for acme.test as well
  server.add(CHALLENGE, 'CNAME', 'c.acme.test').add('c.acme.test', 'TXT', DIGEST);
  acme.add('c.acme.test', 'TXT', 'nothing of that kind');
  expect(verdict(await validate('127.0.0.0/8'))).toBe('incorrectResponse');
  acme.clear().add('c.acme.test', 'TXT', DIGEST);
  expect(verdict(await validate('127.0.0.0/8'))).toBe('ok');
});

test('of many name servers eight addresses are asked at most, and no more looked up', async () => {
  const { host, server, validate } = await world();
  host.clear();
  for (let i = 0; i < 30; i++)
    host
      .add('corp.test', 'NS', `n${i}.corp.test`)
      .add(`n${i}.corp.test`, 'A', ...Array<string>(4).fill('127.0.0.2'));
  server.answer = () => ({ rcode: 2 });
  expect(verdict(await validate())).toBe('dns');
  expect(host.asked.filter((asked) => asked.startsWith('A '))).toHaveLength(2);
  expect(server.queries).toHaveLength(8);
});

test('a name that only a resolver knows asks for acme.validation.resolver', async () => {
  const { host, validate } = await world();
  host.clear();
  const outcome = await validate();
  expect(verdict(outcome)).toBe('dns');
  expect(detail(outcome)).toContain('acme.validation.resolver');
});

test.each([2, 5])('where the host cannot say, it is not valid: rcode %i', async (rcode) => {
  const { host, validate } = await world();
  host.answer = () => ({ rcode });
  expect(await validate()).toMatchObject({ ok: false, retry: true, problem: { type: 'dns' } });
});

test('where no resolver of the host answers, the next one is asked', async () => {
  const { host, server, port } = await world();
  server.add(CHALLENGE, 'TXT', DIGEST);
  const probe = probeFor({
    allow: ranges('127.0.0.2/32'),
    dns: {
      host: [
        { address: '127.0.0.7', port: 1 },
        { address: host.address, port: host.port },
      ],
      port,
    },
  });
  expect(verdict(await probe.validate(askFor('dns-01', dns(NAME)), never()))).toBe('ok');
  const none = probeFor({ dns: { host: [], port } });
  expect(verdict(await none.validate(askFor('dns-01', dns(NAME)), never()))).toBe('serverInternal');
});

test('rebinding public to 127.0.0.1 by the name server of the attacker connects nowhere', async () => {
  const { server, probe } = await world();
  server.add(NAME, 'A', ALLOWED);
  const outcome = await probe().validate(askFor('http-01', dns(NAME)), never());
  expect(outcome).toMatchObject({ ok: false, retry: false, problem: { type: 'unauthorized' } });
});

test('an attacker with delegations without end is left in time', async () => {
  const { server, validate } = await world();
  let depth = 0;
  server.answer = () => {
    const labels = CHALLENGE.split('.');
    const zone = labels.slice(Math.max(0, labels.length - 3 - depth++)).join('.');
    return {
      authority: [{ name: zone, type: 'NS', data: `ns.${zone}` }],
      additional: [{ name: `ns.${zone}`, type: 'A', data: '127.0.0.2' }],
    };
  };
  expect(verdict(await validate())).toBe('dns');
  expect(server.queries.length).toBeLessThanOrEqual(9);
});
