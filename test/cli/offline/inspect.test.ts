/** `chancery cert inspect`: SPIFFE ID first, for files and for what an endpoint serves. */
import { createServer } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { AddressInfo, Server } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fetchServedChain, parseEndpoint } from '../../../src/cli/offline/endpoint.ts';
import { exportPkcs8 } from '../../../src/x509/key-pair.ts';
import { encodePem } from '../../../src/x509/pem.ts';
import { dns, makeLeaf, NOW, unknownExtension } from '../../support/chains.ts';
import { chancery } from '../run.ts';
import { type Files, makeCrl, makeFiles, makeRequest, NAMES } from './files.ts';

const inspect = (target: string, ...rest: string[]) =>
  chancery(['cert', 'inspect', target, ...rest], { now: NOW });

async function inspectJson(target: string): Promise<Record<string, unknown>> {
  const { exit, stdout } = await inspect(target, '-o', 'json');
  expect(exit).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('a certificate', () => {
  test('is shown with its SPIFFE ID first, and with the time that is left', async () => {
    const files = await makeFiles();
    const { stdout } = await inspect(files.certificates('leaf.pem', files.leaf));
    const [first, ...lines] = stdout.split('\n');
    expect(first).toBe('spiffe://example.test/api');
    expect(lines).toContain('  kind            leaf');
    expect(lines).toContain('  names           dns:api.example.test');
    expect(lines).toContain('                  30d left of 31d');
    expect(lines).toContain('  ext. key usage  serverAuth, clientAuth');
  });

  test('as JSON has names by kind, key, validity and every extension', async () => {
    const files = await makeFiles();
    const leaf = await makeLeaf('leaf', files.issuer, NAMES, {
      extensions: { foreign: unknownExtension(true) },
    });
    const json = await inspectJson(files.write('leaf.der', leaf.der));
    expect(json).toMatchObject({
      kind: 'certificate',
      spiffeId: 'spiffe://example.test/api',
      names: { uri: ['spiffe://example.test/api'], dns: ['api.example.test'] },
      issuer: 'CN=issuer',
      state: 'valid',
      secondsLeft: 30 * 86400,
      ca: false,
      key: { type: 'ecdsa-p256', bits: 256 },
      keyUsage: ['digitalSignature'],
    });
    expect(json['extensions']).toContainEqual({
      id: '1.3.6.1.4.1.99999.1',
      name: '1.3.6.1.4.1.99999.1',
      critical: true,
      value: '3000',
    });
  });

  test('that has expired or is broken inside is shown all the same', async () => {
    const files = await makeFiles();
    const expired = await makeLeaf('leaf', files.issuer, dns('a.test'), { notAfter: NOW - 3_600_000 });
    expect((await inspect(files.certificates('old.pem', expired))).stdout).toContain('expired 1h ago');
    const broken = await makeLeaf('leaf', files.issuer, dns('a.test'), {
      extensions: { keyUsage: { id: '2.5.29.15', critical: true, value: Buffer.from('0500', 'hex') } },
    });
    expect((await inspectJson(files.certificates('broken.pem', broken)))['faults']).toEqual([
      expect.stringContaining('keyUsage'),
    ]);
  });

  test('shows no character that steers a terminal', async () => {
    const files = await makeFiles();
    const leaf = await makeLeaf('leaf', files.issuer, [{ kind: 'dns', value: '\u001b[31mred.test' }]);
    // eslint-disable-next-line no-control-regex -- that is what is looked for
    expect((await inspect(files.certificates('leaf.pem', leaf))).stdout).not.toMatch(/\u001b/);
  });
});

describe('other things', () => {
  test('a chain file is shown one by one', async () => {
    const files = await makeFiles();
    const path = files.certificates('chain.pem', files.leaf, files.issuer, files.root);
    expect(await inspectJson(path)).toMatchObject({
      kind: 'chain',
      items: [{ ca: false }, { ca: true }, { ca: true }],
    });
    expect((await inspect(path)).stdout).toContain('3 of 3: CN=root');
  });

  test('a request is shown with what it asks for and whether it proves its key', async () => {
    const files = await makeFiles();
    const der = await makeRequest(NAMES);
    const expected = {
      kind: 'certificate-request',
      spiffeId: 'spiffe://example.test/api',
      signatureVerifies: true,
    };
    expect(await inspectJson(files.write('a.csr', encodePem('CERTIFICATE REQUEST', der)))).toMatchObject(
      expected,
    );
    expect(await inspectJson(files.write('a.der', der))).toMatchObject(expected);
  });

  test('a CRL is shown with its number, its age and its entries', async () => {
    const files = await makeFiles();
    const der = makeCrl(files.issuer, { number: 12, revoked: [{ serial: files.leaf.serial }] });
    const expected = { kind: 'crl', issuer: 'CN=issuer', number: '12', state: 'valid', revoked: 1 };
    expect(await inspectJson(files.crl('a.pem', der))).toMatchObject(expected);
    expect(await inspectJson(files.write('a.crl', der))).toMatchObject(expected);
    expect((await inspect(files.crl('b.pem', der))).stdout).toMatch(/^CRL of CN=issuer\n/);
  });

  test('rubbish is refused with its cause', async () => {
    const files = await makeFiles();
    for (const content of ['', 'hello', Buffer.from('3003020101', 'hex')]) {
      const outcome = await inspect(files.write('rubbish', content));
      expect(outcome).toMatchObject({ exit: 1, stdout: '' });
      expect(outcome.stderr).toContain('rubbish');
    }
  });
});

test('more than a mebibyte of anything but a CRL is refused', async () => {
  const files = await makeFiles();
  const many = files.certificates('many.pem', ...Array.from({ length: 3000 }, () => files.root));
  expect(await inspect(many)).toMatchObject({ exit: 1, stdout: '' });
  const revoked = Array.from({ length: 50_000 }, (_, i) => ({
    serial: Buffer.from([1, i >> 16, (i >> 8) & 0xff, i & 0xff, 0, 0]),
  }));
  const crl = files.write('large.crl', makeCrl(files.issuer, { revoked }));
  expect(await inspectJson(crl)).toMatchObject({ kind: 'crl', revoked: 50_000 });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function tlsServer(files: Files, options: TlsOptions = {}): Promise<number> {
  const cert = [files.leaf, files.issuer].map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  const key = encodePem('PRIVATE KEY', exportPkcs8(files.leaf.pair.privateKey));
  const server = createTlsServer({ cert, key, ...options }, (socket) =>
    socket.on('error', () => undefined).end(),
  );
  server.on('tlsClientError', () => undefined);
  return listening(server);
}

describe('an endpoint', () => {
  test('is shown with what it serves, trusted or not, and nothing more', async () => {
    const files = await makeFiles();
    const port = await tlsServer(files);
    const json = await inspectJson(`127.0.0.1:${port}`);
    expect(json).toMatchObject({
      kind: 'endpoint',
      protocol: 'TLSv1.3',
      notes: [],
      chain: [{ spiffeId: 'spiffe://example.test/api' }, { subject: 'CN=issuer' }],
    });
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'that wants a client certificate over %s is shown too',
    async (version) => {
      const files = await makeFiles();
      const ca = encodePem('CERTIFICATE', files.root.der);
      const port = await tlsServer(files, {
        requestCert: true,
        rejectUnauthorized: true,
        ca,
        minVersion: version,
        maxVersion: version,
      });
      expect(
        (await fetchServedChain({ host: '127.0.0.1', port })).certificates.map((der) => Buffer.from(der)),
      ).toEqual([files.leaf.der, files.issuer.der]);
    },
  );

  test('where nothing listens exits 5', async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const outcome = await inspect(`127.0.0.1:${port}`);
    expect(outcome).toMatchObject({ exit: 5, stdout: '' });
    expect(outcome.stderr).toContain('nothing listens there');
  });

  test('that does not speak TLS, or says nothing, ends', async () => {
    const plain = await listening(
      createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    await expect(fetchServedChain({ host: '127.0.0.1', port: plain })).rejects.toMatchObject({
      code: 'unreachable',
    });
    const silent = await listening(createServer((socket) => socket.on('error', () => undefined)));
    await expect(fetchServedChain({ host: '127.0.0.1', port: silent }, 200)).rejects.toThrow(
      'it does not answer in time',
    );
  });

  test.each([
    ['localhost:8443', { host: 'localhost', port: 8443 }],
    ['[::1]:443', { host: '::1', port: 443 }],
    ['10.0.0.1:1', { host: '10.0.0.1', port: 1 }],
    ['leaf.pem', undefined],
    ['host:0', undefined],
    ['host:65536', undefined],
    ['/tmp/a:443', undefined],
    ['::1:443', undefined],
  ])('%s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });
});
