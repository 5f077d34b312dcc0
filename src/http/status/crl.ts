/** CRLs over plain HTTP (RFC 2585 4.2): conditional, cached for a short time, and never one that has run out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { isChanceryError } from '../../base/errors.ts';
import { type Instant, SECOND } from '../../base/clock.ts';
import type { CrlScope } from '../../domain/revocation/ports.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { sendStream } from './stream.ts';

export interface ServedCrl {
  readonly number: bigint;
  /** SHA-256 of the CRL, hexadecimal. */
  readonly sha256: string;
  readonly size: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** Its octets; a long one is read from its file. */
  readonly body: Bytes | (() => Promise<Readable>);
}

export interface CrlPorts {
  readonly now: () => Instant;
  /**
   * `undefined` for a generation or scope that there is not. One that has run out is built anew first; rejects with
   * `not_ready` where that does not succeed.
   */
  readonly crl: (generation: string, scope: CrlScope) => Promise<ServedCrl | undefined>;
  /** Likewise for a root. */
  readonly rootCrl: (root: string) => Promise<ServedCrl | undefined>;
}

const NAME = '[a-z0-9][a-z0-9._-]{0,62}';
const ISSUER_CRL = new RegExp(`^/crl/(${NAME})/(full|0|[1-9]\\d{0,3})\\.crl$`);
const ROOT_CRL = new RegExp(`^/crl/(${NAME})\\.crl$`);
/** Seconds: a revocation is visible within a minute. */
const MAX_AGE = 30;

/** Answers requests for CRLs; false for any other request, which it leaves alone. */
export function createCrlHandler(ports: CrlPorts) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const url = request.url ?? '';
    if (!url.startsWith('/crl/') || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
    const [, generation, scope] = ISSUER_CRL.exec(url) ?? [];
    const [, root] = ROOT_CRL.exec(url) ?? [];
    if (generation === undefined && root === undefined) return false;
    request.resume();
    find(ports, generation, scope, root)
      .then((crl) =>
        crl === undefined
          ? plain(response, 404, 'there is no such CRL\n')
          : serve(ports, request, response, crl),
      )
      .catch((error: unknown) => {
        failed(response, error);
      });
    return true;
  };
}

async function find(
  ports: CrlPorts,
  generation: string | undefined,
  scope: string | undefined,
  root: string | undefined,
): Promise<ServedCrl | undefined> {
  if (root !== undefined) return ports.rootCrl(root);
  return generation === undefined || scope === undefined
    ? undefined
    : ports.crl(generation, scope === 'full' ? 'full' : Number(scope));
}

async function serve(
  { now }: CrlPorts,
  request: IncomingMessage,
  response: ServerResponse,
  crl: ServedCrl,
): Promise<void> {
  const left = Math.floor((crl.nextUpdate - now()) / SECOND);
  const etag = `"${crl.sha256.slice(0, 32)}"`;
  const headers = {
    etag,
    'last-modified': new Date(crl.thisUpdate).toUTCString(),
    'cache-control': left > 0 ? `public, max-age=${Math.min(MAX_AGE, left)}` : 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (isUnchanged(request, etag, crl.thisUpdate)) {
    response.writeHead(304, headers).end();
    return;
  }
  const body =
    request.method === 'HEAD' ? undefined : typeof crl.body === 'function' ? await crl.body() : crl.body;
  response.writeHead(200, {
    ...headers,
    'content-type': 'application/pkix-crl',
    'content-length': crl.size,
  });
  if (body === undefined || body instanceof Uint8Array) {
    response.end(body);
    return;
  }
  sendStream(response, body);
}

/** RFC 9110 13.2.2: If-Modified-Since counts only where there is no If-None-Match. */
function isUnchanged({ headers }: IncomingMessage, etag: string, modified: Instant): boolean {
  const known = headers['if-none-match'];
  if (known !== undefined)
    return known.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
  const since = headers['if-modified-since'];
  const time = since === undefined ? NaN : Date.parse(since);
  return !Number.isNaN(time) && modified <= time;
}

function plain(response: ServerResponse, status: number, body: string, retryAfter?: number): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(body);
}

function failed(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const retryAfter = isChanceryError(error) ? (error.detail.retryAfter ?? 10) : 10;
  plain(response, 503, 'the CRL has run out and the next one is not there yet\n', retryAfter);
}
