/** Solvers of a public CA, made from what its declaration says. */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { AuthoritySpec } from '../../api/public-authorities.ts';
import type { Solver } from '../../acme-client/order.ts';
import { Rfc2136 } from '../../acme-client/solvers/dns01.ts';
import { Http01Listener, Http01Webroot } from '../../acme-client/solvers/http01.ts';
import { TlsAlpn01Listener } from '../../acme-client/solvers/tls-alpn01.ts';
import { type Clock, MINUTE, parseDuration } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { OrderFault } from '../../domain/renewal/ports.ts';
import { parsePlace } from '../../probe/address.ts';

export interface SolverPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** `delivery.paths`: a webroot lies in or below one of them. */
  readonly paths: readonly string[];
}

/** Throws `OrderFault` for what this host does not allow. */
export async function solverOf(
  solver: AuthoritySpec['solvers'][number],
  { clock, random, paths }: SolverPorts,
): Promise<Solver> {
  if ('http01' in solver) {
    if ('listen' in solver.http01) return new Http01Listener(placeOf(solver.http01.listen));
    const { webroot } = solver.http01;
    if (!paths.some((path) => webroot === path || webroot.startsWith(`${path}/`)) || webroot.includes('/..'))
      throw new OrderFault(`the webroot ${webroot} is outside of delivery.paths of this host`, false);
    return new Http01Webroot(webroot);
  }
  if ('tlsAlpn01' in solver)
    return new TlsAlpn01Listener({ listen: placeOf(solver.tlsAlpn01.listen), clock, random });
  const { server, zone, key, nameservers, propagation } = solver.dns01.rfc2136;
  return new Rfc2136({
    server: placeOf(server),
    zone,
    key: {
      name: key.name,
      algorithm: key.algorithm,
      secret: Buffer.from(await secretText(key.secret.file), 'base64'),
    },
    nameservers,
    propagation: parseDuration(propagation) ?? 2 * MINUTE,
    clock,
    random,
    sleep: (length, signal) => wait(length, undefined, { signal }),
  });
}

function placeOf(text: string): { host: string; port: number } {
  const place = parsePlace(text);
  if (place === undefined) throw new OrderFault(`${text} is no address`, false);
  return place;
}

export const secretText = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();
