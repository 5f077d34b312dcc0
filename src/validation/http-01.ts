/** http-01 (RFC 8555 8.3, for IP addresses RFC 8738 5): a file at a well-known place, redirects followed with care. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { bracketed } from '../base/host-port.ts';
import type { ValidationAsk } from '../domain/acme/validation-port.ts';
import { dnsNameFault, toLowerAscii } from '../domain/identity/names.ts';
import { parseIp, formatIp } from '../x509/ip.ts';
import { connectForTls, connectTcp, handshake, type TlsOptions } from './connect.ts';
import type { Lookup } from './dns/lookup.ts';
import type { DnsSource } from './dns/resolve.ts';
import { formatPeer, ProbeFault } from './fault.ts';
import { fetchOver, type HttpAnswer } from './http-fetch.ts';
import { connectToHost } from './targets.ts';

const MAX_REDIRECTS = 10;
/** White space at the end of the body (RFC 8555 8.3: SHOULD be ignored). */
const BODY_SLACK = 64;
const MAX_LOCATION = 2000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface Http01Settings {
  readonly httpPort: number;
  readonly tlsPort: number;
}

interface Hop {
  readonly scheme: 'http' | 'https';
  /** A DNS name or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** Resolves to the peer that served the key authorization. Rejects with a ProbeFault, or with the scope's reason. */
export async function probeHttp01(
  { identifier, token, keyAuthorization }: ValidationAsk,
  { httpPort, tlsPort }: Http01Settings,
  source: DnsSource,
  lookup: Lookup,
): Promise<string> {
  const ports = new Set([80, 443, httpPort, tlsPort]);
  let hop: Hop = {
    scheme: 'http',
    host: identifier.value,
    port: httpPort,
    path: `/.well-known/acme-challenge/${token}`,
  };
  const seen = new Set<string>();
  for (;;) {
    const url = formatHop(hop);
    if (seen.has(url))
      throw new ProbeFault('incorrectResponse', `the redirects go round: ${shown(hop)} again`);
    if (seen.size > MAX_REDIRECTS)
      throw new ProbeFault('incorrectResponse', `over ${MAX_REDIRECTS} redirects`);
    seen.add(url);
    const { answer, peer } = await ask(hop, keyAuthorization.length + BODY_SLACK, source, lookup);
    if (!REDIRECTS.has(answer.status)) {
      judge(answer, keyAuthorization, hop);
      return peer;
    }
    hop = redirected(hop, answer.location, ports);
  }
}

async function ask(
  hop: Hop,
  maxBodyOctets: number,
  source: DnsSource,
  lookup: Lookup,
): Promise<{ answer: HttpAnswer; peer: string }> {
  const { scope } = lookup;
  // where plain HTTP leads to HTTPS its certificate proves nothing: it may be what is being asked for
  const connect =
    hop.scheme === 'https'
      ? (...to: Parameters<typeof connectTcp>) => connectForTls(...to, tlsOptions(hop.host))
      : connectTcp;
  const { socket, address } = await connectToHost<Socket>(hop.host, hop.port, connect, source, lookup);
  const peer = formatPeer(address, hop.port);
  try {
    if (socket instanceof TLSSocket) await handshake(socket, scope);
    const request = { path: hop.path, host: authority(hop), maxBodyOctets };
    const answer = await fetchOver(socket, request, scope);
    lookup.journal.add('http', shown(hop), `${answer.status}`, peer);
    return { answer, peer };
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
    lookup.journal.add('http', shown(hop), error.message, peer);
    throw new ProbeFault(error.type, `${shown(hop)} at ${peer}: ${error.message}`, { retry: error.retry });
  } finally {
    socket.destroy();
  }
}

const tlsOptions = (host: string): TlsOptions => ({
  ALPNProtocols: ['http/1.1'],
  ...(parseIp(host) === undefined && { servername: host }),
});

function judge({ status, body = '' }: HttpAnswer, keyAuthorization: string, hop: Hop): void {
  if (status !== 200)
    throw new ProbeFault('incorrectResponse', `${shown(hop)} answered ${status} instead of 200`);
  if (body.replace(/[ \t\r\n]+$/, '') !== keyAuthorization)
    throw new ProbeFault('incorrectResponse', `${shown(hop)} does not serve the key authorization`);
}

function redirected(from: Hop, location: string | undefined, ports: ReadonlySet<number>): Hop {
  const refuse = (why: string): ProbeFault =>
    new ProbeFault('incorrectResponse', `${shown(from)} redirects ${why}`);
  if (location === undefined) throw refuse('without a Location');
  const url = location.length > MAX_LOCATION ? null : URL.parse(location, formatHop(from));
  if (url === null) throw refuse('to what is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refuse('to a scheme that is neither http nor https');
  if (url.username !== '' || url.password !== '') throw refuse('to a URL with user information');
  const scheme = url.protocol === 'http:' ? 'http' : 'https';
  const port = url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port);
  if (!ports.has(port)) throw refuse(`to port ${port}; only ${[...ports].join(', ')} may be probed`);
  const host = hostOf(url.hostname);
  if (host === undefined) throw refuse('to a host that is neither a DNS name nor an IP address');
  return { scheme, host, port, path: `${url.pathname}${url.search}` };
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** `undefined` for a name that no certificate would be issued for. */
function hostOf(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const octets = parseIp(bare);
  if (octets !== undefined) return formatIp(octets);
  const name = toLowerAscii(bare);
  return name.startsWith('*') || dnsNameFault(name) !== undefined ? undefined : name;
}

/** RFC 9110 7.2: with the port unless it is that of the scheme. */
function authority({ scheme, host, port }: Hop): string {
  const name = bracketed(host);
  return port === DEFAULT_PORTS[scheme] ? name : `${name}:${port}`;
}

const formatHop = (hop: Hop): string => `${hop.scheme}://${authority(hop)}${hop.path}`;
/** Without the query: a redirect may carry what is nobody else's. */
const shown = (hop: Hop): string => formatHop({ ...hop, path: (hop.path.split('?')[0] ?? '').slice(0, 120) });
