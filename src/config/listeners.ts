/** Listener addresses, and the URLs that the world knows them by. */
import { ChanceryError } from '../base/errors.ts';
import { bracketed, formatHostPort } from '../base/host-port.ts';
import { dnsNameFault } from '../domain/identity/names.ts';
import { formatIp, ipInRange, parseIp, parseIpRange } from '../x509/ip.ts';
import type { Configuration, ListenAddress, ListenerName } from './configuration.ts';

export interface HostPort {
  /** Canonical: an IP address without brackets, or a DNS name in lower case. */
  readonly host: string;
  readonly port: number;
}

/** Reads `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`; `undefined` when it is none of these. */
export function parseHostPort(text: string, defaultPort?: number): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (port === undefined || port < 1 || port > 65535) return undefined;
  const host = match[1] === undefined ? canonicalHost(match[2] ?? '') : canonicalIpv6(match[1]);
  return host === undefined ? undefined : { host, port };
}

function canonicalHost(text: string): string | undefined {
  const ip = parseIp(text);
  if (ip !== undefined) return formatIp(ip);
  const name = text.toLowerCase();
  return dnsNameFault(name) === undefined ? name : undefined;
}

function canonicalIpv6(text: string): string | undefined {
  const ip = parseIp(text);
  return ip?.length === 16 ? formatIp(ip) : undefined;
}

const LOOPBACK = ['127.0.0.0/8', '::1/128', '::ffff:127.0.0.0/104'].flatMap(
  (text) => parseIpRange(text) ?? [],
);
const EVERY_ADDRESS = ['0.0.0.0', '::'];

export function isLoopback(host: string): boolean {
  const ip = parseIp(host);
  if (ip === undefined) return host === 'localhost' || host.endsWith('.localhost');
  return LOOPBACK.some((range) => ipInRange(ip, range));
}

/**
 * The URL that a listener is known by when nobody says another; `undefined` for a listener on every address. HTTPS on
 * loopback is known as localhost, which its certificate names too.
 */
export function defaultExternalUrl(
  listener: 'https' | 'status',
  { host, port }: HostPort,
): string | undefined {
  if (EVERY_ADDRESS.includes(host)) return undefined;
  if (listener === 'status') return `http://${bracketed(host)}:${port}`;
  return `https://${isLoopback(host) ? 'localhost' : bracketed(host)}:${port}`;
}

/** A key-encryption key that lies beside the keys protects nothing. Throws `invalid_configuration` off loopback. */
export function refuseDevelopmentKey({ listen }: Pick<Configuration, 'listen'>): void {
  const open = (Object.entries(listen) as [ListenerName, ListenAddress][]).filter(
    ([, { loopback }]) => !loopback,
  );
  const [first] = open;
  if (first === undefined) return;
  throw new ChanceryError('invalid_configuration', {
    message: `listen.${first[0]} is ${formatHostPort(first[1])}, and the keys are sealed under a development key-encryption file`,
    rule: 'a development key-encryption file serves loopback listeners only',
    fix: 'Make the authority with `init --passphrase-file FILE`, or listen on 127.0.0.1.',
  });
}
