/** The certificates that an endpoint serves, looked at without trusting them. */
import { isIP } from 'node:net';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { ChanceryError } from '../../base/errors.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { equal } from '../../x509/bytes.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ServedChain {
  /** `TLSv1.3` */
  readonly protocol: string | undefined;
  readonly cipher: string | undefined;
  /** Leaf first. Node puts them in order: certificates that do not belong to the chain are not among them. */
  readonly certificates: readonly Bytes[];
}

export const CONNECT_TIMEOUT = 10_000;
const MAX_SERVED = 20;

/** `localhost:8443`, `[::1]:8443`; `undefined` for anything else. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\\[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port };
}

/** Connects by TLS and takes what is served. Throws `unreachable`. */
export function fetchServedChain(
  { host, port }: Endpoint,
  timeout: number = CONNECT_TIMEOUT,
): Promise<ServedChain> {
  const name = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // only looked at: whoever it is, and however old their protocol, nothing is sent and nothing believed
      rejectUnauthorized: false,
      ca: [],
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
      // asked for only so that there is an event after the server's flight and before ours
      requestOCSP: true,
    });
    let settled = false;
    const settle = (outcome: ServedChain | ChanceryError): void => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      socket.destroy();
      if (outcome instanceof ChanceryError) reject(outcome);
      else if (outcome.certificates.length > 0) resolve(outcome);
      else reject(unreachable(name, 'it serves no certificate'));
    };
    const deadline = setTimeout(() => settle(unreachable(name, 'it does not answer in time')), timeout);
    // a server of TLS 1.2 that wants a client certificate hangs up after this; a handle whose handshake broke off
    // must not be asked any more
    let shown: ServedChain | undefined;
    const fail = (error: ChanceryError): void => settle(shown ?? error);
    socket.once('OCSPResponse', () => {
      shown = served(socket);
    });
    socket.once('secureConnect', () => settle(served(socket)));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(unreachable(name, CAUSES[error.code ?? ''] ?? `${error.code ?? 'TLS'} error`, error)),
    );
    socket.once('close', () => fail(unreachable(name, 'it hangs up')));
  });
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the name server does not answer',
  ETIMEDOUT: 'it does not answer in time',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to its network',
  ECONNRESET: 'it hangs up during the handshake',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
};

const unreachable = (endpoint: string, why: string, cause?: unknown): ChanceryError =>
  new ChanceryError(
    'unreachable',
    {
      message: `cannot see the certificate of ${endpoint}: ${why}`,
      fix: 'Check host and port; the endpoint must speak TLS from the first octet.',
    },
    { cause },
  );

function served(socket: TLSSocket): ServedChain {
  const certificates: Bytes[] = [];
  // typed as never null, and null once the socket is gone
  let next = socket.getPeerCertificate(true) as (PeerCertificate & { issuerCertificate?: unknown }) | null;
  while (next?.raw !== undefined && certificates.length < MAX_SERVED) {
    const { raw } = next;
    if (certificates.some((known) => equal(known, raw))) break;
    certificates.push(raw);
    next = next.issuerCertificate as typeof next;
  }
  return {
    protocol: socket.getProtocol() ?? undefined,
    cipher: certificates.length === 0 ? undefined : socket.getCipher()?.name,
    certificates,
  };
}
