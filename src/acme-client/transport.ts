/**
 * HTTPS to one public CA, and to nobody else: its own trust, no redirect, no other origin whatever the CA's answers name
 * (a hostile CA sends us nowhere), a bounded length and a deadline. Nothing retries here: every try is signed anew.
 */
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { type Duration, SECOND } from '../base/clock.ts';
import { AuthorityError } from './errors.ts';

/** What acme-client expects of its HTTP layer. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed where it is JSON. */
  readonly data: unknown;
}

export interface WireRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: unknown;
}

export interface TransportOptions {
  readonly directory: URL;
  /** PEM of the roots to trust; `undefined`: the public ones. */
  readonly roots: string | undefined;
  readonly userAgent: string;
  readonly patience?: Duration;
}

const MOST = 1 << 20;
const PATIENCE: Duration = 30 * SECOND;

export class Transport {
  readonly #options: TransportOptions;
  readonly #agent: Agent;

  /** Throws `AuthorityError` for a directory that is not https. */
  constructor(options: TransportOptions) {
    this.#options = options;
    requireHttps(options.directory);
    this.#agent = new Agent({
      ...(options.roots !== undefined && { ca: options.roots }),
      keepAlive: true,
      maxSockets: 4,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
    });
  }

  /** Throws `AuthorityError` of the kind `unreachable`, or `protocol` for a URL of another origin. */
  async request(url: string, method: string, { headers, data }: WireRequest): Promise<WireResponse> {
    const target = this.#judge(url);
    const signal = AbortSignal.timeout(this.#options.patience ?? PATIENCE);
    const body = data === undefined ? undefined : JSON.stringify(data);
    try {
      const response = await this.#send(target, method, headers ?? {}, body, signal);
      const text = await readAtMost(response, target);
      return {
        status: response.statusCode ?? 0,
        headers: plainHeaders(response),
        data: parseBody(text, response.headers['content-type'] ?? ''),
      };
    } catch (error) {
      if (error instanceof AuthorityError) throw error;
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
      throw new AuthorityError('unreachable', {
        detail: `${target.host} cannot be reached: ${signal.aborted ? 'no answer in time' : code}`,
        cause: error,
      });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #judge(url: string): URL {
    let target: URL;
    try {
      target = new URL(url);
    } catch (cause) {
      throw new AuthorityError('protocol', { detail: 'the CA named a URL that cannot be read', cause });
    }
    requireHttps(target);
    if (target.origin !== this.#options.directory.origin || target.username !== '' || target.password !== '')
      throw new AuthorityError('protocol', {
        detail: `the CA named a URL of another origin (${target.origin})`,
      });
    return target;
  }

  #send(
    target: URL,
    method: string,
    headers: Readonly<Record<string, string>>,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      httpsRequest(target, {
        method: method.toUpperCase(),
        agent: this.#agent,
        signal,
        maxHeaderSize: 16 * 1024,
        headers: {
          ...headers,
          'user-agent': this.#options.userAgent,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
      })
        .once('response', resolve)
        .once('error', reject)
        .end(body);
    });
  }
}

function requireHttps({ protocol, href }: URL): void {
  // lego CVE-2025-54799: an ACME client that takes http
  if (protocol !== 'https:') throw new AuthorityError('protocol', { detail: `${href} is not https` });
}

async function readAtMost(response: IncomingMessage, { host }: URL): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MOST) {
      response.destroy();
      throw new AuthorityError('protocol', { detail: `${host} answered with over ${MOST} octets` });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const plainHeaders = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );

function parseBody(text: string, type: string): unknown {
  if (!/^application\/(?:[a-z.+-]+\+)?json\b/i.test(type)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
