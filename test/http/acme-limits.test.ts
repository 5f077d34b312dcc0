import { Agent } from 'node:https';
import { Client, axios, crypto as keys } from 'acme-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpAcmeClient, JOSE } from '../support/acme-http.ts';
import { accountKey, signed } from '../support/acme.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const TERMS = 'https://ca.example.test/terms';
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(`
grants:
  - { name: acme-hosts, principal: "acme:**", verbs: [issue], issuer: servers, profiles: [server], dns: ["**.example.test"] }
acme:
  terms: ${TERMS}
  website: https://ca.example.test/
  limits: { accountsPerAddress: 3/6s, ordersPerAccount: 1/1h }`);
});
afterAll(() => server.stop());

const agreed = { termsOfServiceAgreed: true };

async function untilRefused(): Promise<HttpAcmeClient> {
  for (;;) {
    const client = new HttpAcmeClient(server);
    if ((await client.register(agreed)).status === 429) return client;
  }
}

describe('rate limits over HTTPS', () => {
  it('RFC 8555 7.1.1: terms and website stand in the directory', async () => {
    const { json } = await new HttpAcmeClient(server).get('directory');
    expect(json['meta']).toMatchObject({ termsOfService: TERMS, website: 'https://ca.example.test/' });
  });

  it('RFC 8555 7.3.3: who does not agree to the terms is shown where they are', async () => {
    const refused = await new HttpAcmeClient(server).register();
    expect(refused.status).toBe(403);
    expect(refused.headers['link']).toContain(`<${TERMS}>;rel="terms-of-service"`);
    expect(refused.json).toMatchObject({
      type: 'urn:ietf:params:acme:error:userActionRequired',
      instance: TERMS,
    });
  });

  it('RFC 8555 6.6: over the limit is 429 with Retry-After', async () => {
    const client = new HttpAcmeClient(server);
    await client.register(agreed);
    const order = { identifiers: [{ type: 'dns', value: 'www.example.test' }] };
    expect((await client.post('new-order', order)).status).toBe(201);
    const refused = await client.post('new-order', order);
    expect([refused.status, refused.headers['content-type']]).toEqual([429, 'application/problem+json']);
    expect(refused.json['type']).toBe('urn:ietf:params:acme:error:rateLimited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3590);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(3600);
    expect(refused.headers['replay-nonce']).toBeDefined();
  });

  it('the address is that of the connection: a header that names another one changes nothing', async () => {
    const client = await untilRefused();
    const key = accountKey();
    const url = client.url('new-account');
    const header = { alg: key.alg, nonce: await client.nonce(), url, jwk: key.jwk };
    const refused = await client.send(url, JSON.stringify(signed(key, header, agreed)), {
      ...JOSE,
      'x-forwarded-for': '192.0.2.77',
      'x-real-ip': '192.0.2.77',
      forwarded: 'for=192.0.2.77',
    });
    expect(refused.json).toMatchObject({ detail: 'too many new accounts from 127.0.0.1' });
  });

  it('acme-client waits as long as Retry-After says and gets its account', async () => {
    await untilRefused();
    axios.defaults.httpsAgent = new Agent({ ca: server.roots, keepAlive: false });
    const client = new Client({
      directoryUrl: `${server.server.urls.https}/acme/servers/directory`,
      accountKey: await keys.createPrivateEcdsaKey(),
    });
    const began = performance.now();
    const account = await client.createAccount(agreed);
    expect(account.status).toBe('valid');
    expect(performance.now() - began).toBeGreaterThan(900);
  });
});
