/** Generations and roots through the API of a running server. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCertificateList } from '../../src/x509/crl.ts';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const generation = async (id: string): Promise<Record<string, unknown>> => {
  const issuer = id.replace(/-\d+$/, '');
  const { json } = await server.ask('GET', `/api/v1/issuers/${issuer}`);
  return (json['generations'] as Record<string, unknown>[]).find((each) => each['id'] === id) ?? {};
};

const get = (path: string): Promise<{ status: number; type: string; body: Buffer }> =>
  new Promise((resolve, reject) => {
    request(`${server.server.urls.status}${path}`, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: String(response.headers['content-type']),
          body: Buffer.concat(chunks),
        }),
      );
    })
      .on('error', reject)
      .end();
  });

async function issue(names: string, ttl?: string) {
  const { csr } = await makeCsr([{ kind: 'dns', value: names }]);
  return server.ask('POST', '/api/v1/certificates', { profile: 'server', csr, ...(ttl && { ttl }) });
}

describe('generations of an issuer', () => {
  test('are prepared with key, name and identifiers of their own, published, then activated', async () => {
    const { status, json } = await server.ask('POST', '/api/v1/issuers/servers/prepare');
    expect(status).toBe(200);
    const second = json['generation'] as Record<string, unknown>;
    const first = await generation('servers-1');
    expect(second).toMatchObject({
      id: 'servers-2',
      state: 'next',
      root: 'internal',
      subject: 'CN=Chancery servers-2,O=example.test',
    });
    for (const field of ['subject', 'serial', 'fingerprint', 'subjectKeyIdentifier'])
      expect(second[field]).not.toBe(first[field]);
    // before anything is issued under it, everybody can fetch it
    const published = await get('/issuers/servers-2.crt');
    expect([published.status, published.type]).toEqual([200, 'application/pkix-cert']);
    expect(new X509Certificate(published.body).fingerprint256.replaceAll(':', '').toLowerCase()).toBe(
      second['fingerprint'],
    );
    expect((await issue('a.example.test')).json['generation']).toBe('servers-1');

    const activated = await server.ask('POST', '/api/v1/generations/servers-2/activate');
    expect([activated.status, activated.json['state']]).toEqual([200, 'current']);
    expect((await generation('servers-1'))['state']).toBe('superseded');
    const issued = await issue('b.example.test');
    expect([issued.json['generation'], issued.json['chain']]).toEqual(['servers-2', [second['certificate']]]);
  });

  test('are prepared once, and activated once', async () => {
    await server.ask('POST', '/api/v1/issuers/servers/prepare');
    const again = await server.ask('POST', '/api/v1/issuers/servers/prepare');
    expect([again.status, again.json['code']]).toEqual([409, 'already_exists']);
    const twice = await server.ask('POST', '/api/v1/generations/servers-2/activate');
    expect([twice.status, twice.json['code']]).toEqual([409, 'not_ready']);
  });

  test('of which certificates live are not retired: how many and until when is said, and recorded', async () => {
    const { status, json } = await server.ask('POST', '/api/v1/generations/servers-1/retire');
    expect([status, json['code']]).toEqual([409, 'would_strand']);
    expect(json['detail']).toMatch(/^\d+ certificates of servers-1 still live, the last until 20\d\d-/);
    const audit = await server.ask('GET', '/api/v1/audit?limit=20');
    expect(audit.text).toContain('would_strand');
  });

  test('that issue are not retired, those that never did are', async () => {
    const current = await server.ask('POST', '/api/v1/generations/servers-2/retire');
    expect([current.status, current.json['code']]).toEqual([409, 'not_ready']);
    const unused = await server.ask('POST', '/api/v1/generations/servers-3/retire');
    expect([unused.status, unused.json['state']]).toEqual([200, 'retired']);
    expect((await generation('servers-3'))['state']).toBe('retired');
  });

  test('are changed by admins only, and not where there are none', async () => {
    for (const path of [
      'issuers/servers/prepare',
      'generations/servers-2/retire',
      'roots/internal/prepare',
    ]) {
      const { status } = await server.ask('POST', `/api/v1/${path}`, undefined, { login: null });
      expect(status).toBe(401);
    }
    for (const path of ['issuers/nobody/prepare', 'generations/nobody-1/activate', 'roots/nobody/prepare'])
      expect((await server.ask('POST', `/api/v1/${path}`)).status).toBe(404);
  });
});

describe('roots', () => {
  test('publish CRLs that verify with their key', async () => {
    for (const name of ['workload', 'internal']) {
      const { status, type, body } = await get(`/crl/${name}.crl`);
      expect([status, type]).toEqual([200, 'application/pkix-crl']);
      const list = readCertificateList(body);
      expect([list.version, list.entries.length]).toEqual([2, 0]);
      expect((list.nextUpdate ?? 0) - list.thisUpdate).toBe(7 * 86_400_000);
    }
    expect((await get('/crl/nobody.crl')).status).toBe(404);
  });

  test('are rotated: prepared into every bundle, activated, and the old one retired last', async () => {
    const prepared = await server.ask('POST', '/api/v1/roots/internal/prepare');
    expect([prepared.status, prepared.json['name'], prepared.json['state']]).toEqual([
      200,
      'internal-r2',
      'next',
    ]);
    const pem = String(prepared.json['certificate']);
    expect((await server.ask('GET', '/roots.pem')).text).toContain(pem);
    expect((await server.ask('GET', '/')).text).toContain('internal-r2');
    const before = await issue('c.example.test');
    expect(before.json['roots']).toEqual([expect.anything(), pem]);
    expect((await get('/crl/internal-r2.crl')).status).toBe(200);

    expect((await server.ask('POST', '/api/v1/roots/internal-r2/activate')).json['state']).toBe('current');
    expect((await server.ask('POST', '/api/v1/roots/internal/retire')).json).toMatchObject({
      code: 'would_strand',
    });
    const { json } = await server.ask('POST', '/api/v1/issuers/clients/prepare');
    expect(json['generation']).toMatchObject({ id: 'clients-2', root: 'internal-r2' });
    await server.ask('POST', '/api/v1/generations/clients-2/activate');
    const login = await makeCsr([{ kind: 'uri', value: 'spiffe://example.test/ops/ann' }]);
    const issued = await server.ask('POST', '/api/v1/certificates', { profile: 'client', csr: login.csr });
    expect(issued.json).toMatchObject({ generation: 'clients-2' });
    expect(issued.json['roots']).toEqual([pem, expect.anything()]);
    const cert = String(issued.json['certificate']) + (issued.json['chain'] as string[]).join('');
    const who = await server.ask('GET', '/api/v1/server', undefined, { login: { cert, key: login.key } });
    expect(who.json['principal']).toBe('mtls:clients:spiffe://example.test/ops/ann');
    // the listener knows new generations at once, also for clients that send their leaf alone
    const alone = { cert: String(issued.json['certificate']), key: login.key };
    expect((await server.ask('GET', '/api/v1/server', undefined, { login: alone })).status).toBe(200);
  });

  test('and generations are there after a restart, and roots.pem is mended', async () => {
    const file = join(server.data, 'roots.pem');
    const roots = readFileSync(file, 'utf8');
    writeFileSync(file, roots.slice(0, roots.indexOf('-----END')));
    await server.restart();
    await vi.waitFor(async () => expect((await server.ask('GET', '/api/v1/server')).status).toBe(200));
    expect(readFileSync(file, 'utf8')).toBe(roots);
    expect((await generation('clients-2'))['state']).toBe('current');
    const { json } = await server.ask('GET', '/api/v1/roots');
    expect((json['roots'] as Record<string, unknown>[]).map(({ name, state }) => [name, state])).toEqual([
      ['workload', 'current'],
      ['internal', 'superseded'],
      ['internal-r2', 'current'],
    ]);
  });
});

describe('bounds from the configuration', () => {
  test('stand in the certificate of the issuer and hold for every leaf', async () => {
    const bounded = await startTestServer(`issuers:
  workload: { root: workload, profiles: [workload], authenticates: true }
  servers:
    root: internal
    profiles: [server]
    maxPathLength: 1
    nameConstraints: { permitted: { dns: [example.test, localhost] }, excluded: { ip: [10.0.0.0/8] } }
  clients: { root: internal, profiles: [client], authenticates: true }`);
    try {
      const { json } = await bounded.ask('GET', '/api/v1/issuers/servers');
      expect((json['generations'] as unknown[])[0]).toMatchObject({
        maxPathLength: 1,
        permitted: ['dns:example.test', 'dns:localhost'],
        excluded: ['ip:10.0.0.0/8'],
      });
      const ask = async (value: string, kind: 'dns' | 'ip' = 'dns') => {
        const { csr } = await makeCsr([{ kind, value }]);
        return bounded.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
      };
      expect((await ask('a.example.test')).status).toBe(201);
      const refused = await ask('a.example.com');
      expect([refused.status, refused.json['code']]).toEqual([403, 'lint_failed']);
      expect(refused.json['detail']).toContain('dns:a.example.com is outside of the permitted');
      expect((await ask('10.1.2.3', 'ip')).status).toBe(403);
      expect((await ask('192.0.2.1', 'ip')).status).toBe(201);
    } finally {
      await bounded.stop();
    }
  });
});
