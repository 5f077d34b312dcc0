/** The addresses that a host may be reached at, one after the other, until somebody listens. */
import type { Socket } from 'node:net';
import type { Bytes } from '../x509/bytes.ts';
import { parseIp } from '../x509/ip.ts';
import type { CheckedAddress } from './address-guard.ts';
import { ConnectFailure } from './connect.ts';
import type { Lookup } from './dns/lookup.ts';
import type { Scope } from './scope.ts';
import { type DnsSource, resolve } from './dns/resolve.ts';
import { formatPeer, ProbeFault } from './fault.ts';

/** Of each family. Who has more can prove control at the first ones. */
const MAX_ADDRESSES = 4;

const CONNECT_PATIENCE = 4000;

/** `connectTcp` or `connectForTls`. */
export type Connect<S extends Socket> = (
  address: CheckedAddress,
  port: number,
  scope: Scope,
  patience: number,
) => Promise<S>;

export interface Connected<S extends Socket> {
  readonly socket: S;
  readonly address: CheckedAddress;
}

/**
 * A connection to the first address of a host that takes one. Whatever is answered there counts: other addresses are
 * not tried to get a better answer. Rejects with a ProbeFault, or with the scope's reason.
 */
export async function connectToHost<S extends Socket>(
  host: string,
  port: number,
  connect: Connect<S>,
  source: DnsSource,
  lookup: Lookup,
): Promise<Connected<S>> {
  let failure: ProbeFault | undefined;
  try {
    for await (const address of targetsOf(host, source, lookup)) {
      try {
        return { socket: await connect(address, port, lookup.scope, CONNECT_PATIENCE), address };
      } catch (error) {
        if (!(error instanceof ConnectFailure)) throw error;
        const peer = formatPeer(address, port);
        lookup.journal.add('connect', host, error.message, peer);
        failure = new ProbeFault('connection', `${host} cannot be reached at ${peer}: ${error.message}`);
      }
    }
  } catch (error) {
    // that there was nobody tells more than that no further address could be found
    throw error instanceof ProbeFault ? (failure ?? error) : error;
  }
  throw failure ?? new ProbeFault('connection', `${host} cannot be reached`);
}

/**
 * Checked addresses of a host: an IP address itself, a name's IPv4 addresses, then its IPv6 ones. The latter are asked for
 * only when the consumer comes back for more. Ends with a ProbeFault when there was none to give.
 */
async function* targetsOf(
  host: string,
  source: DnsSource,
  lookup: Lookup,
): AsyncGenerator<CheckedAddress, void> {
  const refused: string[] = [];
  let given = 0;
  for await (const octets of addressesOf(host, source, lookup)) {
    const verdict = lookup.guard.judge(octets);
    if (verdict.allowed) {
      given++;
      yield verdict.address;
    } else {
      lookup.journal.add('connect', host, `may not be probed, ${verdict.why}`, verdict.address);
      refused.push(`${verdict.address} (${verdict.why})`);
    }
  }
  if (given > 0) return;
  if (refused.length === 0) throw new ProbeFault('dns', `${host} has no address (A, AAAA)`);
  throw new ProbeFault(
    'unauthorized',
    `${host} is at an address that may not be probed: ${refused.join(', ')}`,
    {
      retry: false,
    },
  );
}

async function* addressesOf(host: string, source: DnsSource, lookup: Lookup): AsyncGenerator<Bytes, void> {
  const literal = parseIp(host);
  if (literal !== undefined || isLocalhost(host)) {
    yield* literal === undefined ? LOOPBACK : [literal];
    return;
  }
  for (const type of ['A', 'AAAA'] as const) {
    const { records } = await resolve(source, host, type, lookup);
    for (const { address } of records.slice(0, MAX_ADDRESSES)) yield address;
  }
}

/** RFC 6761 6.3: the names of this host are nobody's to answer for. */
const isLocalhost = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost');
const LOOPBACK: readonly Bytes[] = [
  Uint8Array.of(127, 0, 0, 1),
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
];
