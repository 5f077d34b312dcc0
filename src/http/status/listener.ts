/** The status listener: plain HTTP for relying parties and probes. It says nothing that is not public. */
import type { RequestListener } from 'node:http';
import type { Bytes } from '../../x509/bytes.ts';
import { createCrlHandler, type CrlPorts } from './crl.ts';
import { type CrlBundlePorts, createCrlBundleHandler } from './crl-bundle.ts';
import { createOcspHandler, type OcspPorts } from './ocsp.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one line each; without secrets. */
  readonly reasons: readonly string[];
}

export interface StatusPorts {
  /** DER of a generation's or root's certificate. */
  readonly certificate: (id: string) => Bytes | undefined;
  readonly crls: CrlPorts;
  readonly crlBundles: CrlBundlePorts;
  readonly readiness: () => Readiness;
  readonly ocsp: OcspPorts;
}

const CERTIFICATE = /^\/issuers\/([a-z0-9][a-z0-9._-]{0,62})\.crt$/;

export function createStatusListener(ports: StatusPorts): RequestListener {
  const ocsp = createOcspHandler(ports.ocsp);
  const crl = createCrlHandler(ports.crls);
  const crlBundle = createCrlBundleHandler(ports.crlBundles);
  return (request, response) => {
    if (ocsp(request, response) || crl(request, response) || crlBundle(request, response)) return;
    const reply = answer(ports, request.url ?? '');
    const allowed = request.method === 'GET' || request.method === 'HEAD';
    const { status, type, body, maxAge } = allowed
      ? reply
      : { ...text(405, 'only GET and HEAD\n'), maxAge: 0 };
    request.resume();
    response.writeHead(status, {
      'content-type': type,
      'content-length': body.length,
      'cache-control': maxAge > 0 ? `public, max-age=${maxAge}` : 'no-store',
      'x-content-type-options': 'nosniff',
      ...(allowed ? {} : { allow: 'GET, HEAD' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Bytes;
  readonly maxAge: number;
}

const text = (status: number, body: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: Buffer.from(body),
  maxAge: 0,
});

function answer(ports: StatusPorts, url: string): Answer {
  if (url === '/healthz') return text(200, 'ok\n');
  if (url === '/readyz') {
    const { ready, reasons } = ports.readiness();
    return ready
      ? text(200, 'ready\n')
      : text(503, `not ready\n${reasons.map((reason) => `${reason}\n`).join('')}`);
  }
  const id = CERTIFICATE.exec(url)?.[1];
  const der = id === undefined ? undefined : ports.certificate(id);
  // RFC 5280 4.2.2.1: one DER certificate
  if (der !== undefined) return { status: 200, type: 'application/pkix-cert', body: der, maxAge: 3600 };
  return text(404, 'there is nothing at this path\n');
}
