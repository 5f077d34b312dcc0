/** notBefore and notAfter of a new order (RFC 8555 7.4). */
import { type Duration, type Instant, MINUTE, parseInstant } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import { type Profile, resolveTtl } from '../issuance/profile.ts';
import { malformed } from './request.ts';

/** How far a client's clock may be ahead. */
const SKEW = 5 * MINUTE;
/** A year that nobody means: some clients write their zero time. */
const ZERO_TIME = /^0001-01-01T00:00:00(?:\.0+)?Z$/;

/** Throws `malformed`. */
export function readValidity(
  { notBefore, notAfter }: { readonly notBefore?: unknown; readonly notAfter?: unknown },
  now: Instant,
): { readonly notBefore: Instant | null; readonly notAfter: Instant | null } {
  const from = readTime('notBefore', notBefore);
  const until = readTime('notAfter', notAfter);
  if (from !== null && from > now + SKEW)
    throw malformed('notBefore is in the future: certificates here begin when they are issued');
  if (until !== null && until <= now) throw malformed('notAfter is in the past');
  return { notBefore: from, notAfter: until };
}

function readTime(field: string, text: unknown): Instant | null {
  if (text === undefined || text === null || text === '') return null;
  if (typeof text === 'string' && ZERO_TIME.test(text)) return null;
  const time = typeof text === 'string' ? parseInstant(text) : undefined;
  if (time === undefined) throw malformed(`${field} is no RFC 3339 time`);
  return time;
}

/** Throws `malformed` for a life that the profile does not have. */
export function checkLifetime(profile: Profile, asked: Duration): void {
  try {
    resolveTtl(profile, asked);
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    throw malformed(`notAfter: ${error.message}; ${error.detail.rule ?? ''}`);
  }
}
