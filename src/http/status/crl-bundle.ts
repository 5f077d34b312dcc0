/**
 * `/crl/<issuer>.pem`: what a service needs to refuse revoked clients by itself, as one file: the complete CRLs of all
 * generations of an issuer and those of their roots. Servers that are given a CRL want one of every CA in the chain.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { isChanceryError } from '../../base/errors.ts';
import { type Instant, SECOND } from '../../base/clock.ts';
import { fromAscii, sha256, toBase64, toHex } from '../../x509/bytes.ts';
import type { ServedCrl } from './crl.ts';
import { sendStream } from './stream.ts';

export interface CrlBundlePorts {
  readonly now: () => Instant;
  /**
   * `undefined` for an issuer that there is not. Rejects with `not_ready` where one of them is missing or has run out: a
   * part would let some revoked certificates pass, or shut good ones out.
   */
  readonly bundle: (issuer: string) => Promise<readonly ServedCrl[] | undefined>;
}

const BUNDLE = /^\/crl\/([a-z0-9][a-z0-9._-]{0,62})\.pem$/;
/** Seconds: a revocation is visible within a minute. */
const MAX_AGE = 30;
const BEGIN = '-----BEGIN X509 CRL-----\n';
const END = '-----END X509 CRL-----\n';
/** Octets of a line of PEM. */
const LINE = 48;

/** Answers requests for bundles; false for any other request, which it leaves alone. */
export function createCrlBundleHandler(ports: CrlBundlePorts) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const [, issuer] = BUNDLE.exec(request.url ?? '') ?? [];
    if (issuer === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
    request.resume();
    ports
      .bundle(issuer)
      .then((crls) =>
        crls === undefined
          ? plain(response, 404, 'there is no such issuer\n')
          : serve(ports.now(), request, response, crls),
      )
      .catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else if (isChanceryError(error))
          plain(response, 503, `${error.message}\n`, error.detail.retryAfter ?? 10);
        else plain(response, 503, 'the CRLs cannot be read\n', 10);
      });
    return true;
  };
}

async function serve(
  now: Instant,
  request: IncomingMessage,
  response: ServerResponse,
  crls: readonly ServedCrl[],
): Promise<void> {
  const left = Math.floor((Math.min(...crls.map(({ nextUpdate }) => nextUpdate)) - now) / SECOND);
  const modified = Math.max(...crls.map(({ thisUpdate }) => thisUpdate));
  const etag = `"${toHex(sha256(fromAscii(crls.map((crl) => crl.sha256).join(' ')))).slice(0, 32)}"`;
  const headers = {
    etag,
    'last-modified': new Date(modified).toUTCString(),
    'cache-control': left > 0 ? `public, max-age=${Math.min(MAX_AGE, left)}` : 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (isUnchanged(request, etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  const length = crls.reduce((sum, { size }) => sum + pemLength(size), 0);
  const type = { 'content-type': 'application/x-pem-file', 'content-length': length };
  if (request.method === 'HEAD') {
    response.writeHead(200, { ...headers, ...type }).end();
    return;
  }
  // opened before the first octet leaves: a newer CRL removes the file of the one before
  const bodies = await openAll(crls);
  response.writeHead(200, { ...headers, ...type });
  const stream = Readable.from(pem(bodies), { objectMode: false });
  stream.on('close', () => closeAll(bodies));
  sendStream(response, stream);
}

type Body = Uint8Array | Readable;

/** All or none. */
async function openAll(crls: readonly ServedCrl[]): Promise<readonly Body[]> {
  const opened = await Promise.allSettled(
    crls.map(async ({ body }) => (typeof body === 'function' ? body() : body)),
  );
  const failed = opened.find((one) => one.status === 'rejected');
  const bodies = opened.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  if (failed === undefined) return bodies;
  closeAll(bodies);
  throw failed.reason;
}

function closeAll(bodies: readonly Body[]): void {
  for (const body of bodies) if (body instanceof Readable) body.destroy();
}

/** Two lists of one second have the same time: only the ETag tells. */
const isUnchanged = ({ headers }: IncomingMessage, etag: string): boolean =>
  headers['if-none-match']
    ?.split(',')
    .some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag) === true;

function pemLength(size: number): number {
  const base64 = Math.ceil(size / 3) * 4;
  return BEGIN.length + base64 + Math.ceil(base64 / 64) + END.length;
}

async function* pem(bodies: readonly Body[]): AsyncGenerator<string> {
  for (const body of bodies) {
    yield BEGIN;
    let rest = new Uint8Array(0);
    for await (const piece of body instanceof Readable ? body : [body]) {
      const octets = Buffer.concat([rest, piece as Uint8Array]);
      const whole = octets.length - (octets.length % LINE);
      rest = octets.subarray(whole);
      if (whole > 0) yield lines(octets.subarray(0, whole));
    }
    if (rest.length > 0) yield lines(rest);
    yield END;
  }
}

const lines = (octets: Uint8Array): string => toBase64(octets).replace(/.{1,64}/g, '$&\n');

function plain(response: ServerResponse, status: number, body: string, retryAfter?: number): void {
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
