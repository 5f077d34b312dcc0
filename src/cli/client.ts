/** The HTTP API over mTLS. One connection for all calls of a command. */
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { ChanceryError } from '../base/errors.ts';
import type { Context } from './context.ts';
import { readTextFile, readTextFileIfThere } from './files.ts';
import { readProblem, RemoteError } from './problem.ts';
import { noAnswer, unreachable } from './unreachable.ts';

const TIMEOUT_SECONDS = 30;
const MAX_ANSWER_OCTETS = 64 * 1024 * 1024;

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface Client {
  readonly context: Context;
  get<Answer>(path: string, query?: Query): Promise<Answer>;
  /** Sends an Idempotency-Key of its own: what issues is not done twice. */
  post<Answer>(path: string, body: unknown): Promise<Answer>;
  put<Answer>(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<void>;
  /** The body as it comes; 30 s without an octet end it. */
  stream(path: string): Promise<IncomingMessage>;
  close(): void;
}

/** Paths are below `/api/v1`. */
export async function openClient(context: Context): Promise<Client> {
  const agent = new Agent({ keepAlive: true, minVersion: 'TLSv1.2', ...(await credentials(context)) });
  const call = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
    const answer = await send(context, agent, { method, path, body, signal });
    return (await readAnswer(context, answer)) as Answer;
  };
  return {
    context,
    get: (path, query = {}) => call('GET', withQuery(path, query)),
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    delete: (path) => call('DELETE', path),
    stream: async (path) => {
      const answer = await send(context, agent, { method: 'GET', path });
      if (answer.statusCode !== 200) await readAnswer(context, answer);
      return answer;
    },
    close: () => agent.destroy(),
  };
}

async function credentials(context: Context, mayRetry = true): Promise<AgentOptions> {
  const { roots, login } = context;
  const [ca, leaf, chain, key] = await Promise.all([
    roots === undefined ? context.rootsPem : readTextFile(roots),
    login && readTextFile(login.certificate),
    login?.chain === undefined ? '' : readTextFileIfThere(login.chain),
    login && readTextFile(login.key),
  ]);
  if (login !== undefined && !fits(leaf, key) && mayRetry) {
    // another command may just be replacing the pair
    await setTimeout(100);
    return credentials(context, false);
  }
  // an empty trust file must not mean "whatever Node trusts"
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----'))
    throw new ChanceryError('invalid_configuration', {
      message: `${roots ?? ''} holds no certificate`,
      rule: 'the roots are a PEM file with at least one certificate',
      fix: 'Take it from the server again: `<data>/roots.pem`.',
    });
  const cert = leaf === undefined ? undefined : leaf + (chain ?? '');
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

function fits(certificate = '', key = ''): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return true; // the handshake tells what is wrong with it
  }
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

function send(
  context: Context,
  agent: Agent,
  { method, path, body, signal }: Call,
): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const url = new URL(`${context.server.pathname.replace(/\/$/, '')}/api/v1${path}`, context.server);
  return new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(url, {
      agent,
      method,
      headers: {
        accept: 'application/json',
        'user-agent': 'chancery-cli',
        ...(context.bearer !== undefined && { authorization: `Bearer ${context.bearer}` }),
        ...(payload !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
          'idempotency-key': randomUUID(),
        }),
      },
      timeout: TIMEOUT_SECONDS * 1000,
      ...(signal && { signal }),
    });
    outgoing.once('timeout', () => outgoing.destroy(noAnswer(context, TIMEOUT_SECONDS)));
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(payload);
  }).catch((cause: unknown) => {
    throw lost(context, cause); // the request, or already reading the certificate and key
  });
}

/** A failure of the connection, whichever way Node tells it. */
export function lost(context: Context, cause: unknown): Error {
  if (cause instanceof ChanceryError) return cause;
  const { name, code } = cause as NodeJS.ErrnoException;
  if (name === 'AbortError' || name === 'TimeoutError') return noAnswer(context, TIMEOUT_SECONDS);
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
    return new ChanceryError('invalid_configuration', {
      message: `${context.login?.key ?? 'the key'} is not the key of ${context.login?.certificate ?? 'the certificate'}`,
      fix: 'Name a certificate and its own key.',
    });
  if (code !== undefined && /^ERR_OSSL_(?:PEM|ASN1|UNSUPPORTED|EVP)/.test(code))
    return new ChanceryError('invalid_configuration', {
      message: `the certificate, key or roots of ${context.origin} cannot be read (${code})`,
      rule: 'PEM files; the key is an unencrypted PKCS#8',
      fix: 'Check the files that it names.',
    });
  return unreachable(context, cause);
}

async function readAnswer(context: Context, answer: IncomingMessage): Promise<unknown> {
  const status = answer.statusCode ?? 0;
  const text = await readText(context, answer);
  if (status === 204) return undefined;
  const value = parseJson(text);
  if (status >= 200 && status < 300 && value !== undefined) return value;
  const retryAfter = Number(answer.headers['retry-after']);
  if (status >= 400 && typeof value === 'object' && value !== null)
    throw new RemoteError(status, readProblem(value), Number.isFinite(retryAfter) ? retryAfter : undefined);
  throw new RemoteError(status, {
    detail: `${context.server.origin} answered ${status} with something that is not of this API`,
    fix: `Check the URL, and what stands between; it comes from ${context.origin}.`,
  });
}

async function readText(context: Context, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > MAX_ANSWER_OCTETS)
        throw new RemoteError(0, { detail: 'the answer is larger than 64 MiB' });
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof RemoteError ? cause : lost(context, cause);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
}
