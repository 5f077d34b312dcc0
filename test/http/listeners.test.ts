import { afterEach, describe, expect, test } from 'vitest';
import { connect } from 'node:tls';
import { Agent, request } from 'node:https';
import { ROUTES } from '../../src/api/routes.ts';
import { createTlsListener, type ListenerCredentials } from '../../src/http/tls-listener.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

describe('the HTTPS listener', () => {
  test('every route of the table refuses a caller without a certificate, but for two that are for anybody', async () => {
    server = await startTestServer();
    const routes = Object.values(ROUTES);
    expect(routes.filter(({ rule }) => rule === 'public').map(({ path }) => path)).toEqual([
      // it is signed by the key that leaked: who sends it does not matter
      '/api/v1/revocations/leaked-key',
      '/api/v1/logins',
    ]);
    for (const { method, path, rule } of routes) {
      if (rule === 'public') continue;
      const url = path.replace(/\{\w+\}/g, 'aa');
      const answer = await server.ask(method.toUpperCase(), url, method === 'post' ? {} : undefined, {
        login: null,
      });
      expect(answer.status, `${method} ${path}`).toBe(401);
    }
  });

  test('offers AEAD suites and TLS 1.2 or newer only (LUCKY13)', async () => {
    server = await startTestServer();
    const { hostname, port } = new URL(server.server.urls.https);
    const handshake = (options: object): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(
          { host: hostname, port: Number(port), ca: server?.roots, servername: 'localhost', ...options },
          () => {
            resolve(`${socket.getProtocol() ?? ''} ${socket.getCipher().standardName}`);
            socket.destroy();
          },
        );
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });
    expect(await handshake({})).toMatch(/^TLSv1\.3 TLS_/);
    expect(await handshake({ maxVersion: 'TLSv1.2' })).toMatch(
      /^TLSv1\.2 TLS_ECDHE_ECDSA_WITH_(AES_\d+_GCM|CHACHA20)/,
    );
    expect(
      await handshake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256' }),
    ).toMatch(/HANDSHAKE_FAILURE|ECONNRESET|NO_/);
    expect(
      await handshake({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).not.toMatch(/^TLS/);
  });

  test('exchanges its certificate without losing a request', async () => {
    server = await startTestServer();
    const issue = async (): Promise<ListenerCredentials> => {
      const generated = await server?.ask('POST', '/api/v1/certificates/generate', {
        profile: 'server',
        names: { dns: ['localhost'] },
      });
      const json = generated?.json ?? {};
      return {
        key: String(json['privateKey']),
        certificate: String(json['certificate']) + (json['chain'] as string[]).join(''),
        clientCas: [server?.roots ?? ''],
      };
    };
    const listener = createTlsListener(await issue(), (_request, response) => void response.end('ok'));
    await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
    const { port } = listener.server.address() as { port: number };
    const serials = new Set<string>();
    let good = 0;
    let running = true;
    const client = async (agent: Agent): Promise<void> => {
      while (running) {
        await new Promise<void>((resolve, reject) => {
          const outgoing = request({ host: 'localhost', port, agent }, (response) => {
            response.resume();
            response.on('end', () => {
              good++;
              resolve();
            });
          });
          outgoing.on(
            'socket',
            (socket) =>
              outgoing.reusedSocket ||
              socket.once('secureConnect', () =>
                serials.add(
                  (
                    socket as unknown as { getPeerCertificate(): { serialNumber: string } }
                  ).getPeerCertificate().serialNumber,
                ),
              ),
          );
          outgoing.on('error', reject);
          outgoing.end();
        });
      }
    };
    const ca = server.roots;
    const clients = [
      new Agent({ ca, keepAlive: true }),
      new Agent({ ca, keepAlive: false, maxCachedSessions: 0 }),
    ].map(client);
    for (let round = 0; round < 5; round++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      listener.rotate(await issue());
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
    running = false;
    await Promise.all(clients);
    listener.server.closeAllConnections();
    listener.server.close();
    expect(good).toBeGreaterThan(20);
    expect(serials.size).toBeGreaterThanOrEqual(5);
  });
});

describe('the status listener', () => {
  test('answers health and readiness, and serves issuer and root certificates where the leaves say', async () => {
    server = await startTestServer();
    const { status } = server.server.urls;
    expect((await fetch(`${status}/healthz`)).status).toBe(200);
    expect((await fetch(`${status}/readyz`)).status).toBe(200);
    for (const id of ['workload-1', 'servers-1', 'clients-1', 'internal', 'workload']) {
      const answer = await fetch(`${status}/issuers/${id}.crt`);
      expect(answer.headers.get('content-type'), id).toBe('application/pkix-cert');
      expect(Buffer.from(await answer.arrayBuffer())[0]).toBe(0x30);
    }
    expect((await fetch(`${status}/issuers/..%2fkeys.crt`)).status).toBe(404);
    expect((await fetch(`${status}/readyz`, { method: 'POST' })).status).toBe(405);
  });

  test('a leaf names shard, OCSP responder and issuer certificate of the status listener', async () => {
    server = await startTestServer();
    const { csr } = await makeCsr([{ kind: 'dns', value: 'www.example.test' }]);
    const issued = await server.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    const { X509Certificate } = await import('node:crypto');
    const leaf = new X509Certificate(String(issued.json['certificate']));
    expect(leaf.infoAccess).toContain(`CA Issuers - URI:${server.server.urls.status}/issuers/servers-1.crt`);
    expect(leaf.infoAccess).toContain(`OCSP - URI:${server.server.urls.status}/ocsp`);
    expect(leaf.toString().length).toBeGreaterThan(0);
    expect(leaf.raw.toString('latin1')).toMatch(/\/crl\/servers-1\/[0-3]\.crl/);
  });
});

describe('the metrics listener', () => {
  test('counts what was issued and refused, without a name or serial', async () => {
    server = await startTestServer();
    const { csr } = await makeCsr([{ kind: 'dns', value: 'metric.example.test' }]);
    const issued = await server.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    await server.ask('GET', '/api/v1/server', undefined, { login: null });
    const text = await (await fetch(server.server.urls.metrics)).text();
    expect(text).toContain(
      'chancery_certificates_issued_total{issuer="servers",profile="server",door="rest"} 1',
    );
    expect(text).toContain('chancery_refusals_total{code="unauthenticated"} 1');
    expect(text).toMatch(/chancery_headroom_seconds \d/);
    expect(text).not.toContain('metric.example.test');
    expect(text).not.toContain(String(issued.json['serial']));
  });
});
