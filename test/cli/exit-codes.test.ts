/** What a script sees of a failure: 1 usage, 2 remote error, 3 refused by policy, 4 not found, 5 unreachable. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { encodePem } from '../../src/x509/pem.ts';
import { makeAuthority } from '../support/authority.ts';
import { FakeServer, problem, type Reply } from './fake-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());

const ask = async (reply: Reply): Promise<Outcome> => {
  server.on('GET /api/v1/roots', reply);
  const data = await server.dataFolder(temporaryFolder());
  return chancery(['ca', 'list', '--data', data]);
};

describe('answers of the server', () => {
  test.each([
    ['an answer', { status: 200, body: { roots: [] } }, 0, /^there is no root\n$/],
    [
      'a malformed request',
      problem(400, 'invalid_request', 'the field x is wrong'),
      1,
      /^error: the field x/,
    ],
    ['a login that is not accepted', problem(401, 'credential_rejected', 'no'), 3, /^error: no\n/],
    ['a refusal', problem(403, 'not_granted', 'nobody may'), 3, /^error: nobody may\n/],
    ['a missing object', problem(404, 'not_found', 'no such root'), 4, /^error: no such root\n/],
    ['an object that exists', problem(409, 'already_exists', 'it exists'), 2, /^error: it exists\n/],
    ['a store that is full', problem(503, 'store_unavailable', 'the disk is full'), 2, /disk is full/],
    ['a failure inside', problem(500, 'internal', 'it failed'), 2, /it failed/],
    ['a refusal of a later release', problem(403, 'moon_phase', 'wrong moon'), 3, /^error: wrong moon\n/],
    ['a failure of a later release', problem(422, 'moon_phase', 'wrong moon'), 2, /^error: wrong moon\n/],
    [
      'a problem of other types',
      { status: 403, body: { detail: 7, fix: {}, errors: [null, { field: 1 }] } },
      3,
      /^error: the server answered 403\n$/,
    ],
    [
      "a proxy's page",
      { status: 502, body: '<html>' },
      2,
      /answered 502 with something that is not of this API/,
    ],
    ['a page of something else', { status: 200, body: '<html>' }, 2, /answered 200 with something/],
  ] as const)('%s', async (_, reply, exit, stderr) => {
    const outcome = await ask(reply);
    expect([outcome.exit, outcome.stdout]).toEqual([exit, '']);
    expect(outcome.stderr).toMatch(stderr);
  });

  test('several faults of a request are told field by field', async () => {
    const errors = [
      { field: 'ttl', message: 'is no duration' },
      { field: 'profile', message: 'is missing' },
    ];
    const { stderr } = await ask(problem(400, 'invalid_request', 'the request has 2 faults', { errors }));
    expect(stderr).toContain('field: ttl: is no duration\nfield: profile: is missing\n');
  });

  test('Retry-After is told where there is no other fix', async () => {
    const reply = problem(429, 'slow_down', 'too many');
    const { stderr } = await ask({ ...reply, headers: { ...reply.headers, 'retry-after': '7' } });
    expect(stderr).toContain('fix: try again in 7 s\n');
  });
});

describe('a server that cannot be reached is never reported as an error of the server', () => {
  const listen = async (each: (socket: import('node:net').Socket) => void): Promise<string> => {
    const listener: Server = createServer(each);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    return `https://localhost:${(listener.address() as AddressInfo).port}`;
  };
  const at = async (url: string, roots?: string): Promise<Outcome> => {
    const data = await server.dataFolder(temporaryFolder());
    if (roots !== undefined) writeFileSync(join(data, 'roots.pem'), roots);
    return chancery(['ca', 'list', '--data', data, '--server', url]);
  };

  test('nothing listens', async () => {
    const { exit, stderr } = await at('https://localhost:1');
    expect(exit).toBe(5);
    expect(stderr).toBe(
      'error: cannot reach https://localhost:1: nothing listens there (connection refused)\n' +
        'fix: check the URL; it comes from --server\ndocs: docs/reference/errors.md#unreachable\n',
    );
  });

  test('the fix for a server of this host is to start it', async () => {
    const data = await server.dataFolder(temporaryFolder());
    writeFileSync(join(data, 'client.yaml'), 'server: https://localhost:1\nroots: roots.pem\n');
    const { exit, stderr } = await chancery(['ca', 'list', '--data', data]);
    expect(exit).toBe(5);
    expect(stderr).toContain(`chancery server --data ${data}`);
  });

  test('the name does not resolve', async () => {
    expect((await at('https://nowhere.invalid')).exit).toBe(5);
  });

  test('the certificate chains to other roots', async () => {
    const { root } = await makeAuthority({ issuer: 'strangers', now: Date.now(), algorithm: 'ed25519' });
    const { exit, stderr } = await at(server.url, encodePem('CERTIFICATE', root));
    expect(exit).toBe(5);
    expect(stderr).toMatch(/does not chain to the roots in .*roots\.pem/);
  });

  test('the certificate is for another name', async () => {
    const { exit, stderr } = await at(
      server.url.replace('localhost', '127.0.0.1').replace('[::1]', '127.0.0.1'),
    );
    expect(exit).toBe(5);
    expect(stderr).toMatch(/is for another name|connection refused/);
  });

  test('something listens that speaks no TLS', async () => {
    const url = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { exit, stderr } = await at(url);
    expect(exit).toBe(5);
    expect(stderr).toContain('does not speak TLS');
  });

  test('the connection is closed in the handshake', async () => {
    expect((await at(await listen((socket) => socket.destroy()))).exit).toBe(5);
  });

  test('the answer breaks off', async () => {
    expect((await ask({ status: 200, body: '{"roots":', breakOff: true })).exit).toBe(5);
  });
});

describe('files that the login needs', () => {
  test.each([
    ['no roots', 'roots.pem', undefined, 'there is no such file'],
    ['empty roots (Caddy CVE-2026-27586)', 'roots.pem', '', 'holds no certificate'],
    ['a certificate that is none', 'admin/cert.pem', 'hello', 'cannot be'],
    ['a key that is none', 'admin/key.pem', 'hello', 'cannot be read'],
  ])('%s: exit 1 with the path', async (_, file, content, message) => {
    const data = await server.dataFolder(temporaryFolder());
    const path = join(data, file);
    if (content === undefined) {
      writeFileSync(join(data, 'client.yaml'), `server: ${server.url}\nroots: nowhere.pem\n`);
    } else writeFileSync(path, content);
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
    const { exit, stderr } = await chancery(['ca', 'list', '--data', data]);
    expect(stderr).toContain(message);
    expect(exit).toBe(1);
  });

  test('a certificate with the key of another', async () => {
    const data = await server.dataFolder(temporaryFolder());
    const other = await (await import('../support/keys.ts')).keyOf('ecdsa-p256', 'stranger');
    const { exportPkcs8 } = await import('../../src/x509/key-pair.ts');
    writeFileSync(join(data, 'admin/key.pem'), encodePem('PRIVATE KEY', exportPkcs8(other.privateKey)));
    const { exit, stderr } = await chancery(['ca', 'list', '--data', data]);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/admin\/key\.pem is not the key of .*admin\/cert\.pem/);
  });
});
