/** What RFC 8555 asks of an ACME server's HTTP: methods, media types, headers and ports. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/index.ts';
import { HttpAcmeClient } from '../support/acme-http.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

let server: TestServer;
let client: HttpAcmeClient;

beforeAll(async () => {
  server = await startTestServer(`
grants:
  - { name: acme-hosts, principal: "acme:**", verbs: [issue], issuer: servers, profiles: [server], dns: ["**.example.test"] }`);
  client = new HttpAcmeClient(server);
  await client.register();
});
afterAll(() => server.stop());

const ORDER = { identifiers: [{ type: 'dns', value: 'www.example.test' }] };
const MALFORMED = 'urn:ietf:params:acme:error:malformed';

describe('ACME over HTTPS', () => {
  it('RFC 8555 6.1: there is no ACME but over HTTPS', async () => {
    const { status } = await fetch(`${server.server.urls.status}/acme/servers/directory`);
    expect(status).toBe(404);
    const { json } = await client.get('directory');
    const urls = Object.values(json).filter((url) => typeof url === 'string');
    expect(urls).toHaveLength(6);
    for (const url of urls) expect(url).toMatch(/^https:/);
  });

  it.each([
    'new-account',
    'new-order',
    'revoke-cert',
    'key-change',
    'order/x',
    'order/x/finalize',
    'authz/x',
    'challenge/x/http-01',
    'certificate/aa',
    'account/x',
    'orders/x',
  ])('RFC 8555 6.3: GET of %s is answered with 405 and malformed', async (path) => {
    const { status, json, headers } = await client.get(path);
    expect([status, json['type'], headers['allow']]).toEqual([405, MALFORMED, 'POST']);
  });

  it('RFC 8555 6.3: directory and newNonce are read with GET, HEAD and POST-as-GET', async () => {
    const { json } = await client.get('directory');
    const posted = await client.post('directory');
    expect([posted.status, posted.json]).toEqual([200, json]);
    expect((await client.post('new-nonce')).status).toBe(204);
    const put = await client.get('directory', 'PUT');
    expect([put.status, put.headers['allow']]).toEqual([405, 'GET, HEAD, POST']);
    const info = await client.post('renewal-info/x');
    expect([info.status, info.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it('RFC 8555 6.5: every answer to a POST has a nonce that is good for the next', async () => {
    const order = await client.post('new-order', ORDER);
    expect(order.status).toBe(201);
    const location = String(order.headers['location']);
    let nonce = order.headers['replay-nonce'];
    const [authz = ''] = order.json['authorizations'] as string[];
    for (const [path, payload] of [
      [location, undefined],
      [authz, undefined],
      [client.kid, {}],
      [client.kid?.replace('/account/', '/orders/'), undefined],
      [authz, { status: 'deactivated' }],
    ] as const) {
      const answer = await client.post(path ?? '', payload, { nonce });
      expect(answer.status).toBe(200);
      expect(answer.headers['replay-nonce']).toMatch(/^[A-Za-z0-9_-]{20,}$/);
      nonce = answer.headers['replay-nonce'];
    }
  });

  it('RFC 8555 7.3.6: the answer to a deactivated account has the status 401', async () => {
    const other = new HttpAcmeClient(server);
    await other.register();
    expect((await other.post(other.kid ?? '', { status: 'deactivated' })).json['status']).toBe('deactivated');
    for (const payload of [undefined, {}]) {
      const { status, json } = await other.post(other.kid ?? '', payload);
      expect([status, json['type']]).toEqual([401, 'urn:ietf:params:acme:error:unauthorized']);
    }
  });
});

it('RFC 8555 8.3, RFC 8737 3: validation goes to ports 80 and 443 where nothing else is configured', async () => {
  const { acme } = await loadConfiguration({ flags: { data: '/nowhere' }, env: {}, cwd: '/' });
  expect([acme.validation.httpPort, acme.validation.tlsPort]).toEqual([80, 443]);
});
