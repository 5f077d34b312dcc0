import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Pair, Sight } from '../../src/domain/renewal/ports.ts';
import { formatPlace, parsePlace } from '../../src/probe/address.ts';
import { TlsProbe, type TlsProbeOptions } from '../../src/probe/tls.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { madePair } from '../support/pairs.ts';

const pem = (pair: Pair): { cert: string; key: string } => ({
  cert: encodePem('CERTIFICATE', pair.certificate),
  key: encodePem('PRIVATE KEY', pair.privateKey),
});

async function listening(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const look = (
  options: Partial<TlsProbeOptions> & Pick<TlsProbeOptions, 'place'>,
): Promise<readonly Sight[]> =>
  new TlsProbe({
    serverName: undefined,
    startTls: 'none',
    client: undefined,
    expect: undefined,
    patience: 1000,
    ...options,
  }).look(new AbortController().signal);

describe('the TLS probe', () => {
  test('says which certificate is served for the name', async () => {
    const [plain, named] = [await madePair(1), await madePair(2, 'named')];
    const server = createTlsServer(pem(plain));
    server.addContext('named.example.test', pem(named));
    const port = await listening(server);
    const place = { host: '127.0.0.1', port };
    expect((await look({ place }))[0]?.certificate).toEqual(Buffer.from(plain.certificate));
    expect((await look({ place, serverName: 'named.example.test' }))[0]?.certificate).toEqual(
      Buffer.from(named.certificate),
    );
  });

  test('looks at every address of the name, and says which one is down', async () => {
    const pair = await madePair(1);
    const port = await listening(createTlsServer(pem(pair)), '127.0.0.1');
    await listening(createTlsServer(pem(pair)), '127.0.0.2', port);
    const sights = await look({
      place: { host: 'shop.example.test', port },
      resolve: () => Promise.resolve(['127.0.0.1', '127.0.0.2', '127.0.0.3']),
    });
    expect(sights.map(({ address, fault }) => [address, fault])).toEqual([
      [`127.0.0.1:${port}`, undefined],
      [`127.0.0.2:${port}`, undefined],
      [`127.0.0.3:${port}`, 'ECONNREFUSED'],
    ]);
  });

  test('an instance that is expected and not found is missed', async () => {
    const port = await listening(createTlsServer(pem(await madePair(1))));
    const sights = await look({ place: { host: '127.0.0.1', port }, expect: 2 });
    expect(sights[1]?.fault).toBe('1 of 2 instances were found');
  });

  test('a name whose list of addresses is empty is unreachable, too', async () => {
    const sights = await look({
      place: { host: 'shop.example.test', port: 443 },
      resolve: () => Promise.resolve([]),
    });
    expect(sights).toEqual([
      { address: 'shop.example.test:443', certificate: undefined, fault: '0 of 1 instances were found' },
    ]);
  });

  test('a name without an address is unreachable', async () => {
    const sights = await look({
      place: { host: 'gone.example.test', port: 1 },
      resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
    });
    expect(sights).toEqual([
      {
        address: 'gone.example.test:1',
        certificate: undefined,
        fault: 'gone.example.test has no address: ENOTFOUND',
      },
    ]);
  });

  test('presents a client certificate where it is asked for one', async () => {
    const [pair, client] = [await madePair(1), await madePair(2)];
    let presented: Uint8Array | undefined;
    const server = createTlsServer(
      { ...pem(pair), requestCert: true, rejectUnauthorized: false },
      (socket) => {
        presented = socket.getPeerCertificate().raw;
      },
    );
    const port = await listening(server);
    await look({ place: { host: '127.0.0.1', port }, client: () => pem(client) });
    await expect.poll(() => presented).toEqual(Buffer.from(client.certificate));
  });

  test('a server that refuses our certificate is not healthy', async () => {
    const pair = await madePair(1);
    const server = createTlsServer({ ...pem(pair), requestCert: true, rejectUnauthorized: true });
    server.on('tlsClientError', () => undefined);
    const port = await listening(server);
    const other = await madePair(2);
    const [sight] = await look({ place: { host: '127.0.0.1', port }, client: () => pem(other) });
    expect(sight?.certificate).toEqual(Buffer.from(pair.certificate));
    expect(sight?.fault).toMatch(/^ERR_SSL|ECONNRESET|closed by the server/);
  });

  test.each([
    ['says nothing', () => undefined, 'no answer in time'],
    ['hangs up', (socket: Socket) => socket.destroy(), /ECONNRESET|disconnected/],
    ['speaks HTTP', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), /ERR_SSL/],
  ])('an endpoint that %s is unreachable', async (_, act, fault) => {
    const port = await listening(createTcpServer((socket) => void act(socket.on('error', () => undefined))));
    const [sight] = await look({ place: { host: '127.0.0.1', port }, patience: 300 });
    expect(sight?.certificate).toBeUndefined();
    expect(sight?.fault).toMatch(fault);
  });

  test('PostgreSQL is asked for TLS first', async () => {
    const pair = await madePair(1);
    const port = await listening(
      createTcpServer((socket) => {
        socket.once('data', (request) => {
          expect([...request]).toEqual([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
          socket.write('S');
          new TLSSocket(socket, { isServer: true, ...pem(pair) }).on('error', () => undefined);
        });
      }),
    );
    const [sight] = await look({ place: { host: '127.0.0.1', port }, startTls: 'postgresql' });
    expect(sight?.certificate).toEqual(Buffer.from(pair.certificate));
  });

  test.each([
    ['N', 'PostgreSQL serves no TLS'],
    ['E', 'this is not PostgreSQL'],
    // CVE-2021-23222: more than the one octet
    ['Sx', 'this is not PostgreSQL'],
  ])('PostgreSQL that answers %j', async (answer, fault) => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.on('error', () => undefined).once('data', () => socket.write(answer));
      }),
    );
    const [sight] = await look({ place: { host: '127.0.0.1', port }, startTls: 'postgresql' });
    expect(sight?.fault).toBe(fault);
  });
});

describe('places', () => {
  test.each(['127.0.0.1:443', '[2001:db8::1]:443', 'shop.example.test:8443'])('%s', (text) => {
    const place = parsePlace(text);
    expect(place && formatPlace(place)).toBe(text);
  });
  test.each([
    '',
    'shop',
    'shop:0',
    'shop:65536',
    '[shop]:1',
    'a b:1',
    '2001:db8::1:443',
    'x:1:2',
    'http://x:1',
  ])('%j is none', (text) => {
    expect(parsePlace(text)).toBeUndefined();
  });
});
