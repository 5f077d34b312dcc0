/** finalize is one transaction: wherever the process dies, an order has its one certificate or can still get it. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { b64, binding, csrFor } from '../support/acme.ts';
import { type AcmeHost, HttpAcmeClient } from '../support/acme-http.ts';
import type { Answer } from '../support/running-server.ts';
import {
  adminClient,
  type Client,
  type Installation,
  install,
  pause,
  spawnServer,
} from '../support/spawned-server.ts';

const KILLS = 20;
const CLIENTS = 6;
/** 30 ms between "written" and "durable", in which a kill finds the finalizations of all clients. */
const WINDOW = [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  'trace=fsync,fdatasync',
  '-e',
  'inject=fsync,fdatasync:delay_enter=30000',
];
const CONFIGURATION = `
grants:
  - { name: acme-hosts, principal: "acme:**", verbs: [issue], issuer: servers, profiles: [server], dns: ["**.example.test"] }`;

interface Begun {
  readonly name: string;
  readonly client: HttpAcmeClient;
  readonly url: string;
  /** URL of the certificate, where finalize was answered. */
  certificate?: string;
}

let at: Installation;
afterAll(() => at.remove());

test(
  `kill -9 in finalize, ${KILLS} times under ${CLIENTS} clients: no order stays processing, none has two certificates, none loses its own`,
  { timeout: 600_000 },
  async () => {
    at = await install(CONFIGURATION);
    const host = await hostOf(at);
    const first = await spawnServer(at);
    const clients = await register(host, await adminClient(at));
    expect(await first.kill('SIGTERM')).toBe(0);
    const begun: Begun[] = [];
    let unanswered = 0;
    for (let round = 0; round < KILLS; round++) {
      const server = await spawnServer(at, WINDOW);
      const pid = await serverPid(server.process.pid ?? 0);
      const work = clients.map((client, n) => orderUntilItDies(client, `r${round}-c${n}`, begun));
      await pause(250 + (round % 10) * 37);
      process.kill(pid, 'SIGKILL');
      await server.ended;
      await Promise.all(work);
    }
    const after = await spawnServer(at);
    const ask = await adminClient(at);
    for (const one of begun) {
      const { json } = await one.client.post(one.url);
      expect(['ready', 'valid'], one.name).toContain(json['status']);
      if (one.certificate === undefined) unanswered++;
      else expect(json['certificate'], `answered and lost: ${one.name}`).toBe(one.certificate);
      const certificate = json['status'] === 'valid' ? json['certificate'] : await finish(one);
      expect((await one.client.post(String(certificate))).status).toBe(200);
      const found = await ask('GET', `/api/v1/certificates?name=${one.name}`);
      expect(found.json['certificates'], one.name).toHaveLength(1);
    }
    // the kills met finalizations that were under way, and finalizations that had ended
    expect(unanswered).toBeGreaterThan(KILLS / 2);
    expect(begun.length).toBeGreaterThan(unanswered);
    expect(await after.kill('SIGTERM')).toBe(0);
  },
);

/** Orders and finalizes, one after the other, until nobody answers. */
async function orderUntilItDies(client: HttpAcmeClient, prefix: string, begun: Begun[]): Promise<void> {
  try {
    for (let n = 0; ; n++) {
      const name = `${prefix}-${n}.example.test`;
      const order = await client.post('new-order', { identifiers: [{ type: 'dns', value: name }] });
      if (order.status !== 201) throw new Error(`newOrder: ${order.status} ${order.text}`);
      const one: Begun = { name, client, url: String(order.headers['location']) };
      begun.push(one);
      const done = await client.post(String(order.json['finalize']), { csr: b64(await csrFor([name])) });
      expect(done.json['status'], done.text).toBe('valid');
      one.certificate = String(done.json['certificate']);
    }
  } catch (error) {
    // a handshake that was cut off says so in its code only
    const said = `${String(error)} ${String((error as NodeJS.ErrnoException).code)}`;
    if (!/ECONNRESET|ECONNREFUSED|socket hang up|EPIPE/.test(said)) throw error;
  }
}

async function finish({ client, url, name }: Begun): Promise<unknown> {
  const done = await client.post(`${url}/finalize`, { csr: b64(await csrFor([name])) });
  expect(done.status, done.text).toBe(200);
  return done.json['certificate'];
}

/** Accounts whose names need no challenge: an order is ready at once, and finalize is what the kills meet. */
async function register(host: AcmeHost, ask: Client): Promise<HttpAcmeClient[]> {
  const key = await ask('POST', '/api/v1/acme/external-keys', {
    issuer: 'servers',
    preauthorized: { dns: ['**.example.test'] },
  });
  expect(key.status).toBe(201);
  const macKey = Buffer.from(String(key.json['hmacKey']), 'base64url');
  return Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = new HttpAcmeClient(host);
      const header = { url: client.url('new-account') };
      const externalAccountBinding = binding(String(key.json['kid']), macKey, client.key, { header });
      expect((await client.register({ externalAccountBinding })).status).toBe(201);
      return client;
    }),
  );
}

/** A new connection for each request: one that outlived a kill would be somebody else's fault. */
async function hostOf({ data, https }: Installation): Promise<AcmeHost> {
  const ca = await readFile(join(data, 'roots.pem'), 'utf8');
  const agent = new Agent({ ca, keepAlive: false });
  return {
    server: { urls: { https: `https://localhost:${https}` } },
    ask: (method, path, _body, { raw, headers } = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const outgoing = request(
          { host: 'localhost', port: https, path, method, agent, headers },
          (answer) => {
            let text = '';
            answer.setEncoding('utf8');
            answer.on('data', (chunk: string) => (text += chunk));
            answer.on('error', reject);
            answer.on('end', () =>
              resolve({
                status: answer.statusCode ?? 0,
                headers: answer.headers,
                text,
                json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
              }),
            );
          },
        );
        outgoing.on('error', reject);
        outgoing.end(raw);
      }),
  };
}

/** strace's child is the server. */
async function serverPid(tracer: number): Promise<number> {
  const children = await readFile(`/proc/${tracer}/task/${tracer}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}
