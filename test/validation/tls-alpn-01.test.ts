import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { expect, test } from 'vitest';
import type { ValidationIdentifier } from '../../src/domain/acme/validation-port.ts';
import { serverName } from '../../src/validation/tls-alpn-01.ts';
import { octetString } from '../../src/x509/der.ts';
import type { Extension } from '../../src/x509/extensions.ts';
import { ONE_OF_EACH_TYPE } from '../support/keys.ts';
import {
  ACME_IDENTIFIER,
  acmeCertificate,
  acmeIdentifier,
  type CertificateParts,
  DIGEST,
  dnsNames,
  ipNames,
} from './certificates.ts';
import {
  ALLOWED,
  askFor,
  closing,
  detail,
  dns,
  ip,
  never,
  openDns,
  openPeer,
  probeFor,
  ranges,
  verdict,
  PATIENT,
} from './workbench.ts';

const NAME = 'www.example.test';
const PROTOCOL = 'acme-tls/1';

interface Seen {
  readonly servername: string | false | undefined;
  readonly offered: readonly string[];
  readonly protocol: string | null;
}

/** A server that shows the certificate, and a probe of it. */
async function world(parts: CertificateParts, options: TlsOptions = {}, address = ALLOWED) {
  const { certificate, key } = await acmeCertificate(parts);
  const seen: Seen[] = [];
  let offered: readonly string[] = [];
  let open = 0;
  const server = createTlsServer({
    cert: certificate,
    key,
    ALPNCallback: ({ protocols }: { protocols: string[] }) => {
      offered = protocols;
      return protocols.includes(PROTOCOL) ? PROTOCOL : undefined;
    },
    ...options,
  });
  server.on('secureConnection', (socket) => {
    seen.push({
      servername: (socket as { servername?: string | false }).servername,
      offered,
      protocol: socket.getProtocol(),
    });
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket: { on: (event: 'close', listener: () => void) => void }) => {
    open++;
    socket.on('close', () => open--);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  closing({ [Symbol.asyncDispose]: async () => void server.close() });
  const { port } = server.address() as { port: number };
  const resolver = await openDns();
  resolver.add(NAME, 'A', ALLOWED);
  const probe = probeFor({
    tlsPort: port,
    resolver: { host: resolver.address, port: resolver.port },
    allow: ranges('127.0.0.1/32', '::1/128'),
  });
  const validate = (identifier: ValidationIdentifier = dns(NAME)) =>
    probe.validate(askFor('tls-alpn-01', identifier), never());
  return { validate, seen, port, open: () => open };
}

test('RFC 8737 3: a self-signed certificate with one dNSName and the digest proves control', async () => {
  const { validate, seen, port, open } = await world({});
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: true, address: `127.0.0.1:${port}` });
  expect(seen).toHaveLength(1);
  expect(outcome.log.at(-1)).toMatchObject({ kind: 'tls', target: `${PROTOCOL} ${NAME}` });
  await expect.poll(open, PATIENT).toBe(0);
});

test('RFC 8737 3: the handshake offers acme-tls/1 and nothing else, and SNI is the name', async () => {
  const { validate, seen } = await world({});
  await validate();
  expect(seen[0]).toMatchObject({ servername: NAME, offered: [PROTOCOL] });
});

test.each(ONE_OF_EACH_TYPE)('with a key of any type: %s', async (algorithm) => {
  const { validate } = await world({ algorithm });
  expect(verdict(await validate())).toBe('ok');
});

test('RFC 8737 3: the dNSName is compared without regard to case', async () => {
  const { validate } = await world({ extensions: [dnsNames('WWW.Example.TEST'), acmeIdentifier()] });
  expect(verdict(await validate())).toBe('ok');
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('RFC 8737 4: %s is spoken', async (version) => {
  const { validate, seen } = await world({}, { minVersion: version, maxVersion: version });
  expect(verdict(await validate())).toBe('ok');
  expect(seen[0]?.protocol).toBe(version);
});

test('RFC 8737 4: a server that speaks TLS 1.1 at most is refused', async () => {
  const { validate, seen } = await world(
    {},
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  );
  expect(verdict(await validate())).toBe('tls');
  expect(seen).toHaveLength(0);
});

test.each([
  ['none', { ALPNCallback: undefined }],
  ['of its own choice', { ALPNCallback: undefined, ALPNProtocols: ['h2', 'http/1.1'] }],
  ['refused', { ALPNCallback: () => undefined }],
])(
  'RFC 8737 3: acme-tls/1 has to be negotiated, the right certificate is not enough: %s',
  async (_how, options) => {
    const { validate } = await world({}, options);
    const outcome = await validate();
    expect(verdict(outcome)).toBe('tls');
    expect(outcome).toMatchObject({ retry: true });
  },
);

const mixed: Extension = {
  ...dnsNames(NAME),
  // [2] www.example.test, [7] 127.0.0.1
  value: Buffer.concat([
    Buffer.of(0x30, 0x18, 0x82, 0x10),
    Buffer.from(NAME),
    Buffer.of(0x87, 0x04, 127, 0, 0, 1),
  ]),
};

/** What is wrong, the certificate, and what the problem says. */
const WRONG: [string, CertificateParts, RegExp][] = [
  [
    'the digest of another key authorization',
    { extensions: [dnsNames(NAME), acmeIdentifier(Buffer.alloc(32, 7))] },
    /not the digest/,
  ],
  ['no acmeIdentifier', { extensions: [dnsNames(NAME)] }, /0 acmeIdentifier/],
  [
    'acmeIdentifier not critical',
    { extensions: [dnsNames(NAME), acmeIdentifier(DIGEST, { critical: false })] },
    /not critical/,
  ],
  [
    "the object identifier of a draft, 1.3.6.1.5.5.7.1.30.1 (Let's Encrypt 2022-01-26)",
    { extensions: [dnsNames(NAME), acmeIdentifier(DIGEST, { id: '1.3.6.1.5.5.7.1.30.1' })] },
    /0 acmeIdentifier/,
  ],
  ['31 octets', { extensions: [dnsNames(NAME), acmeIdentifier(DIGEST.subarray(0, 31))] }, /31 octets/],
  [
    '33 octets',
    { extensions: [dnsNames(NAME), acmeIdentifier(Buffer.concat([DIGEST, Buffer.of(0)]))] },
    /33 octets/,
  ],
  [
    'the digest without its OCTET STRING',
    { extensions: [dnsNames(NAME), { id: ACME_IDENTIFIER, critical: true, value: DIGEST }] },
    /cannot be read/,
  ],
  [
    'octets behind the OCTET STRING',
    {
      extensions: [
        dnsNames(NAME),
        {
          id: ACME_IDENTIFIER,
          critical: true,
          value: Buffer.concat([octetString(DIGEST), Buffer.of(5, 0)]),
        },
      ],
    },
    /cannot be read/,
  ],
  [
    'acmeIdentifier twice',
    { extensions: [dnsNames(NAME), acmeIdentifier(), acmeIdentifier()] },
    /2 acmeIdentifier/,
  ],
  [
    'acmeIdentifier twice, the other one wrong',
    { extensions: [dnsNames(NAME), acmeIdentifier(), acmeIdentifier(Buffer.alloc(32))] },
    /2 acmeIdentifier/,
  ],
  ['two dNSNames', { extensions: [dnsNames(NAME, 'other.example.test'), acmeIdentifier()] }, /2 names/],
  ['the same dNSName twice', { extensions: [dnsNames(NAME, NAME), acmeIdentifier()] }, /2 names/],
  ['an iPAddress beside the dNSName', { extensions: [mixed, acmeIdentifier()] }, /2 names/],
  [
    'another dNSName',
    { extensions: [dnsNames('other.example.test'), acmeIdentifier()] },
    /not the dNSName www\.example\.test/,
  ],
  [
    'a wildcard that covers the name',
    { extensions: [dnsNames('*.example.test'), acmeIdentifier()] },
    /not the dNSName/,
  ],
  [
    'the name with a NUL behind',
    { extensions: [dnsNames(`${NAME}\0`), acmeIdentifier()] },
    /not the dNSName/,
  ],
  ['the name with a dot behind', { extensions: [dnsNames(`${NAME}.`), acmeIdentifier()] }, /not the dNSName/],
  ['no dNSName', { extensions: [dnsNames(), acmeIdentifier()] }, /0 names/],
  [
    'no subjectAltName, the name as common name',
    { subject: NAME, extensions: [acmeIdentifier()] },
    /0 subjectAltName/,
  ],
  [
    'subjectAltName twice',
    { extensions: [dnsNames(NAME), dnsNames('other.example.test'), acmeIdentifier()] },
    /2 subjectAltName/,
  ],
  ['issued by another', { issuer: 'Some CA', signer: 'ca' }, /not self-signed/],
  ['issued under its own name by another key', { signer: 'ca' }, /not self-signed/],
  ['another issuer name, its own key', { issuer: 'Some CA' }, /not self-signed/],
];
test.each(WRONG)('RFC 8737 3: a wrong certificate proves nothing: %s', async (_what, parts, why) => {
  const { validate, open } = await world(parts);
  const outcome = await validate();
  expect(outcome).toMatchObject({ ok: false, retry: true, problem: { type: 'incorrectResponse' } });
  expect(detail(outcome)).toMatch(why);
  await expect.poll(open, PATIENT).toBe(0);
});

test('RFC 8738 6: for an IPv4 address one iPAddress, and SNI is the name of its reverse zone', async () => {
  const { validate, seen } = await world({ extensions: [ipNames('127.0.0.1'), acmeIdentifier()] });
  expect(verdict(await validate(ip('127.0.0.1')))).toBe('ok');
  expect(seen[0]?.servername).toBe('1.0.0.127.in-addr.arpa');
});

test('RFC 8738 6: for an IPv6 address one iPAddress, and SNI is the name of its reverse zone', async () => {
  const { validate, seen } = await world({ extensions: [ipNames('::1'), acmeIdentifier()] }, {}, '::1');
  expect(verdict(await validate(ip('::1')))).toBe('ok');
  expect(seen[0]?.servername).toBe(`1.${'0.'.repeat(31)}ip6.arpa`);
});

test('RFC 8738 6: the reverse names of RFC 1035 and RFC 3596', () => {
  expect(serverName(ip('192.0.2.53'))).toBe('53.2.0.192.in-addr.arpa');
  expect(serverName(ip('2001:db8::1'))).toBe(
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  );
});

test.each<[string, Extension]>([
  ['the address as dNSName', dnsNames('127.0.0.1')],
  ['the reverse name as dNSName', dnsNames('1.0.0.127.in-addr.arpa')],
  ['another address', ipNames('127.0.0.2')],
  ['the address as IPv4-mapped IPv6', ipNames('::ffff:127.0.0.1')],
  ['two addresses', ipNames('127.0.0.1', '127.0.0.2')],
  ['a name beside it', mixed],
])('RFC 8738 6: a wrong certificate for an address proves nothing: %s', async (_what, names) => {
  const { validate } = await world({ extensions: [names, acmeIdentifier()] });
  expect(verdict(await validate(ip('127.0.0.1')))).toBe('incorrectResponse');
});

test('the address as iPAddress does not prove a name', async () => {
  const { validate } = await world({ extensions: [ipNames('127.0.0.1'), acmeIdentifier()] });
  expect(verdict(await validate())).toBe('incorrectResponse');
});

test.each([
  ['never answers', (): undefined => undefined],
  [
    'sends a TLS record drop by drop',
    (socket: { write: (octets: Buffer) => void; destroyed: boolean }) => {
      socket.write(Buffer.of(0x16, 3, 3, 0x40, 0));
      const timer = setInterval(
        () => (socket.destroyed ? clearInterval(timer) : socket.write(Buffer.of(2))),
        30,
      );
    },
  ],
])('the handshake has a deadline: a peer that %s', async (_what, serve) => {
  const peer = await openPeer(serve);
  const probe = probeFor({ tlsPort: peer.port, patience: 500 });
  const began = performance.now();
  const outcome = await probe.validate(askFor('tls-alpn-01', ip(ALLOWED)), never());
  expect(performance.now() - began).toBeLessThan(8000);
  expect(outcome).toMatchObject({ ok: false, retry: true });
  await expect.poll(peer.open, PATIENT).toBe(0);
});

test.each([
  ['no TLS', 'SSH-2.0-canary\r\n'],
  ['an alert', Buffer.of(0x15, 3, 3, 0, 2, 2, 120)],
  ['nothing', ''],
])('a peer that answers with %s is a TLS problem that tells nothing of it', async (_what, reply) => {
  const peer = await openPeer((socket) => socket.end(reply));
  const probe = probeFor({ tlsPort: peer.port });
  const outcome = await probe.validate(askFor('tls-alpn-01', ip(ALLOWED)), never());
  expect(verdict(outcome)).toBe('tls');
  expect(JSON.stringify(outcome)).not.toContain('canary');
  await expect.poll(peer.open, PATIENT).toBe(0);
});

test('nobody there is a connection problem, and the signal ends a handshake', async () => {
  const peer = await openPeer(() => undefined);
  const probe = probeFor({ tlsPort: peer.port });
  const controller = new AbortController();
  const running = probe.validate(askFor('tls-alpn-01', ip(ALLOWED)), controller.signal);
  await expect.poll(peer.open, PATIENT).toBe(1);
  controller.abort(new Error('shutting down'));
  await expect(running).rejects.toThrow('shutting down');
  await expect.poll(peer.open, PATIENT).toBe(0);
  await peer[Symbol.asyncDispose]();
  expect(verdict(await probe.validate(askFor('tls-alpn-01', ip(ALLOWED)), never()))).toBe('connection');
});
