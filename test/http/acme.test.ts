import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem, decodePemOne } from '../../src/x509/pem.ts';
import { b64, binding } from '../support/acme.ts';
import { HttpAcmeClient, JOSE } from '../support/acme-http.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Answer, makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
let web: Server;
let client: HttpAcmeClient;
const tokens = new Map<string, string>();

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  web = createServer((request, response) => {
    const answer = tokens.get(request.url ?? '');
    response.writeHead(answer === undefined ? 404 : 200).end(answer);
  }).listen(port, '127.0.0.1');
  server = await startTestServer(`
grants:
  - { name: acme-hosts, principal: "acme:**", verbs: [issue, renew, revoke], issuer: servers, profiles: [server], ip: ["127.0.0.0/8"], dns: ["**.example.test"] }
acme: { validation: { httpPort: ${port}, allow: ["127.0.0.0/8"] } }`);
  client = new HttpAcmeClient(server);
  await client.register({ contact: ['mailto:ann@example.test'] });
});
afterAll(async () => {
  web.close();
  await server.stop();
});

/** What every answer has. */
function expectCommon({ headers }: Answer): void {
  expect(headers['replay-nonce']).toMatch(/^[A-Za-z0-9_-]{20,}$/);
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['link']).toContain(`<${client.url('directory')}>;rel="index"`);
}

async function thumbprint(): Promise<string> {
  const { jwk } = client.key as { jwk: Record<string, string> };
  const text = JSON.stringify({ crv: jwk['crv'], kty: jwk['kty'], x: jwk['x'], y: jwk['y'] });
  return b64(new Uint8Array(await crypto.subtle.digest('SHA-256', Buffer.from(text))));
}

/** From order to certificate over http-01. */
async function obtain(address: string): Promise<Answer> {
  const order = await client.post('new-order', { identifiers: [{ type: 'ip', value: address }] });
  expect(order.status).toBe(201);
  const [authz = ''] = order.json['authorizations'] as string[];
  const { json } = await client.post(authz);
  const challenge = (json['challenges'] as { type: string; url: string; token: string }[]).find(
    ({ type }) => type === 'http-01',
  );
  const token = challenge?.token ?? '';
  tokens.set(`/.well-known/acme-challenge/${token}`, `${token}.${await thumbprint()}`);
  const answered = await client.post(challenge?.url ?? '', {});
  expect(answered.headers['link']).toContain(`<${authz}>;rel="up"`);
  await expect.poll(async () => (await client.post(authz)).json['status'], { timeout: 5000 }).toBe('valid');
  const { csr } = await makeCsr([{ kind: 'ip', value: address }]);
  const done = await client.post(String(order.json['finalize']), {
    csr: b64(decodePemOne(csr, 'CERTIFICATE REQUEST')),
  });
  expect(done.headers['location']).toBe(order.headers['location']);
  return done;
}

describe('ACME over HTTPS', () => {
  it('RFC 8555 7.1.1: the directory names every resource under externalUrl, and its profiles', async () => {
    const { status, headers, json } = await client.get('directory');
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    for (const [name, path] of [
      ['newNonce', 'new-nonce'],
      ['newAccount', 'new-account'],
      ['newOrder', 'new-order'],
      ['revokeCert', 'revoke-cert'],
      ['keyChange', 'key-change'],
      ['renewalInfo', 'renewal-info'],
    ] as const)
      expect(json[name]).toBe(client.url(path));
    expect(json['meta']).toMatchObject({ profiles: { server: expect.any(String) as string } });
    expect((await server.ask('GET', '/acme/clients/directory', undefined, { login: null })).status).toBe(404);
  });

  it('RFC 8555 7.2: newNonce answers HEAD with 200 and GET with 204', async () => {
    const [head, get] = [await client.get('new-nonce', 'HEAD'), await client.get('new-nonce')];
    expect([head.status, get.status]).toEqual([200, 204]);
    for (const answer of [head, get]) expectCommon(answer);
    expect(head.headers['replay-nonce']).not.toBe(get.headers['replay-nonce']);
  });

  it('RFC 8555 7.4: a certificate by http-01, its chain, its renewal information and its revocation', async () => {
    const done = await obtain('127.0.0.1');
    expect([done.status, done.json['status']]).toEqual([200, 'valid']);
    const chain = await client.post(String(done.json['certificate']));
    expect(chain.headers['content-type']).toBe('application/pem-certificate-chain');
    expect(chain.headers['link']).toContain(`<${String(done.json['certificate'])}/1>;rel="alternate"`);
    const blocks = decodePem(chain.text);
    expect(blocks).toHaveLength(2);
    const der = blocks[0]?.der ?? new Uint8Array();
    const aki =
      readCertificate(der)
        .extensions.find(({ id }) => id === '2.5.29.35')
        ?.value.subarray(4) ?? new Uint8Array();
    const info = await client.get(`renewal-info/${b64(aki)}.${b64(readCertificate(der).serial)}`);
    expect([info.status, info.headers['retry-after']]).toEqual([200, String(6 * 3600)]);
    expect((await client.post('revoke-cert', { certificate: b64(der), reason: 4 })).status).toBe(200);
    const again = await client.post('revoke-cert', { certificate: b64(der), reason: 4 });
    expect(again.json).toMatchObject({ type: 'urn:ietf:params:acme:error:alreadyRevoked', status: 400 });
  });

  it('RFC 8555 6.5.1: refused, an answer has a fresh nonce, its type and the way to the directory', async () => {
    const answers = [
      await client.send('new-account', '{}'),
      await client.send('new-order', 'x'.repeat(70_000)),
      await client.send('new-order', '{}', { 'content-type': 'application/json' }),
      await client.get('new-order'),
      await client.post('new-account', undefined, { nonce: 'x' }),
      await client.get('renewal-info/x'),
      await client.post('order/x'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 413, 415, 405, 400, 400, 404]);
    for (const answer of answers) {
      expectCommon(answer);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(String(answer.json['type'])).toMatch(/^urn:ietf:params:acme:error:/);
      expect(answer.json['status']).toBe(answer.status);
    }
    expect(answers[3]?.headers['allow']).toBe('POST');
  });

  it('RFC 8555 6.5: badNonce comes with a nonce that is good for the next try', async () => {
    const refused = await client.post(client.kid ?? '', undefined, { nonce: 'stale' });
    expect(refused.json['type']).toBe('urn:ietf:params:acme:error:badNonce');
    const nonce = refused.headers['replay-nonce'];
    expect((await client.post(client.kid ?? '', undefined, { nonce })).status).toBe(200);
    expect((await client.post(client.kid ?? '', undefined, { nonce })).status).toBe(400);
  });

  it('RFC 8555 6.5: a nonce from before a restart is refused, and what was made is still there', async () => {
    const nonce = await client.nonce();
    await server.restart();
    const answer = await client.post(client.kid ?? '', undefined, { nonce });
    expect(answer.json['type']).toBe('urn:ietf:params:acme:error:badNonce');
    expect((await client.post(client.kid ?? '')).json['status']).toBe('valid');
  });

  it.each([
    '//',
    '/%2e%2e/',
    '/servers/%64irectory',
    '/servers/directory/',
    '/servers/directory?x',
    '/SERVERS/directory',
    '/servers/order/..%2f',
    '/servers//directory',
  ])('a path that is written in another way leads nowhere: %s', async (path) => {
    const answer = await server.ask('GET', `/acme${path}`, undefined, { login: null });
    expect(answer.status).toBe(404);
    expect(answer.json['type']).toBe('urn:ietf:params:acme:error:malformed');
  });

  it('RFC 8555 7.3.4: an external account key of the API makes an account that is listed with it', async () => {
    const key = await server.ask('POST', '/api/v1/acme/external-keys', { issuer: 'servers', uses: 1 });
    expect(key.status).toBe(201);
    const other = new HttpAcmeClient(server);
    const macKey = Buffer.from(String(key.json['hmacKey']), 'base64url');
    const url = other.url('new-account');
    const externalAccountBinding = binding(String(key.json['kid']), macKey, other.key, { header: { url } });
    expect((await other.register({ externalAccountBinding })).status).toBe(201);
    const { json } = await server.ask('GET', '/api/v1/acme/accounts?limit=1');
    expect(json['accounts']).toMatchObject([{ externalKey: key.json['kid'], status: 'valid' }]);
    const keys = await server.ask('GET', '/api/v1/acme/external-keys');
    expect(keys.json['externalKeys']).toMatchObject([{ state: 'spent', used: 1 }]);
    expect(keys.text).not.toContain(String(key.json['hmacKey']));
    expect(server.logged.join('')).not.toContain(String(key.json['hmacKey']));
  });

  it('an operator sees why a validation failed, and deactivates an account', async () => {
    const order = await client.post('new-order', { identifiers: [{ type: 'ip', value: '127.0.0.9' }] });
    const [authz = ''] = order.json['authorizations'] as string[];
    const { json } = await client.post(authz);
    const [challenge] = json['challenges'] as { url: string }[];
    await client.post(challenge?.url ?? '', {});
    await expect
      .poll(async () => (await client.post(authz)).json['status'], { timeout: 15_000 })
      .toBe('invalid');
    const id = String(order.headers['location']).split('/').at(-1) ?? '';
    const shown = await server.ask('GET', `/api/v1/acme/orders/${id}`);
    expect(shown.json).toMatchObject({ status: 'invalid', names: ['ip:127.0.0.9'] });
    expect(shown.json['authorizations']).toMatchObject([
      { status: 'invalid', challenge: { type: 'http-01', problem: { type: 'connection' } } },
    ]);
    const [{ challenge: { log } } = { challenge: { log: [] } }] = shown.json['authorizations'] as {
      challenge: { log: unknown[] };
    }[];
    expect(log.length).toBeGreaterThan(0);
    const account = client.kid?.split('/').at(-1) ?? '';
    const gone = await server.ask('DELETE', `/api/v1/acme/accounts/${account}`);
    expect(gone.json['status']).toBe('deactivated');
    expect((await client.post('new-order', {})).json['type']).toBe('urn:ietf:params:acme:error:unauthorized');
  }, 30_000);

  it('RFC 8555 6.2: a body is JOSE, whatever its parameters and case', async () => {
    const other = new HttpAcmeClient(server);
    const answer = await other.send('new-account', '{}', {
      'content-type': `${JOSE['content-type'].toUpperCase()}; x=y`,
    });
    expect(answer.status).toBe(400);
  });
});
