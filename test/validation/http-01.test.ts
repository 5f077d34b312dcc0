import { expect, test } from 'vitest';
import {
  ALLOWED,
  answering,
  askFor,
  detail,
  dns,
  http,
  ip,
  KEY_AUTHORIZATION,
  never,
  openDns,
  openPeer,
  type Peer,
  type ProbeFor,
  probeFor,
  ranges,
  TOKEN,
  verdict,
  PATIENT,
} from './workbench.ts';
import type { ValidationIdentifier } from '../../src/domain/acme/validation-port.ts';

const NAME = 'www.example.test';
const PATH = `/.well-known/acme-challenge/${TOKEN}`;
const GOOD = http(200, [], KEY_AUTHORIZATION);

/** `www.example.test` is at the peer. */
async function world(peer: Peer, more: ProbeFor = {}) {
  const resolver = await openDns();
  resolver.add(NAME, 'A', ALLOWED);
  const probe = probeFor({
    httpPort: peer.port,
    resolver: { host: resolver.address, port: resolver.port },
    ...more,
  });
  const validate = (identifier: ValidationIdentifier = dns(NAME)) =>
    probe.validate(askFor('http-01', identifier), never());
  return { resolver, validate };
}

test('RFC 8555 8.3: GET of the well-known path with the name as Host; the body is the key authorization', async () => {
  const peer = await openPeer(answering(GOOD));
  const { validate, resolver } = await world(peer);
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: true, address: `127.0.0.1:${peer.port}` });
  expect(peer.received).toHaveLength(1);
  const [line, ...headers] = (peer.received[0] ?? '').split('\r\n');
  expect(line).toBe(`GET ${PATH} HTTP/1.1`);
  expect(headers).toContain(`Host: ${NAME}:${peer.port}`);
  expect(headers).toContain('Connection: close');
  // nobody is asked for IPv6 where IPv4 answers
  expect(resolver.asked).toEqual([`A ${NAME}`]);
});

test('the log says what was tried, where and with what result', async () => {
  const peer = await openPeer(answering(GOOD));
  const { validate } = await world(peer);
  const { log } = await validate();
  expect(log.map(({ kind, target, address, result }) => ({ kind, target, address, result }))).toEqual([
    { kind: 'dns', target: `A ${NAME}`, address: undefined, result: '127.0.0.1' },
    {
      kind: 'http',
      target: `http://${NAME}:${peer.port}${PATH}`,
      address: `127.0.0.1:${peer.port}`,
      result: '200',
    },
  ]);
  expect(log.every(({ after }) => after >= 0 && after < 5000)).toBe(true);
});

test.each(['\n', '\r\n', ' \t\r\n\r\n'])(
  'RFC 8555 8.3: white space at the end of the body is ignored: %j',
  async (end) => {
    const peer = await openPeer(answering(http(200, [], KEY_AUTHORIZATION + end)));
    const { validate } = await world(peer);
    expect(verdict(await validate())).toBe('ok');
  },
);

test('a chunked body and one that ends with the connection count', async () => {
  const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${KEY_AUTHORIZATION.length.toString(16)}\r\n${KEY_AUTHORIZATION}\r\n0\r\n\r\n`;
  for (const reply of [chunked, `HTTP/1.0 200 OK\r\n\r\n${KEY_AUTHORIZATION}`]) {
    const peer = await openPeer(answering(reply));
    const { validate } = await world(peer);
    expect(verdict(await validate())).toBe('ok');
  }
});

test.each([
  ['white space before', ` ${KEY_AUTHORIZATION}`],
  ['something behind', `${KEY_AUTHORIZATION}x`],
  ['another line', `${KEY_AUTHORIZATION}\nx`],
  ['the token alone', TOKEN],
  ['nothing', ''],
  ['another case', KEY_AUTHORIZATION.toLowerCase()],
  ['a page', `<html>${KEY_AUTHORIZATION}</html>`],
])('RFC 8555 8.3: a body that is not the key authorization proves nothing: %s', async (_what, body) => {
  const peer = await openPeer(answering(http(200, [], body)));
  const { validate } = await world(peer);
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: false, retry: true, problem: { type: 'incorrectResponse' } });
});

test.each([201, 204, 206, 304, 401, 403, 404, 418, 500, 503])(
  'RFC 8555 8.3: only the status 200 counts, not %i, even with the right body',
  async (status) => {
    const peer = await openPeer(answering(http(status, [], KEY_AUTHORIZATION)));
    const { validate } = await world(peer);
    const outcome = await validate();
    expect(verdict(outcome)).toBe('incorrectResponse');
    expect(detail(outcome)).toContain(`answered ${status}`);
  },
);

test('no octet of a body is in problem or log', async () => {
  const secret = 'canary-4711';
  for (const status of [200, 404, 500]) {
    const peer = await openPeer(
      answering(http(status, [`X-Secret: ${secret}`], `${secret} of the intranet`)),
    );
    const { validate } = await world(peer);
    const outcome = await validate();
    expect(verdict(outcome)).toBe('incorrectResponse');
    expect(JSON.stringify(outcome)).not.toContain(secret);
  }
});

test('neither is what is no HTTP', async () => {
  const peer = await openPeer(answering('220 mail.intranet ESMTP canary-4711\r\n'));
  const { validate } = await world(peer);
  const outcome = await validate();
  expect(verdict(outcome)).toBe('connection');
  expect(JSON.stringify(outcome)).not.toMatch(/canary|intranet/);
});

test('a compressed body is not unpacked', async () => {
  const { gzipSync } = await import('node:zlib');
  const packed = gzipSync(KEY_AUTHORIZATION);
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
  const peer = await openPeer(answering(Buffer.concat([Buffer.from(head), packed])));
  const { validate } = await world(peer);
  expect(verdict(await validate())).toBe('incorrectResponse');
});

test('a compression bomb is cut like any long body', async () => {
  const { gzipSync } = await import('node:zlib');
  const packed = gzipSync(Buffer.alloc(10_000_000));
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n`;
  const peer = await openPeer(answering(Buffer.concat([Buffer.from(head), packed])));
  const { validate } = await world(peer);
  expect(detail(await validate())).toMatch(/the body has over \d+ octets/);
});

test.each([
  ['announced', `HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n`],
  ['in chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['until the end', `HTTP/1.1 200 OK\r\n\r\n`],
])('an endless body is cut at the length of the key authorization and a little: %s', async (_how, head) => {
  let sent = 0;
  const peer = await openPeer((socket) => {
    socket.write(head);
    const chunk = head.includes('chunked') ? `400\r\n${'a'.repeat(1024)}\r\n` : 'a'.repeat(1024);
    const more = (): void => {
      while (!socket.destroyed && sent < 50_000_000) {
        sent += 1024;
        if (!socket.write(chunk)) return void socket.once('drain', more);
      }
    };
    more();
  });
  const { validate } = await world(peer);
  const outcome = await validate();
  expect(detail(outcome)).toMatch(/the body has over \d+ octets/);
  await expect.poll(peer.open, PATIENT).toBe(0);
  expect(sent).toBeLessThan(20_000_000);
});

test('a flood of headers is cut', async () => {
  let sent = 0;
  const peer = await openPeer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const more = (): void => {
      while (!socket.destroyed) {
        sent += 1000;
        if (!socket.write(`X: ${'a'.repeat(995)}\r\n`)) return void socket.once('drain', more);
      }
    };
    more();
  });
  const { validate } = await world(peer);
  const outcome = await validate();
  expect(verdict(outcome)).toBe('connection');
  expect(detail(outcome)).toContain('the headers have over 16384 octets');
  await expect.poll(peer.open, PATIENT).toBe(0);
  expect(sent).toBeLessThan(20_000_000);
});

test('a flood of 1xx answers is cut', async () => {
  const peer = await openPeer(answering('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000), { stay: true }));
  const { validate } = await world(peer);
  const outcome = await validate();
  expect(detail(outcome)).toContain('1xx');
  await expect.poll(peer.open, PATIENT).toBe(0);
});

test('an answer that asks for another protocol ends it', async () => {
  const peer = await openPeer(
    answering('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n', {
      stay: true,
    }),
  );
  const { validate } = await world(peer);
  expect(verdict(await validate())).toBe('connection');
  await expect.poll(peer.open, PATIENT).toBe(0);
});

test.each([
  ['no answer', (): undefined => undefined],
  [
    'a body that comes drop by drop',
    (socket: { write: (text: string) => void; destroyed: boolean }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${KEY_AUTHORIZATION.length}\r\n\r\n`);
      let at = 0;
      const timer = setInterval(() => {
        if (socket.destroyed) clearInterval(timer);
        else socket.write(KEY_AUTHORIZATION[at++] ?? '');
      }, 30);
    },
  ],
  [
    'headers that come drop by drop',
    (socket: { write: (text: string) => void; destroyed: boolean }) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => {
        if (socket.destroyed) clearInterval(timer);
        else socket.write('X');
      }, 30);
    },
  ],
])('all of it has one deadline: %s', async (_what, serve) => {
  const peer = await openPeer(serve);
  const { validate } = await world(peer, { patience: 600 });
  const began = performance.now();
  const outcome = await validate();
  expect(performance.now() - began).toBeLessThan(8000);
  expect(outcome).toMatchObject({ ok: false, retry: true, problem: { type: 'connection' } });
  await expect.poll(peer.open, PATIENT).toBe(0);
});

test('a connection that breaks off, and nobody there', async () => {
  const peer = await openPeer((socket) => socket.destroy());
  const { validate } = await world(peer);
  expect(await validate()).toMatchObject({ retry: true, problem: { type: 'connection' } });
  await peer[Symbol.asyncDispose]();
  const outcome = await validate();
  expect(outcome).toMatchObject({ retry: true, problem: { type: 'connection' } });
  expect(detail(outcome)).toContain(`127.0.0.1:${peer.port}: ECONNREFUSED`);
});

test('an answer that is shorter than it says breaks off', async () => {
  const peer = await openPeer(
    answering(`HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n${KEY_AUTHORIZATION}`),
  );
  const { validate } = await world(peer);
  expect(verdict(await validate())).not.toBe('ok');
});

test('the signal ends it: the promise rejects with its reason and nothing stays open', async () => {
  const peer = await openPeer(() => undefined);
  const { validate: _validate, resolver } = await world(peer);
  const probe = probeFor({ httpPort: peer.port, resolver: { host: resolver.address, port: resolver.port } });
  const controller = new AbortController();
  const running = probe.validate(askFor('http-01', dns(NAME)), controller.signal);
  await expect.poll(peer.open, PATIENT).toBe(1);
  controller.abort(new Error('shutting down'));
  await expect(running).rejects.toThrow('shutting down');
  await expect.poll(peer.open, PATIENT).toBe(0);
  await expect(probe.validate(askFor('http-01', dns(NAME)), controller.signal)).rejects.toThrow(
    'shutting down',
  );
});

test('the next address is tried when nobody listens at the first, IPv6 after IPv4', async () => {
  const peer = await openPeer(answering(GOOD), { address: '::1' });
  const { validate, resolver } = await world(peer, { allow: ranges('127.0.0.0/8', '::1/128') });
  resolver.add(NAME, 'A', '127.0.0.2').add(NAME, 'AAAA', '::1');
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: true, address: `[::1]:${peer.port}` });
  expect(resolver.asked).toEqual([`A ${NAME}`, `AAAA ${NAME}`]);
  expect(outcome.log.filter(({ kind }) => kind === 'connect').map(({ address }) => address)).toEqual([
    `127.0.0.1:${peer.port}`,
    `127.0.0.2:${peer.port}`,
  ]);
});

test('a wrong answer counts: no other address is tried for a better one', async () => {
  const wrong = await openPeer(answering(http(404)));
  const right = await openPeer(answering(GOOD), { address: '127.0.0.2', port: wrong.port });
  const { validate, resolver } = await world(wrong, { allow: ranges('127.0.0.0/8') });
  resolver.add(NAME, 'A', '127.0.0.2');
  expect(verdict(await validate())).toBe('incorrectResponse');
  expect(right.connections()).toBe(0);
});

test('of many addresses four are tried', async () => {
  const peer = await openPeer(answering(GOOD));
  await peer[Symbol.asyncDispose]();
  const { validate, resolver } = await world(peer, { allow: ranges('127.0.0.0/8') });
  for (let i = 2; i < 40; i++) resolver.add(NAME, 'A', `127.0.0.${i}`);
  const { log } = await validate();
  expect(log.filter(({ kind }) => kind === 'connect')).toHaveLength(4);
});

test('localhost is loopback without a question, and as forbidden (RFC 6761 6.3)', async () => {
  const peer = await openPeer(answering(GOOD));
  const { validate, resolver } = await world(peer);
  expect(verdict(await validate(dns('localhost')))).toBe('ok');
  const denied = await world(peer, { allow: [] });
  expect(verdict(await denied.validate(dns('a.localhost')))).toBe('unauthorized');
  expect(resolver.asked).toEqual([]);
  expect(denied.resolver.asked).toEqual([]);
});

test('RFC 8738 4, 5: an IPv4 address is connected to itself without any lookup, and is the Host', async () => {
  const peer = await openPeer(answering(GOOD));
  const { validate, resolver } = await world(peer);
  expect(await validate(ip('127.0.0.1'))).toMatchObject({ ok: true, address: `127.0.0.1:${peer.port}` });
  expect(peer.received[0]).toContain(`\r\nHost: 127.0.0.1:${peer.port}\r\n`);
  expect(resolver.asked).toEqual([]);
});

test('RFC 8738 5: an IPv6 address stands in Host as RFC 5952 writes it, in brackets', async () => {
  const peer = await openPeer(answering(GOOD), { address: '::1' });
  const { validate } = await world(peer, { allow: ranges('::1/128') });
  expect(await validate(ip('::1'))).toMatchObject({ ok: true, address: `[::1]:${peer.port}` });
  expect(peer.received[0]).toContain(`\r\nHost: [::1]:${peer.port}\r\n`);
});

test('RFC 8555 8.3: port 80 where nothing else is configured, and then no port in Host', async () => {
  const { validate } = await world(await openPeer(answering(GOOD)), { httpPort: 80 });
  const outcome = await validate(ip('127.0.0.1'));
  // whether or not somebody listens at port 80 here: that is where it went
  expect(outcome.log[0]?.address).toBe('127.0.0.1:80');
  expect(JSON.stringify(outcome)).not.toContain('127.0.0.1:80/');
});
