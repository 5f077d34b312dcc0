import { createHash } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { expect, test } from 'vitest';
import { configuredAddress } from '../../src/validation/address-guard.ts';
import { exchange } from '../../src/validation/dns/exchange.ts';
import { Scope } from '../../src/validation/scope.ts';
import { type FakeDnsServer, encodeReply, type FakeQuery } from '../fakes/dns-server.ts';
import {
  askFor,
  detail,
  dns,
  ip,
  KEY_AUTHORIZATION,
  never,
  openDns,
  type ProbeFor,
  probeFor,
  verdict,
} from './workbench.ts';

const NAME = 'www.example.test';
const CHALLENGE = `_acme-challenge.${NAME}`;
const DIGEST = createHash('sha256').update(KEY_AUTHORIZATION).digest('base64url');
const OTHER = createHash('sha256').update('another').digest('base64url');

async function world(more: ProbeFor = {}): Promise<{
  resolver: FakeDnsServer;
  validate: (name?: string, wildcard?: boolean) => ReturnType<ReturnType<typeof probeFor>['validate']>;
}> {
  const resolver = await openDns();
  const probe = probeFor({ resolver: { host: resolver.address, port: resolver.port }, ...more });
  return {
    resolver,
    validate: (name = NAME, wildcard = false) =>
      probe.validate(askFor('dns-01', dns(name), { wildcard }), never()),
  };
}

test('RFC 8555 8.4: the digest of the key authorization as TXT under _acme-challenge proves control', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: true });
  expect(outcome).not.toHaveProperty('address');
  expect(resolver.asked).toEqual([`TXT ${CHALLENGE}`]);
});

test('RFC 8555 8.4: a wildcard is validated at its base name', async () => {
  const { resolver, validate } = await world();
  resolver.add('_acme-challenge.example.test', 'TXT', DIGEST);
  expect(verdict(await validate('example.test', true))).toBe('ok');
});

test('RFC 8555 8.4: one of several records is enough, in whatever strings it comes', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', OTHER, 'v=spf1 -all', [DIGEST.slice(0, 20), DIGEST.slice(20)]);
  expect(verdict(await validate())).toBe('ok');
});

test.each([
  ['another digest', OTHER],
  ['the key authorization itself', KEY_AUTHORIZATION],
  ['with padding', `${DIGEST}=`],
  ['in quotes', `"${DIGEST}"`],
  ['with a space', ` ${DIGEST}`],
  ['in another case', DIGEST.toLowerCase()],
  ['nothing', ''],
])('RFC 8555 8.4: a wrong record proves nothing: %s', async (_what, text) => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', text);
  expect(await validate()).toMatchObject({
    ok: false,
    retry: true,
    problem: { type: 'incorrectResponse' },
  });
});

test('what an earlier validation left is shown, other texts are not', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', OTHER, 'canary-4711');
  const outcome = await validate();
  expect(detail(outcome)).toContain(OTHER);
  expect(JSON.stringify(outcome)).not.toContain('canary');
});

test('a record of another type, of another owner or of another name than asked for counts for nothing', async () => {
  const { resolver, validate } = await world();
  resolver.answer = () => ({
    answers: [
      { name: `x${CHALLENGE}`, type: 'TXT', data: DIGEST },
      { name: NAME, type: 'TXT', data: DIGEST },
      { name: 'elsewhere.test', type: 'TXT', data: DIGEST },
      { name: CHALLENGE, type: 'A', data: '10.0.0.1' },
    ],
    additional: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }],
    authority: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }],
  });
  expect(verdict(await validate())).toBe('dns');
});

test('no record and no name: not there yet, later it may be', async () => {
  const { resolver, validate } = await world();
  expect(await validate()).toMatchObject({ retry: true, problem: { type: 'dns' } });
  resolver.add(CHALLENGE, 'A', '10.0.0.1');
  expect(await validate()).toMatchObject({ retry: true, problem: { type: 'dns' } });
});

test('nothing is cached, not even that there was nothing (smallstep/certificates#2619)', async () => {
  const { resolver, validate } = await world();
  expect(verdict(await validate())).toBe('dns');
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  expect(verdict(await validate())).toBe('ok');
  resolver.clear();
  expect(verdict(await validate())).toBe('dns');
});

test('RFC 8555 8.4: CNAME records are followed, within one answer and beyond it', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'CNAME', '1.acme.test').add('1.acme.test', 'CNAME', '2.acme.test');
  resolver.add('2.acme.test', 'TXT', DIGEST);
  expect(verdict(await validate())).toBe('ok');
  expect(resolver.asked).toHaveLength(1);
  // a server that does not look any further by itself
  resolver.answer = (query) => {
    const { answers = [] } = resolver.lookup(query);
    return { answers: answers.slice(0, 1) };
  };
  const outcome = await validate();
  expect(verdict(outcome)).toBe('ok');
  expect(resolver.asked.slice(1)).toEqual([`TXT ${CHALLENGE}`, 'TXT 1.acme.test', 'TXT 2.acme.test']);
  expect(outcome.log[0]).toMatchObject({
    target: `CNAME ${CHALLENGE}`,
    result: '1.acme.test, then 2.acme.test',
  });
});

test('eight aliases are followed, not nine, and none that goes round', async () => {
  for (const [count, end] of [
    [8, 'ok'],
    [9, 'dns'],
  ] as const) {
    const { resolver, validate } = await world();
    resolver.add(CHALLENGE, 'CNAME', '1.acme.test').add(`${count}.acme.test`, 'TXT', DIGEST);
    for (let i = 1; i < count; i++) resolver.add(`${i}.acme.test`, 'CNAME', `${i + 1}.acme.test`);
    expect(verdict(await validate())).toBe(end);
  }
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'CNAME', '1.acme.test').add('1.acme.test', 'CNAME', CHALLENGE);
  expect(detail(await validate())).toContain('an alias of itself');
});

test('a name with two different CNAME records leads nowhere', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'CNAME', '1.acme.test', '2.acme.test').add('1.acme.test', 'TXT', DIGEST);
  resolver.answer = () => ({
    answers: [
      { name: CHALLENGE, type: 'CNAME', data: '1.acme.test' },
      { name: CHALLENGE, type: 'CNAME', data: '2.acme.test' },
    ],
  });
  expect(detail(await validate())).toContain('2 CNAME records');
});

test('an alias to what no host has is not asked for', async () => {
  const { resolver, validate } = await world();
  for (const target of ['a b.test', 'a\\.test', 'ü.test']) {
    resolver.clear().add(CHALLENGE, 'CNAME', target);
    expect(verdict(await validate())).toBe('dns');
    expect(resolver.asked).toHaveLength(1);
  }
});

test('RFC 8555 7.1.3: a wildcard is validated by no other challenge', async () => {
  const probe = probeFor({});
  for (const type of ['http-01', 'tls-alpn-01'] as const)
    expect(
      await probe.validate(askFor(type, dns('example.test'), { wildcard: true }), never()),
    ).toMatchObject({
      ok: false,
      retry: false,
      problem: { type: 'malformed' },
    });
});

test.each(['127.0.0.1', '::1'])('RFC 8738 7: dns-01 is not used for IP addresses: %s', async (address) => {
  const { resolver } = await world();
  const probe = probeFor({ resolver: { host: resolver.address, port: resolver.port } });
  expect(await probe.validate(askFor('dns-01', ip(address)), never())).toMatchObject({
    ok: false,
    retry: false,
    problem: { type: 'malformed' },
  });
  expect(resolver.queries).toEqual([]);
});

// ---- how it is asked

test('queries to a resolver have random ids and ports, the name as it is, and say how much they take', async () => {
  const { resolver, validate } = await world();
  for (let i = 0; i < 20; i++) await validate();
  const distinct = (of: (query: FakeQuery) => unknown): number => new Set(resolver.queries.map(of)).size;
  expect(distinct(({ id }) => id)).toBeGreaterThan(18);
  expect(distinct(({ fromPort }) => fromPort)).toBeGreaterThan(10);
  expect(distinct(({ name }) => name)).toBe(1);
  expect(resolver.queries.every(({ hasOpt, recursion }) => hasOpt && recursion)).toBe(true);
});

test('the fake is understood by c-ares too', async () => {
  const { resolver } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST).add(NAME, 'A', '10.0.0.1').add(NAME, 'AAAA', 'fd00::1');
  resolver.add(NAME, 'CAA', '128 issue "ca.test; a=b"');
  const other = new Resolver();
  other.setServers([`${resolver.address}:${resolver.port}`]);
  expect(await other.resolveTxt(CHALLENGE)).toEqual([[DIGEST]]);
  expect(await other.resolve4(NAME)).toEqual(['10.0.0.1']);
  expect(await other.resolve6(NAME)).toEqual(['fd00::1']);
  expect(await other.resolveCaa(NAME)).toMatchObject([{ critical: 128, issue: 'ca.test; a=b' }]);
});

// ---- faults (DNS failing)

test.each([
  ['SERVFAIL', 2],
  ['REFUSED', 5],
  ['NOTIMP', 4],
  ['FORMERR', 1],
  ['YXDOMAIN', 6],
])('an answer of %s is not valid, whatever else is in it', async (_name, rcode) => {
  const { resolver, validate } = await world();
  resolver.answer = () => ({ rcode, answers: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }] });
  expect(await validate()).toMatchObject({ ok: false, retry: true, problem: { type: 'dns' } });
});

test('a server from before EDNS is asked again without', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  resolver.answer = ({ hasOpt }) => (hasOpt ? { rcode: 1 } : 'records');
  expect(verdict(await validate())).toBe('ok');
  expect(resolver.queries.map(({ hasOpt }) => hasOpt)).toEqual([true, false]);
});

test('no answer: given up in time', async () => {
  const { resolver, validate } = await world();
  resolver.answer = () => undefined;
  const began = performance.now();
  const outcome = await validate();
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(outcome).toMatchObject({ ok: false, retry: true, problem: { type: 'dns' } });
  expect(resolver.queries).toHaveLength(2);
});

test('a datagram that is lost is sent again', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  let first = true;
  resolver.answer = () => {
    const lost = first;
    first = false;
    return lost ? undefined : 'records';
  };
  expect(verdict(await validate())).toBe('ok');
});

test('the deadline of the whole counts for DNS, too', async () => {
  const { resolver, validate } = await world({ patience: 300 });
  resolver.answer = () => undefined;
  const began = performance.now();
  expect(verdict(await validate())).toBe('dns');
  expect(performance.now() - began).toBeLessThan(2900);
});

test('nobody at the port is told at once', async () => {
  const { resolver, validate } = await world();
  await resolver[Symbol.asyncDispose]();
  const began = performance.now();
  const outcome = await validate();
  expect(performance.now() - began).toBeLessThan(2900);
  expect(detail(outcome)).toContain('ECONNREFUSED');
});

test('a wrong id is not believed', async () => {
  const { resolver, validate } = await world({ patience: 500 });
  resolver.answer = (query) => ({
    id: query.id ^ 1,
    answers: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }],
  });
  expect(verdict(await validate())).toBe('dns');
});

test('a forged answer before the right one is passed over', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  resolver.answer = (query) => [
    encodeReply(query, { id: query.id ^ 1, rcode: 3 }),
    Buffer.from('noise'),
    encodeReply(query, resolver.lookup(query)),
  ];
  expect(verdict(await validate())).toBe('ok');
});

test('a flood of forged answers ends it', async () => {
  const { resolver, validate } = await world();
  resolver.answer = (query) => Array(200).fill(encodeReply(query, { id: query.id ^ 1 })) as Buffer[];
  expect(verdict(await validate())).toBe('dns');
});

test.each([
  ['another name', (query: FakeQuery) => Buffer.concat([Buffer.of(1, 0x78), query.question])],
  [
    'another type',
    (query: FakeQuery) => Buffer.concat([query.question.subarray(0, -4), Buffer.of(0, 1, 0, 1)]),
  ],
  [
    'another class',
    (query: FakeQuery) => Buffer.concat([query.question.subarray(0, -4), Buffer.of(0, 16, 0, 3)]),
  ],
])('an answer to another question is not believed: %s', async (_what, question) => {
  const { resolver, validate } = await world({ patience: 500 });
  resolver.answer = (query) => ({
    question: question(query),
    answers: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }],
  });
  expect(verdict(await validate())).toBe('dns');
});

test('out in the world names have random upper and lower case; an answer in another is asked for by TCP', async () => {
  const { resolver } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  const forged = (query: FakeQuery) => ({
    question: Buffer.from(query.question.toString('latin1').toLowerCase(), 'latin1'),
    rcode: 3,
  });
  resolver.answer = (query) => (query.overTcp ? 'records' : forged(query));
  const server = { address: configuredAddress(resolver.address), port: resolver.port };
  const scope = new Scope(5000, new AbortController().signal);
  const message = await exchange(server, { name: CHALLENGE, type: 'TXT' }, false, scope);
  scope.end();
  expect(message.answers).toHaveLength(1);
  expect(resolver.queries.map(({ overTcp }) => overTcp)).toEqual([false, true]);
  expect(resolver.queries[0]?.name).toMatch(/[A-Z]/);
});

test('a truncated answer is asked for by TCP, and counts for nothing by itself', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  resolver.answer = (query) => (query.overTcp ? 'records' : { truncated: true });
  expect(verdict(await validate())).toBe('ok');
  resolver.answer = (query) =>
    query.overTcp
      ? { rcode: 2 }
      : { truncated: true, answers: [{ name: CHALLENGE, type: 'TXT', data: DIGEST }] };
  expect(verdict(await validate())).toBe('dns');
});

test('truncated, and TCP does not answer', async () => {
  const { resolver, validate } = await world({ patience: 700 });
  resolver.silentTcp = true;
  resolver.answer = () => ({ truncated: true });
  expect(verdict(await validate())).toBe('dns');
});

test('an answer of 64 KiB is not read', async () => {
  const { resolver, validate } = await world();
  const records = Array.from({ length: 200 }, () => ({
    name: CHALLENGE,
    type: 'TXT' as const,
    data: ['x'.repeat(250)],
  }));
  resolver.answer = (query) =>
    query.overTcp
      ? { answers: [...records, { name: CHALLENGE, type: 'TXT', data: DIGEST }] }
      : { truncated: true };
  const outcome = await validate();
  expect(verdict(outcome)).toBe('dns');
  expect(detail(outcome)).toContain('over 16384 octets');
});

test('a broken answer is not guessed at', async () => {
  const { resolver, validate } = await world();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  resolver.answer = (query) => encodeReply(query, resolver.lookup(query)).subarray(0, -5);
  const outcome = await validate();
  expect(verdict(outcome)).toBe('dns');
  expect(detail(outcome)).toContain('broken answer: the message is cut off');
});

test('the signal ends a question that nobody answers', async () => {
  const resolver = await openDns();
  resolver.answer = () => undefined;
  const probe = probeFor({ resolver: { host: resolver.address, port: resolver.port } });
  const controller = new AbortController();
  const running = probe.validate(askFor('dns-01', dns(NAME)), controller.signal);
  setTimeout(() => controller.abort(new Error('shutting down')), 50);
  await expect(running).rejects.toThrow('shutting down');
});

test('a resolver that is configured by name is looked up on this host', async () => {
  const resolver = await openDns();
  resolver.add(CHALLENGE, 'TXT', DIGEST);
  const probe = probeFor({ resolver: { host: 'localhost', port: resolver.port } });
  expect(verdict(await probe.validate(askFor('dns-01', dns(NAME)), never()))).toBe('ok');
  const nowhere = probeFor({ resolver: { host: 'nowhere.invalid', port: 53 } });
  expect(verdict(await nowhere.validate(askFor('dns-01', dns(NAME)), never()))).toBe('serverInternal');
});
