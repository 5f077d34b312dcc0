/** ACME clients in a closed loop: whole http-01 orders over HTTPS, judged by the CPU time of the server's process tree. */
import { type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { Agent, request } from 'node:https';
import { makeRequest } from '../support/request.ts';
import { keyOf } from '../support/keys.ts';
import { b64 } from '../support/acme.ts';
import { pause } from '../support/spawned-server.ts';
import type { Measured } from './load.ts';
import { treeUsage } from './process-tree.ts';

/** How often an authorization is looked at while it is pending. */
const POLL = 5;
/** Looks at one authorization before the order counts as failed. */
const PATIENCE = 400;

const TRIES = 10;

export interface AcmeTarget {
  readonly label: string;
  readonly pid: number;
  readonly directory: string;
  /** PEM of the server's root; left out: whoever answers is believed. */
  readonly ca?: string;
}

export interface AcmeMeasured extends Measured {
  /** HTTP requests for an order. */
  readonly asked: number;
}

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly text: string;
}

type Json = Readonly<Record<string, unknown>>;

/** Where challenges are looked for: answers of all clients, by token. */
export class ChallengeResponder {
  readonly #answers = new Map<string, string>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(address: string, port: number): Promise<ChallengeResponder> {
    const server = createServer((incoming, response) => {
      const answer = self.#answers.get((incoming.url ?? '').split('/').at(-1) ?? '');
      response.writeHead(answer === undefined ? 404 : 200).end(answer);
    });
    const self = new ChallengeResponder(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
    return self;
  }

  put(token: string, answer: string): void {
    this.#answers.set(token, answer);
  }

  drop(token: string): void {
    this.#answers.delete(token);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let names = 0;
const base = process.pid;

/** One account, used by any number of connections. */
export class AcmeLoad {
  readonly target: AcmeTarget;
  readonly #responder: ChallengeResponder;
  readonly #agents = new Map<number, Agent>();
  readonly #nonces: string[] = [];
  readonly #suffix: string;
  #directory: Json = {};
  #privateKey: KeyObject | undefined;
  #jwk: Json = {};
  #thumbprint = '';
  #kid = '';
  #asked = 0;
  /** Why orders failed. */
  readonly failures: string[] = [];

  constructor(target: AcmeTarget, responder: ChallengeResponder, suffix: string) {
    this.target = target;
    this.#responder = responder;
    this.#suffix = suffix;
  }

  async register(): Promise<void> {
    const { privateKey, publicKey } = await keyOf('ecdsa-p256', `account of ${this.target.label}`);
    this.#privateKey = privateKey;
    const { crv, kty, x, y } = publicKey.keyObject.export({ format: 'jwk' });
    this.#jwk = { crv, kty, x, y };
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(JSON.stringify(this.#jwk)));
    this.#thumbprint = b64(new Uint8Array(digest));
    const agent = this.#agent(1);
    this.#directory = parse(await this.#ask(agent, 'GET', this.target.directory));
    const made = await this.#post(agent, this.#url('newAccount'), { termsOfServiceAgreed: true });
    if (made.location === '')
      throw new Error(`${this.target.label}: no account: ${made.status} ${made.text}`);
    this.#kid = made.location;
  }

  /** Orders for a time. */
  async runFor(connections: number, milliseconds: number): Promise<AcmeMeasured> {
    const until = performance.now() + milliseconds;
    return this.#run(connections, () => performance.now() < until);
  }

  /** So many orders. */
  async runOrders(connections: number, orders: number): Promise<AcmeMeasured> {
    let left = orders;
    return this.#run(connections, () => left-- > 0);
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #run(connections: number, goOn: () => boolean): Promise<AcmeMeasured> {
    const agent = this.#agent(connections);
    const before = treeUsage(this.target.pid);
    const started = performance.now();
    const asked = this.#asked;
    const times: number[] = [];
    let failed = 0;
    const client = async (): Promise<void> => {
      while (goOn()) {
        const begin = performance.now();
        try {
          await this.#order(agent);
          times.push(performance.now() - begin);
        } catch (error) {
          failed++;
          if (this.failures.length < 5) this.failures.push(String(error));
        }
      }
    };
    await Promise.all(Array.from({ length: connections }, client));
    const seconds = (performance.now() - started) / 1000;
    const after = treeUsage(this.target.pid);
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return {
      requests: times.length,
      failed,
      seconds,
      cpuSeconds: after.cpuSeconds - before.cpuSeconds,
      rssMiB: after.rssMiB,
      p50: at(0.5),
      p99: at(0.99),
      asked: (this.#asked - asked) / Math.max(1, times.length),
    };
  }

  /** From newOrder to the certificate in hand. Throws with what went wrong. */
  async #order(agent: Agent): Promise<void> {
    const name = `n${base}-${names++}.${this.#suffix}`;
    const post = async (what: string, url: unknown, payload?: unknown): Promise<Answer> => {
      const answer = await this.#post(agent, String(url), payload);
      if (answer.status >= 300) throw new Error(`${what}: ${answer.status} ${answer.text}`);
      return answer;
    };
    const made = await post('newOrder', this.#url('newOrder'), {
      identifiers: [{ type: 'dns', value: name }],
    });
    const order = parse(made);
    for (const url of order['authorizations'] as string[]) await this.#authorize(post, url);
    const csr = b64(
      makeRequest(await keyOf('ecdsa-p256', 'bench leaf'), { names: [{ kind: 'dns', value: name }] }),
    );
    let done = parse(await post('finalize', order['finalize'], { csr }));
    for (let i = 0; done['status'] === 'processing' && i < PATIENCE; i++) {
      await pause(POLL);
      done = parse(await post('order', made.location));
    }
    const { text } = await post('certificate', done['certificate']);
    if (!text.startsWith('-----BEGIN CERTIFICATE-----')) throw new Error(`no certificate: ${text}`);
  }

  async #authorize(
    post: (what: string, url: unknown, payload?: unknown) => Promise<Answer>,
    url: string,
  ): Promise<void> {
    const { challenges } = parse(await post('authorization', url)) as {
      readonly challenges?: readonly {
        readonly type: string;
        readonly url: string;
        readonly token: string;
      }[];
    };
    const challenge = challenges?.find(({ type }) => type === 'http-01');
    if (challenge === undefined) throw new Error('no http-01');
    this.#responder.put(challenge.token, `${challenge.token}.${this.#thumbprint}`);
    try {
      await post('challenge', challenge.url, {});
      for (let i = 0; i < PATIENCE; i++) {
        const answer = await post('poll', url);
        const { status } = parse(answer);
        if (status === 'valid') return;
        if (status !== 'pending') throw new Error(`authorization: ${answer.text}`);
        await pause(POLL);
      }
      throw new Error('the authorization stays pending');
    } finally {
      this.#responder.drop(challenge.token);
    }
  }

  #url(resource: string): string {
    return String(this.#directory[resource]);
  }

  #agent(connections: number): Agent {
    let agent = this.#agents.get(connections);
    if (agent === undefined) {
      const { ca } = this.target;
      agent = new Agent({
        ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
        keepAlive: true,
        maxSockets: connections,
      });
      this.#agents.set(connections, agent);
    }
    return agent;
  }

  /** Signed; again where the server did not take the nonce, or failed inside, as good clients do. */
  async #post(agent: Agent, url: string, payload?: unknown): Promise<Answer> {
    let answer: Answer | undefined;
    for (let tries = 0; tries < TRIES; tries++) {
      const nonce = this.#nonces.pop() ?? (await this.#freshNonce(agent));
      const key = this.#kid === '' ? { jwk: this.#jwk } : { kid: this.#kid };
      const head = b64(JSON.stringify({ alg: 'ES256', nonce, url, ...key }));
      const body = payload === undefined ? '' : b64(JSON.stringify(payload));
      const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
        key: this.#privateKey as KeyObject,
        dsaEncoding: 'ieee-p1363',
      });
      const jws = JSON.stringify({ protected: head, payload: body, signature: b64(signature) });
      answer = await this.#ask(agent, 'POST', url, jws);
      if (answer.status >= 500) await pause(1);
      else if (answer.status !== 400 || !answer.text.includes('badNonce')) return answer;
    }
    throw new Error(`${TRIES} tries at ${url}: ${answer?.text ?? ''}`);
  }

  async #freshNonce(agent: Agent): Promise<string> {
    await this.#ask(agent, 'HEAD', this.#url('newNonce'));
    const nonce = this.#nonces.pop();
    if (nonce === undefined) throw new Error('no nonce');
    return nonce;
  }

  #ask(agent: Agent, method: string, url: string, body?: string): Promise<Answer> {
    this.#asked++;
    return new Promise((resolve, reject) => {
      const outgoing = request(
        url,
        {
          agent,
          method,
          timeout: 30_000,
          headers:
            body === undefined
              ? {}
              : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) },
        },
        (answer) => {
          const nonce = answer.headers['replay-nonce'];
          if (typeof nonce === 'string') this.#nonces.push(nonce);
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => (text += chunk));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, location: answer.headers.location ?? '', text }),
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within 30 s: ${method} ${url}`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

const parse = ({ text }: Answer): Json => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Error(`not JSON: ${text.slice(0, 200)}`);
  }
};
