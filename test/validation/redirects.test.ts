import { createServer as createTlsServer } from 'node:tls';
import { expect, test } from 'vitest';
import type { ValidationIdentifier } from '../../src/domain/acme/validation-port.ts';
import { acmeCertificate } from './certificates.ts';
import {
  ALLOWED,
  answering,
  askFor,
  closing,
  detail,
  dns,
  http,
  ip,
  KEY_AUTHORIZATION,
  never,
  openDns,
  openPeer,
  type Peer,
  probeFor,
  TOKEN,
  verdict,
  PATIENT,
} from './workbench.ts';

const NAME = 'www.example.test';
const PATH = `/.well-known/acme-challenge/${TOKEN}`;
const FORBIDDEN = '127.0.0.2';
const redirect = (to: string, status = 302): string => http(status, [`Location: ${to}`]);

/** Serves what `paths` say; the challenge is found at `/good`. */
async function world(first: (origin: Peer) => string) {
  const resolver = await openDns();
  resolver.add(NAME, 'A', ALLOWED).add('other.example.test', 'A', ALLOWED);
  const peer: Peer = await openPeer(
    answering((request) => {
      const path = /^GET (\S+)/.exec(request)?.[1] ?? '';
      if (path === PATH) return first(peer);
      if (path.startsWith('/good')) return http(200, [], KEY_AUTHORIZATION);
      const count = /^\/count\/(\d+)$/.exec(path)?.[1];
      if (count !== undefined) return redirect(count === '1' ? '/good' : `/count/${Number(count) - 1}`);
      if (path === '/round') return redirect('/round');
      return http(404);
    }),
  );
  /** At an address that is not allowed; nobody may ever come here. */
  const secret = await openPeer(answering(http(200, [], KEY_AUTHORIZATION)), {
    address: FORBIDDEN,
    port: peer.port,
  });
  const validate = (identifier: ValidationIdentifier = dns(NAME), tlsPort = 1) =>
    probeFor({
      httpPort: peer.port,
      tlsPort,
      resolver: { host: resolver.address, port: resolver.port },
    }).validate(askFor('http-01', identifier), never());
  return { peer, secret, resolver, validate };
}

const BOTH: [string, ValidationIdentifier][] = [
  ['dns', dns(NAME)],
  ['ip', ip(ALLOWED)],
];

test.each([301, 302, 303, 307, 308])('RFC 8555 8.3: a redirect is followed: %i', async (status) => {
  const { validate, peer } = await world(() => redirect('/good', status));
  const outcome = await validate();
  expect(verdict(outcome)).toBe('ok');
  expect(outcome.log.filter(({ kind }) => kind === 'http').map(({ result }) => result)).toEqual([
    String(status),
    '200',
  ]);
  await expect.poll(peer.open, PATIENT).toBe(0);
});

test('to another name: resolved anew, with its own Host', async () => {
  const { validate, peer, resolver } = await world((origin) =>
    redirect(`http://other.example.test:${origin.port}/good?x=1`),
  );
  expect(verdict(await validate())).toBe('ok');
  expect(resolver.asked).toEqual([`A ${NAME}`, 'A other.example.test']);
  expect(peer.received[1]).toMatch(/^GET \/good\?x=1 HTTP\/1\.1\r\nHost: other\.example\.test:\d+\r\n/);
});

test('relative to where it came from, and without scheme', async () => {
  for (const to of ['../../good', '/good', '//other.example.test:PORT/good']) {
    const { validate } = await world((origin) => redirect(to.replace('PORT', String(origin.port))));
    expect(verdict(await validate())).toBe('ok');
  }
});

test('to https: no certificate is asked for that could only come from here', async () => {
  const { certificate, key } = await acmeCertificate({});
  const requests: string[] = [];
  const server = createTlsServer({ cert: certificate, key }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      requests.push(`${String(socket.servername)} ${chunk.toString('latin1')}`);
      socket.end(http(200, [], KEY_AUTHORIZATION));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, ALLOWED, resolve));
  closing({ [Symbol.asyncDispose]: async () => void server.close() });
  const { port } = server.address() as { port: number };
  for (const [host, sni] of [
    [NAME, NAME],
    [ALLOWED, 'false'],
  ] as const) {
    const { validate } = await world(() => redirect(`https://${host}:${port}/good`));
    const outcome = await validate(dns(NAME), port);
    expect(outcome).toMatchObject({ ok: true, address: `${ALLOWED}:${port}` });
    expect(requests.at(-1)).toContain(`${sni} GET /good HTTP/1.1\r\nHost: ${host}:${port}\r\n`);
  }
});

test('to https where nobody speaks TLS ends as a TLS problem', async () => {
  const plain = await openPeer((socket) => socket.end('HTTP/1.1 400 Bad\r\n\r\n'));
  const { validate } = await world(() => redirect(`https://${NAME}:${plain.port}/`));
  expect(verdict(await validate(dns(NAME), plain.port))).toBe('tls');
  await expect.poll(plain.open, PATIENT).toBe(0);
});

test('ten redirects, not eleven', async () => {
  const ten = await world(() => redirect('/count/9'));
  expect(verdict(await ten.validate())).toBe('ok');
  const eleven = await world(() => redirect('/count/10'));
  const outcome = await eleven.validate();
  expect(detail(outcome)).toContain('over 10 redirects');
  expect(eleven.peer.connections()).toBe(11);
});

test.each(BOTH)('a redirect that goes round is seen at once: %s', async (_kind, identifier) => {
  const { validate, peer } = await world(() => redirect('/round'));
  expect(detail(await validate(identifier))).toContain('go round');
  expect(peer.connections()).toBe(2);
});

const AWAY: [string, (origin: Peer) => string][] = [
  ['another scheme', () => 'ftp://www.example.test/good'],
  ['file', () => 'file:///etc/passwd'],
  ['gopher', () => 'gopher://127.0.0.1:6379/_INFO'],
  ['data', () => `data:text/plain,${KEY_AUTHORIZATION}`],
  ['javascript', () => 'javascript:alert(1)'],
  ['unix', () => 'unix:/run/docker.sock'],
  ['a port of somebody else', () => `http://${NAME}:6379/`],
  ['port 22', () => `http://${NAME}:22/`],
  ['user information', (origin) => `http://user@${NAME}:${origin.port}/good`],
  ['a password', (origin) => `http://:secret@${NAME}:${origin.port}/good`],
  ['no URL', () => 'http://[::1'],
  ['an empty host', () => 'http:///:80'],
  ['a name with an underscore', (origin) => `http://a_b.example.test:${origin.port}/good`],
  ['a wildcard', (origin) => `http://*.example.test:${origin.port}/good`],
  ['a very long URL', () => `/${'a'.repeat(3000)}`],
];
test.each(
  AWAY.flatMap(([what, to]) => BOTH.map(([kind, identifier]) => [what, kind, to, identifier] as const)),
)('a redirect that is not followed: %s (%s)', async (_what, _kind, to, identifier) => {
  const { validate, peer, secret } = await world((origin) => redirect(to(origin)));
  const outcome = await validate(identifier);
  expect(verdict(outcome)).toBe('incorrectResponse');
  expect(JSON.stringify(outcome)).not.toMatch(/secret|user@/);
  expect(peer.connections()).toBe(1);
  expect(secret.connections()).toBe(0);
});

test('a redirect without a Location', async () => {
  const { validate } = await world(() => http(302));
  expect(detail(await validate())).toContain('without a Location');
});

/** Ways of writing 127.0.0.2, and others that are not allowed. */
const INWARD: [string, string][] = [
  ['the address', '127.0.0.2'],
  ['a number', '2130706434'],
  ['hexadecimal', '0x7f000002'],
  ['octal', '0177.0.0.2'],
  ['short', '127.2'],
  ['full-width digits', '%EF%BC%91%EF%BC%92%EF%BC%97.0.0.2'],
  ['percent-encoded', '%31%32%37.0.0.2'],
  ['with a dot behind', '127.0.0.2.'],
  ['IPv4-mapped', '[::ffff:127.0.0.2]'],
  ['IPv4-compatible', '[::127.0.0.2]'],
  ['NAT64', '[64:ff9b::127.0.0.2]'],
  ['6to4', '[2002:7f00:2::1]'],
  ['IPv6 loopback', '[::1]'],
  ['link-local', '[fe80::1]'],
  ['unspecified', '0.0.0.0'],
  ['IPv6 unspecified', '[::]'],
  ['instance metadata', '169.254.169.254'],
  ['instance metadata over IPv6', '[fd00:ec2::254]'],
  ['localhost by way of its name', 'secret.example.test'],
];
test.each(
  INWARD.flatMap(([what, host]) => BOTH.map(([kind, identifier]) => [what, kind, host, identifier] as const)),
)(
  'SSRF: a redirect to an address that may not be probed connects nowhere: %s (%s)',
  async (_what, _kind, host, identifier) => {
    const { validate, peer, secret, resolver } = await world((origin) =>
      redirect(`http://${host}:${origin.port}/good`),
    );
    resolver
      .add('secret.example.test', 'A', FORBIDDEN)
      .add('secret.example.test', 'AAAA', '::ffff:127.0.0.2');
    const outcome = await validate(identifier);
    expect(outcome).toMatchObject({ ok: false, retry: false, problem: { type: 'unauthorized' } });
    expect(peer.connections()).toBe(1);
    expect(secret.connections()).toBe(0);
  },
);

test.each([
  '127.0.0.2',
  '169.254.169.254',
  '::1',
  '::ffff:127.0.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
])('SSRF: an ip identifier that may not be probed is connected to by no challenge: %s', async (value) => {
  const { peer, secret, resolver } = await world(() => redirect('/good'));
  const probe = probeFor({
    httpPort: peer.port,
    tlsPort: peer.port,
    resolver: { host: resolver.address, port: resolver.port },
  });
  for (const type of ['http-01', 'tls-alpn-01'] as const)
    expect(await probe.validate(askFor(type, ip(value)), never())).toMatchObject({
      ok: false,
      retry: false,
      problem: { type: 'unauthorized' },
    });
  expect(peer.connections() + secret.connections()).toBe(0);
});

test.each([
  ['A', '127.0.0.2'],
  ['A', '0.0.0.0'],
  ['A', '169.254.169.254'],
  ['A', '255.255.255.255'],
  ['AAAA', '::1'],
  ['AAAA', '::ffff:127.0.0.2'],
  ['AAAA', '::ffff:127.0.0.1'],
  ['AAAA', '64:ff9b::7f00:2'],
  ['AAAA', '2002:7f00:2::1'],
  ['AAAA', 'fe80::1'],
] as const)(
  'SSRF: a name at an address that may not be probed is connected to by no challenge: %s %s',
  async (type, address) => {
    const { peer, secret, resolver } = await world(() => redirect('/good'));
    resolver.clear().add(NAME, type, address);
    const probe = probeFor({
      httpPort: peer.port,
      tlsPort: peer.port,
      resolver: { host: resolver.address, port: resolver.port },
    });
    for (const challenge of ['http-01', 'tls-alpn-01'] as const)
      expect(await probe.validate(askFor(challenge, dns(NAME)), never())).toMatchObject({
        ok: false,
        retry: false,
        problem: { type: 'unauthorized' },
      });
    expect(peer.connections() + secret.connections()).toBe(0);
  },
);

test('rebinding: an address that was allowed a moment ago counts for that connection only', async () => {
  const { validate, peer, secret, resolver } = await world(() => redirect(`/good`));
  let asked = 0;
  // every answer but the first leads to where nobody may go
  resolver.answer = (query) => ({
    answers: [{ name: query.name.toLowerCase(), type: 'A', data: asked++ === 0 ? ALLOWED : FORBIDDEN }],
  });
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: false, problem: { type: 'unauthorized' } });
  expect(peer.connections()).toBe(1);
  expect(secret.connections()).toBe(0);
});

test('rebinding: of several addresses only those that may be probed are connected to', async () => {
  const { validate, peer, secret, resolver } = await world(() => http(200, [], KEY_AUTHORIZATION));
  resolver.clear().add(NAME, 'A', FORBIDDEN, ALLOWED, '169.254.169.254');
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: true, address: `${ALLOWED}:${peer.port}` });
  expect(secret.connections()).toBe(0);
  expect(outcome.log.filter(({ result }) => result.includes('may not be probed'))).toHaveLength(1);
});

test('rebinding: the name is asked for once a connection, and the connection goes to that answer', async () => {
  const { validate, peer, secret, resolver } = await world(() => http(200, [], KEY_AUTHORIZATION));
  let asked = 0;
  resolver.answer = (query) => ({
    answers: [{ name: query.name.toLowerCase(), type: 'A', data: asked++ === 0 ? ALLOWED : FORBIDDEN }],
  });
  expect(verdict(await validate())).toBe('ok');
  expect(asked).toBe(1);
  expect(peer.connections()).toBe(1);
  expect(secret.connections()).toBe(0);
});
