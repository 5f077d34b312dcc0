/** A whole server inside the test's process, on free ports and in a folder of its own. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfiguration } from '../../src/config/index.ts';
import { initializeAuthority, type RootsAway } from '../../src/server/initialize.ts';
import { type RunningServer, startServer } from '../../src/server/run.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { exportPkcs8, generateKeyPair, type KeyAlgorithm, signWith } from '../../src/x509/key-pair.ts';
import { assembleRequest, encodeRequestInfo } from '../../src/x509/csr.ts';
import { type Extension, subjectAltName } from '../../src/x509/extensions.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import type { NameKind } from '../../src/x509/general-name.ts';
import type { Log } from '../../src/base/log.ts';
import { freePorts } from './free-ports.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface Login {
  readonly cert: string;
  readonly key: string;
}

export interface AskOptions {
  /** `null`: no client certificate. Left out: the admin's. */
  readonly login?: Login | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  /** Sent as it is instead of JSON. */
  readonly raw?: string | Buffer;
}

export interface TestServer {
  readonly data: string;
  readonly server: RunningServer;
  readonly admin: Login;
  readonly roots: string;
  readonly logged: readonly string[];
  ask(method: string, path: string, body?: unknown, options?: AskOptions): Promise<Answer>;
  agentFor(login: Login | null): Agent;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export const TRUST_DOMAIN = 'example.test';

/** `extra` is appended to the configuration; `away` is where the roots go that are not to stay in the data folder. */
export async function startTestServer(extra = '', away?: RootsAway): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'chancery-'));
  const data = join(folder, 'data');
  const [https, status, metrics] = await freePorts(3);
  const file = join(folder, 'chancery.yaml');
  await writeFile(
    file,
    `trustDomain: ${TRUST_DOMAIN}\nlisten: { https: "127.0.0.1:${https}", status: "127.0.0.1:${status}", metrics: "127.0.0.1:${metrics}" }\n${extra}\n`,
  );
  const config = await loadConfiguration({ flags: { config: file, data }, env: {}, cwd: folder });
  const logged: string[] = [];
  const log = memoryLog(logged);
  await initializeAuthority(config, log, away);
  let server = await startServer(config, log);
  const admin = {
    cert: await readFile(join(data, 'admin', 'cert.pem'), 'utf8'),
    key: await readFile(join(data, 'admin', 'key.pem'), 'utf8'),
  };
  const roots = await readFile(join(data, 'roots.pem'), 'utf8');
  const agents: Agent[] = [];
  const agentFor = (login: Login | null): Agent => {
    const agent = new Agent({ ca: roots, ...login, keepAlive: false });
    agents.push(agent);
    return agent;
  };
  return {
    data,
    get server() {
      return server;
    },
    admin,
    roots,
    logged,
    agentFor,
    ask: (method, path, body, options = {}) =>
      ask(
        https ?? 0,
        method,
        path,
        body,
        options.agent ?? agentFor(options.login === undefined ? admin : options.login),
        options,
      ),
    async restart() {
      await server.stop();
      server = await startServer(config, log);
    },
    async stop() {
      for (const agent of agents) agent.destroy();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function memoryLog(lines: string[]): Log {
  const write = (level: string) => (message: string, fields?: object) =>
    void lines.push(JSON.stringify({ level, message, ...fields }));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function ask(
  port: number,
  method: string,
  path: string,
  body: unknown,
  agent: Agent,
  { headers, raw }: AskOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const outgoing = request(
      {
        host: 'localhost',
        port,
        method,
        path,
        agent,
        headers: {
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          let json: Record<string, unknown> = {};
          try {
            json = JSON.parse(text) as Record<string, unknown>;
          } catch {
            // not every answer is JSON
          }
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

export interface TestRequest {
  readonly csr: string;
  readonly key: string;
}

/** A CSR with these names, and its key. */
export async function makeCsr(
  names: readonly { readonly kind: NameKind; readonly value: string }[],
  options: { readonly algorithm?: KeyAlgorithm; readonly extensions?: readonly Extension[] } = {},
): Promise<TestRequest> {
  const pair = await generateKeyPair(options.algorithm ?? 'ecdsa-p256');
  const extensions = [
    ...(names.length === 0 ? [] : [subjectAltName(names, true)]),
    ...(options.extensions ?? []),
  ];
  const info = encodeRequestInfo({ subject: EMPTY_NAME, spki: pair.publicKey.spki, extensions });
  const der = assembleRequest(
    info,
    signatureAlgorithmFor(pair.publicKey.type).identifier,
    signWith(pair, info),
  );
  return {
    csr: encodePem('CERTIFICATE REQUEST', der),
    key: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)),
  };
}

/** A login out of an issued certificate. */
export const loginOf = (issued: Record<string, unknown>, key: string): Login => ({
  cert: String(issued['certificate']) + (issued['chain'] as string[]).join(''),
  key,
});
