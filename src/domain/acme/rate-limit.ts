/** Rate limits (RFC 8555 6.6), where an operator set some. */
import { SECOND } from '../../base/clock.ts';
import type { AcmePorts, RateLimits } from './context.ts';
import { AcmeProblem } from './problem.ts';

const WORDS: Readonly<Record<keyof RateLimits, string>> = {
  ordersPerAccount: 'orders of this account',
  ordersPerName: 'orders for',
  accountsPerAddress: 'new accounts from',
};

/** Takes one of everything that is counted, or nothing. Throws `rateLimited` with when to come again. */
export async function takeRate(
  { limits, store, issuance }: AcmePorts,
  counted: readonly (readonly [what: keyof RateLimits, of: string])[],
): Promise<void> {
  if (limits === undefined) return;
  const buckets = counted.flatMap(([what, of]) => {
    const rate = limits[what];
    return rate === undefined ? [] : [{ key: `${what}:${of}`, rate, what, of }];
  });
  if (buckets.length === 0) return;
  const now = issuance.clock.now();
  const taken = await store.rates.take(buckets, now);
  if (taken.allowed) return;
  const full = buckets.find(({ key }) => key === taken.key);
  const words = full === undefined ? 'requests' : WORDS[full.what];
  const of = full === undefined || full.what === 'ordersPerAccount' ? '' : ` ${full.of}`;
  throw new AcmeProblem('rateLimited', {
    detail: `too many ${words}${of}`,
    retryAfter: Math.max(1, Math.ceil((taken.at - now) / SECOND)),
  });
}
