/** Outbound probes of the ACME server: challenges (RFC 8555 8, RFC 8737, RFC 8738) and CAA (RFC 8659). */
import { getServers } from 'node:dns';
import { lookup as lookupHost } from 'node:dns/promises';
import { isIP } from 'node:net';
import type {
  CaaAsk,
  CaaCheck,
  ChallengeProbe,
  ValidationAsk,
  ValidationOutcome,
} from '../domain/acme/validation-port.ts';
import { AddressGuard, configuredAddress } from './address-guard.ts';
import { checkCaa } from './caa.ts';
import { probeDns01 } from './dns-01.ts';
import { AuthoritativeSource } from './dns/authoritative.ts';
import type { NameServer } from './dns/exchange.ts';
import type { Lookup } from './dns/lookup.ts';
import { RecursiveSource } from './dns/recursive.ts';
import type { DnsSource } from './dns/resolve.ts';
import { Journal, ProbeFault } from './fault.ts';
import { probeHttp01 } from './http-01.ts';
import { OutOfTime, Scope } from './scope.ts';
import { probeTlsAlpn01 } from './tls-alpn-01.ts';
import type { IpRange } from '../x509/ip.ts';

/** For a challenge, and once more for CAA. */
const PATIENCE = 10_000;

/** As `acme.validation` is resolved (config/configuration.ts). */
export interface ValidationSettings {
  readonly httpPort: number;
  readonly tlsPort: number;
  /** The only one that is asked; left out: the servers of the name's own zone. */
  readonly resolver: { readonly host: string; readonly port: number } | undefined;
  readonly allow: readonly IpRange[];
  readonly deny: readonly IpRange[];
}

export interface ProbeOptions {
  readonly validation: ValidationSettings;
  /** The names that this CA goes by in CAA records, in lower case; none: CAA is not looked at after a challenge. */
  readonly caaIdentities: readonly string[];
  /** Instead of the host's resolvers and port 53 of authoritative servers, for tests. */
  readonly dns?: {
    readonly host: readonly { readonly address: string; readonly port: number }[];
    readonly port: number;
  };
  /** Milliseconds for each part instead of 10 seconds, for tests. */
  readonly patience?: number;
}

export function openChallengeProbe({
  validation: settings,
  caaIdentities,
  dns,
  patience = PATIENCE,
}: ProbeOptions): ChallengeProbe & CaaCheck {
  const guard = new AddressGuard(settings);
  const source = openDns(settings.resolver, dns);

  async function within(
    journal: Journal,
    signal: AbortSignal,
    late: 'connection' | 'dns',
    work: (lookup: Lookup) => Promise<string | undefined>,
  ): Promise<ValidationOutcome> {
    const scope = new Scope(patience, signal);
    try {
      return journal.passed(await work({ scope, journal, guard }));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProbeFault) return journal.failed(error);
      if (error instanceof OutOfTime) return journal.failed(new ProbeFault(late, error.message));
      throw error;
    } finally {
      scope.end();
    }
  }

  const check = (ask: CaaAsk, journal: Journal, signal: AbortSignal): Promise<ValidationOutcome> =>
    within(journal, signal, 'dns', async (lookup) => {
      await checkCaa(ask, caaIdentities, source, lookup);
      return undefined;
    });

  return {
    async validate(ask, signal) {
      const journal = new Journal();
      const late = ask.type === 'dns-01' ? 'dns' : 'connection';
      const outcome = await within(journal, signal, late, (lookup) => probe(ask, settings, source, lookup));
      if (!outcome.ok || caaIdentities.length === 0) return outcome;
      const caa = await check({ ...ask, method: ask.type }, journal, signal);
      return caa.ok ? outcome : caa;
    },
    check: (ask, signal) => check(ask, new Journal(), signal),
  };
}

async function probe(
  ask: ValidationAsk,
  { httpPort, tlsPort }: ValidationSettings,
  source: DnsSource,
  lookup: Lookup,
): Promise<string | undefined> {
  const { type, identifier, wildcard } = ask;
  // RFC 8555 7.1.3 and 8.4, RFC 8737 3, RFC 8738 7: these could not prove what is asked for
  if (wildcard && type !== 'dns-01')
    throw new ProbeFault('malformed', `a wildcard name is validated by dns-01, not by ${type}`, {
      retry: false,
    });
  if (identifier.type === 'ip' && type === 'dns-01')
    throw new ProbeFault('malformed', 'an IP address is not validated by dns-01', { retry: false });
  switch (type) {
    case 'http-01':
      return probeHttp01(ask, { httpPort, tlsPort }, source, lookup);
    case 'tls-alpn-01':
      return probeTlsAlpn01(ask, tlsPort, source, lookup);
    case 'dns-01':
      await probeDns01(ask, source, lookup);
      return undefined;
  }
}

function openDns(resolver: ValidationSettings['resolver'], dns: ProbeOptions['dns']): DnsSource {
  if (resolver !== undefined) return new RecursiveSource(async () => [await configured(resolver)]);
  if (dns === undefined)
    return new AuthoritativeSource(new RecursiveSource(async () => getServers().map(hostServer)));
  const servers = dns.host.map(({ address, port }) => ({ address: configuredAddress(address), port }));
  return new AuthoritativeSource(new RecursiveSource(async () => servers), dns.port);
}

async function configured({ host, port }: { host: string; port: number }): Promise<NameServer> {
  if (isIP(host) !== 0) return { address: configuredAddress(host), port };
  try {
    const { address } = await lookupHost(host);
    return { address: configuredAddress(address), port };
  } catch {
    throw new ProbeFault('serverInternal', `acme.validation.resolver ${host} has no address`);
  }
}

/** As Node writes them: `10.0.0.1`, `10.0.0.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. */
function hostServer(text: string): NameServer {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  return { address: configuredAddress(address), port: port === undefined ? 53 : Number(port) };
}
