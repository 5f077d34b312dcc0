/** Revoked is refused at every door of this server, per request: open connections and resumed sessions included. */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { signRootCrl } from '../../src/server/offline/verbs.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePemOne, encodePem } from '../../src/x509/pem.ts';
import {
  type Answer,
  type Login,
  loginOf,
  makeCsr,
  startTestServer,
  type TestServer,
} from '../support/running-server.ts';

let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chancery-enforcement-'));
  writeFileSync(join(folder, 'passphrase'), 'a passphrase for tests\n', { mode: 0o600 });
  server = await startTestServer('', {
    folder: join(folder, 'vault'),
    passphraseFile: join(folder, 'passphrase'),
  });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A certificate of the issuer `clients`, and what logs in with it. */
async function makeClient(name: string): Promise<{ login: Login; serial: string }> {
  const { csr, key } = await makeCsr([{ kind: 'dns', value: `${name}.example.test` }]);
  const { status, json } = await server.ask('POST', '/api/v1/certificates', { profile: 'client', csr });
  expect(status).toBe(201);
  return { login: loginOf(json, key), serial: String(json['serial']) };
}

/** As it is recorded, without a word to the server. */
function revoke(serial: string): void {
  const database = new Sqlite(join(server.data, 'db', 'chancery.db'));
  const { changes } = database
    .prepare('UPDATE certificates SET revoked_at = ?, revocation_reason = 1 WHERE serial = ?')
    .run(Date.now(), Buffer.from(serial, 'hex'));
  database.close();
  expect(changes).toBe(1);
}

const whoAmI = (options: Parameters<TestServer['ask']>[3]): Promise<Answer> =>
  server.ask('GET', '/api/v1/server', undefined, options);

const port = (): number => Number(new URL(server.server.urls.https).port);

describe('Vault CVE-2022-41316: a CRL that is not enforced', () => {
  test('nebula-mesh, revocation never enforced: the next request on an open connection is refused', async () => {
    const { login, serial } = await makeClient('kept');
    const agent = new Agent({ ca: server.roots, ...login, keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          { host: 'localhost', port: port(), path: '/api/v1/server', agent },
          (response) => {
            response.resume();
            response.on('end', () => resolve(response.statusCode ?? 0));
          },
        );
        outgoing.on('socket', (socket) => sockets.add(socket));
        outgoing.on('error', reject);
        outgoing.end();
      });
    expect([await ask(), await ask()]).toEqual([200, 200]);
    revoke(serial);
    expect([await ask(), await ask()]).toEqual([401, 401]);
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('so is a resumed session of %s', async (version) => {
    const { login, serial } = await makeClient(`resumed-${version.replace('.', '-').toLowerCase()}`);
    const first = await speak(version, login);
    expect([first.status, first.reused]).toEqual([200, false]);
    const again = await speak(version, login, first.session);
    expect([again.status, again.reused]).toEqual([200, true]);
    revoke(serial);
    const late = await speak(version, login, first.session);
    expect([late.status, late.reused]).toEqual([401, true]);
    expect(late.body).toContain('was revoked at');
    expect((await speak(version, login)).status).toBe(401);
  });

  test('a revoked certificate is not renewed, by its holder or by anybody else', async () => {
    const { login, serial } = await makeClient('renewing');
    revoke(serial);
    const { csr } = await makeCsr([{ kind: 'dns', value: 'renewing.example.test' }]);
    const path = `/api/v1/certificates/${serial}/renew`;
    expect(await server.ask('POST', path, { csr }, { login })).toMatchObject({
      status: 401,
      json: { code: 'credential_rejected' },
    });
    const { status, json } = await server.ask('POST', path, { csr });
    expect([status, json['code']]).toEqual([403, 'certificate_revoked']);
  });

  test('every route is shut to it', async () => {
    const { login, serial } = await makeClient('shut');
    revoke(serial);
    for (const [method, path] of [
      ['GET', '/api/v1/certificates'],
      ['GET', `/api/v1/certificates/${serial}`],
      ['POST', '/api/v1/certificates'],
      ['GET', '/api/v1/audit'],
      ['POST', '/api/v1/tokens'],
      ['GET', '/api/v1/grants'],
    ] as const) {
      const answer = await server.ask(method, path, method === 'POST' ? {} : undefined, { login });
      expect([path, answer.status, answer.json['code']]).toEqual([path, 401, 'credential_rejected']);
    }
  });
});

describe('an enrolment token that was revoked', () => {
  test('opens nothing, on a connection that it opened before, either', async () => {
    const made = await server.ask('POST', '/api/v1/tokens', {
      profile: 'server',
      names: { dns: ['enrol.example.test'] },
      uses: 5,
    });
    expect(made.status).toBe(201);
    const agent = new Agent({ ca: server.roots, keepAlive: true, maxSockets: 1 });
    const headers = { authorization: `Bearer ${String(made.json['token'])}` };
    const enrol = async () => {
      const { csr } = await makeCsr([{ kind: 'dns', value: 'enrol.example.test' }]);
      return (await server.ask('POST', '/api/v1/certificates', { csr }, { agent, headers })).status;
    };
    expect(await enrol()).toBe(201);
    const id = String(made.json['id']);
    expect((await server.ask('DELETE', `/api/v1/tokens/${id}`)).status).toBeLessThan(300);
    expect(await enrol()).toBe(401);
    agent.destroy();
  });
});

describe('the server’s own certificate', () => {
  test('is replaced at once when it is revoked', async () => {
    const served = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ port: port(), host: 'localhost', ca: server.roots }, () => {
          resolve(socket.getPeerCertificate().serialNumber.toLowerCase());
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await served();
    revoke(before);
    await vi.waitFor(async () => expect(await served()).not.toBe(before), { timeout: 10_000, interval: 200 });
    expect(server.logged.some((line) => line.includes('certificate was revoked'))).toBe(true);
    const after = await served();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await served()).toBe(after);
  });
});

// the last one: whoever logged in before is shut out
describe('a generation that its root revoked', () => {
  test('shuts out what it certified, and its issuer signs with another one', async () => {
    const { login } = await makeClient('below');
    const open = new Agent({ ca: server.roots, ...login, keepAlive: true, maxSockets: 1 });
    expect((await whoAmI({ agent: open })).status).toBe(200);
    const generation = readCertificate(
      decodePemOne(`-----BEGIN${login.cert.split('-----BEGIN')[2] ?? ''}`, 'CERTIFICATE'),
    );
    const { crl } = await signRootCrl({
      rootKey: join(folder, 'vault', 'internal.root.json'),
      passphraseFile: join(folder, 'passphrase'),
      now: Date.now(),
      revoke: [{ serial: Buffer.from(generation.serial).toString('hex'), reason: 'cACompromise' }],
    });
    const imported = await server.ask('POST', '/api/v1/crls', { crl: encodePem('X509 CRL', crl) });
    expect(imported.status).toBeLessThan(300);
    const late = await whoAmI({ agent: open });
    expect([late.status, late.text]).toEqual([401, expect.stringContaining('was revoked by its root')]);
    open.destroy();
    expect((await whoAmI({})).status).toBe(401);
  });
});

interface Spoken {
  readonly status: number;
  readonly body: string;
  readonly reused: boolean;
  readonly session: Buffer | undefined;
}

/** One request over a connection of its own, resumed from `session` where one is given. */
function speak(version: 'TLSv1.2' | 'TLSv1.3', login: Login, session?: Buffer): Promise<Spoken> {
  return new Promise((resolve, reject) => {
    let ticket: Buffer | undefined;
    let text = '';
    const socket: TLSSocket = connect({
      host: 'localhost',
      port: port(),
      ca: server.roots,
      ...login,
      minVersion: version,
      maxVersion: version,
      ...(session && { session }),
    });
    socket.on('session', (next) => (ticket = next));
    socket.on('secureConnect', () =>
      socket.write('GET /api/v1/server HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'),
    );
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('end', () =>
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]),
        body: text,
        reused: socket.isSessionReused(),
        session: ticket,
      }),
    );
  });
}
