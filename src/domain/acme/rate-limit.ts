/** Rate limits (RFC 8555 6.6), where an operator set some. */
import { type Instant, SECOND } from '../../base/clock.ts';
import { fromUtf8, sha256, toHex } from '../../x509/bytes.ts';
import { parseIp } from '../../x509/ip.ts';
import { formatNameKey, type Name } from '../identity/names.ts';
import type { AcmeAccount } from './account.ts';
import type { AcmePorts, RateLimits } from './context.ts';
import { AcmeProblem } from './problem.ts';

/** One thing that is counted. */
export interface Counted {
  readonly what: keyof RateLimits;
  /** Which bucket of it. */
  readonly of: string;
  /** For people: `new accounts from 192.0.2.7`. */
  readonly words: string;
  /** Whether it would have room; nothing is taken. */
  readonly look?: boolean;
}

export const newAccountFrom = (address: string | undefined): Counted => {
  const of = address === undefined ? 'local' : network(address);
  return { what: 'accountsPerAddress', of, words: `new accounts from ${of}` };
};

/** An IPv4 address, or the /64 of an IPv6 one: a host has all of it to itself. */
function network(address: string): string {
  const octets = parseIp(address.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, ''));
  if (octets === undefined) return address.slice(0, 64);
  return octets.length === 4 ? octets.join('.') : `${toHex(octets.subarray(0, 8))}::/64`;
}

export const newOrderOf = ({ id }: AcmeAccount): Counted => ({
  what: 'ordersPerAccount',
  of: id,
  words: 'orders of this account',
});

export const newOrderFor = (name: Name): Counted => ({
  what: 'ordersPerName',
  of: formatNameKey(name),
  words: `orders for ${name.value}`,
});

/** The order of the names is not part of it. */
export const certificateFor = ({ id }: AcmeAccount, names: readonly Name[]): Counted => ({
  what: 'certificatesPerNames',
  of: `${id}:${toHex(sha256(fromUtf8(names.map(formatNameKey).sort().join('\n'))))}`,
  words: `certificates of this account for ${listed(names)}`,
});

const listed = (names: readonly Name[]): string =>
  `${names
    .slice(0, 3)
    .map(({ value }) => value)
    .join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;

/** Of the name without `*.`: that is what was looked at. */
export const failureOf = ({ id }: Pick<AcmeAccount, 'id'>, { kind, value }: Name): Counted => {
  const bare = kind === 'dns' && value.startsWith('*.') ? value.slice(2) : value;
  return {
    what: 'failuresPerName',
    of: `${id}:${formatNameKey({ kind, value: bare })}`,
    words: `failed validations of ${bare} by this account`,
  };
};

export const lookAt = (counted: Counted): Counted => ({ ...counted, look: true });

/** Takes one of everything that is counted, or nothing. Throws `rateLimited` with when to come again. */
export async function takeRate(ports: AcmePorts, counted: readonly Counted[]): Promise<void> {
  const now = ports.issuance.clock.now();
  const full = await take(ports, counted, now);
  if (full === undefined) return;
  throw new AcmeProblem('rateLimited', {
    detail: `too many ${full.words}`,
    retryAfter: Math.max(1, Math.ceil((full.at - now) / SECOND)),
  });
}

/** Counts what has happened anyway, so that the next one is refused. */
export async function countRate(ports: AcmePorts, counted: readonly Counted[]): Promise<void> {
  await take(ports, counted, ports.issuance.clock.now());
}

async function take(
  { limits, store }: AcmePorts,
  counted: readonly Counted[],
  now: Instant,
): Promise<{ readonly words: string; readonly at: Instant } | undefined> {
  if (limits === undefined) return undefined;
  const buckets = counted.flatMap(({ what, of, words, look = false }) => {
    const rate = limits[what];
    return rate === undefined ? [] : [{ key: `${what}:${of}`, rate, words, look }];
  });
  if (buckets.length === 0) return undefined;
  const taken = await store.rates.take(buckets, now);
  if (taken.allowed) return undefined;
  return { words: buckets.find(({ key }) => key === taken.key)?.words ?? 'requests', at: taken.at };
}
