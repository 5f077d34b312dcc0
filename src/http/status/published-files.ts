/**
 * Files of a publication over plain HTTP, with no authority behind them: the paths, types and headers of the status
 * listener. A CRL that has run out is handed out all the same, and nobody may keep it: what it names stays revoked, and
 * relying parties see its age (RFC 5280 6.3.3). An OCSP answer that has run out is not (RFC 5019 2.2.4: tryLater).
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { type Clock, type Instant, SECOND } from '../../base/clock.ts';
import type { OcspAnswer } from '../../domain/revocation/ocsp-answers.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { Readiness } from './listener.ts';
import { createOcspHandler } from './ocsp.ts';
import { sendStream } from './stream.ts';

export interface PublishedFile {
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
  readonly size: number;
  readonly modifiedAt: Instant;
  /** Of a CRL. */
  readonly nextUpdate: Instant | undefined;
  readonly open: () => Readable;
  /** Where it is not opened. */
  readonly close: () => Promise<void>;
}

export interface PublishedFilesPorts {
  readonly clock: Clock;
  /** `undefined` where there is no such file. */
  readonly file: (path: string) => Promise<PublishedFile | undefined>;
  readonly ocsp: (request: Bytes) => Promise<OcspAnswer>;
  readonly readiness: () => Promise<Readiness>;
  /** What could not be answered, and why. */
  readonly failed: (error: unknown) => void;
}

const NAME = '[a-z0-9][a-z0-9._-]{0,62}';
const TYPES: readonly (readonly [path: RegExp, type: string, maxAge: number])[] = [
  [new RegExp(`^/issuers/${NAME}\\.crt$`), 'application/pkix-cert', 3600],
  [new RegExp(`^/crl/(?:${NAME}/)?${NAME}\\.crl$`), 'application/pkix-crl', 30],
  [new RegExp(`^/crl/${NAME}\\.pem$`), 'application/x-pem-file', 30],
  [/^\/manifest\.json$/, 'application/json', 0],
];

export function createPublishedFilesListener(ports: PublishedFilesPorts): RequestListener {
  const { clock, ocsp, failed } = ports;
  const answered = createOcspHandler({ clock, answer: ocsp });
  return (request, response) => {
    if (answered(request, response)) return;
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      plain(request, response, 405, 'only GET and HEAD\n', { allow: 'GET, HEAD' });
      return;
    }
    answer(ports, request, response).catch((error: unknown) => {
      failed(error);
      if (response.headersSent) response.destroy();
      else plain(request, response, 503, 'the file cannot be read now\n', { 'retry-after': '10' });
    });
  };
}

async function answer(
  ports: PublishedFilesPorts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? '';
  if (url === '/healthz') return plain(request, response, 200, 'ok\n');
  if (url === '/readyz') {
    const { ready, reasons } = await ports.readiness();
    const lines = reasons.map((reason) => `${reason}\n`).join('');
    return ready
      ? plain(request, response, 200, 'ready\n')
      : plain(request, response, 503, `not ready\n${lines}`);
  }
  const kind = TYPES.find(([path]) => path.test(url));
  const file = kind && (await ports.file(url.slice(1)));
  if (kind === undefined || file === undefined)
    return plain(request, response, 404, 'there is nothing at this path\n');
  const [, type, longest] = kind;
  const left = file.nextUpdate === undefined ? longest : (file.nextUpdate - ports.clock.now()) / SECOND;
  const maxAge = Math.max(0, Math.min(longest, Math.floor(left)));
  const etag = `"${file.sha256.slice(0, 32)}"`;
  const headers = {
    etag,
    'last-modified': new Date(file.modifiedAt).toUTCString(),
    'cache-control': maxAge > 0 ? `public, max-age=${maxAge}` : 'no-store',
    'x-content-type-options': 'nosniff',
  };
  const unchanged = isUnchanged(request, etag, file.modifiedAt);
  if (unchanged || request.method === 'HEAD') {
    await file.close();
    response.writeHead(
      unchanged ? 304 : 200,
      unchanged ? headers : { ...headers, 'content-type': type, 'content-length': file.size },
    );
    response.end();
    return;
  }
  response.writeHead(200, { ...headers, 'content-type': type, 'content-length': file.size });
  sendStream(response, file.open());
}

/** RFC 9110 13.2.2: If-Modified-Since counts only where there is no If-None-Match. */
function isUnchanged({ headers }: IncomingMessage, etag: string, modified: Instant): boolean {
  const known = headers['if-none-match'];
  if (known !== undefined)
    return known.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
  const since = headers['if-modified-since'];
  const time = since === undefined ? NaN : Date.parse(since);
  return !Number.isNaN(time) && Math.floor(modified / SECOND) * SECOND <= time;
}

function plain(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
