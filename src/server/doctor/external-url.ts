/** The URLs that stand in certificates and clients' settings lead to this server, and what it shows there is trusted. */
import { existsSync, readFileSync } from 'node:fs';
import { bareHost } from '../../base/host-port.ts';
import { isLoopback } from '../../config/index.ts';
import { shake } from './calls.ts';
import type { Facts } from './facts.ts';
import { critical, info, ok, type Said, warning } from './finding.ts';
import { servesOurIssuers } from './ports.ts';

export async function lookAtExternalUrls(facts: Facts): Promise<readonly Said[]> {
  const { status } = facts.config.externalUrl;
  const httpsUrl = httpsUrlNow(facts);
  const found = [
    ...(await urlFaults(facts, 'https', httpsUrl)),
    ...(await urlFaults(facts, 'status', status.url)),
  ];
  if (found.length > 0) return found;
  const what = `${httpsUrl} and ${status.url}`;
  return facts.running
    ? [ok(`${what} lead to this server, whose certificate verifies with ${facts.paths.rootsFile}`)]
    : [ok(`the hosts of ${what} resolve; where they lead is seen once the server runs`)];
}

/** Where the HTTPS listener is known to be: a default URL follows a port that moved, and client.yaml says where to. */
export function httpsUrlNow({ config, paths }: Facts): string {
  const { url, isDefault } = config.externalUrl.https;
  if (!isDefault || !existsSync(paths.clientFile)) return url;
  const line = /^server: (".*")$/m.exec(readFileSync(paths.clientFile, 'utf8'))?.[1];
  return line === undefined ? url : (JSON.parse(line) as string);
}

async function urlFaults(facts: Facts, name: 'https' | 'status', url: string): Promise<Said[]> {
  const { config, running, resolve } = facts;
  const setting = `externalUrl.${name} ${url}`;
  const host = bareHost(new URL(url));
  const fix = `Set externalUrl.${name} to what others reach this server by; certificates that are out keep the old one.`;
  if (isLoopback(host) && !config.listen[name].loopback)
    return [critical(`${setting} leads every host to itself, and listen.${name} is open to others`, fix)];
  let addresses: readonly string[];
  try {
    addresses = await resolve(host);
  } catch (error) {
    return [
      critical(`${setting}: ${host} does not resolve (${codeOf(error)})`, `Add the name to DNS. ${fix}`),
    ];
  }
  if (!config.listen[name].loopback && addresses.length > 0 && addresses.every(isLoopback))
    return [
      critical(
        `${setting}: ${host} resolves to loopback only (${addresses.join(', ')})`,
        `Mend DNS or /etc/hosts. ${fix}`,
      ),
    ];
  if (!running) return [];
  return name === 'https' ? httpsFaults(facts, setting, url, host) : statusFaults(facts, setting, url);
}

async function httpsFaults({ paths }: Facts, setting: string, url: string, host: string): Promise<Said[]> {
  const port = Number(new URL(url).port || 443);
  try {
    const { fault } = await shake(host, port, host, readFileSync(paths.rootsFile, 'utf8'));
    if (fault === undefined) return [];
    return [
      critical(
        `${setting} shows a certificate that clients of this server refuse: ${fault}`,
        'Let the URL lead to listen.https without anything that ends TLS in between, and restart after it changed.',
      ),
    ];
  } catch (error) {
    return [
      critical(
        `${setting} does not answer (${codeOf(error)})`,
        'Let it lead to listen.https: look at DNS, forwarding and firewalls.',
      ),
    ];
  }
}

async function statusFaults(facts: Facts, setting: string, url: string): Promise<Said[]> {
  const lead = 'Let it lead to listen.status: look at DNS, forwarding and firewalls.';
  // a default port may have moved, and the URL of this start with it
  const tell = facts.config.externalUrl.status.isDefault ? info : warning;
  try {
    if (await servesOurIssuers(facts, url)) return [];
    return [tell(`${setting} leads to something that is not the status listener of this server`, lead)];
  } catch (error) {
    return [
      tell(
        `${setting} does not answer (${codeOf(error)}): nobody finds issuer certificates, CRLs or OCSP`,
        lead,
      ),
    ];
  }
}

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
