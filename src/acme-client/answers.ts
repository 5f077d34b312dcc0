/** What every answer of a CA has: a problem where it failed, and when to come again. */
import { type Clock, type Instant, parseInstant, SECOND } from '../base/clock.ts';
import { AuthorityError, printable } from './errors.ts';
import type { WireResponse } from './transport.ts';

/** RFC 8555 6.5.1 */
export const NONCE = /^[A-Za-z0-9_-]{1,500}$/;

const httpDate = (text: string): Instant | undefined => {
  const at = Date.parse(text);
  return Number.isNaN(at) ? parseInstant(text) : at;
};

export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** A problem document (RFC 7807), or what came in place of one. */
export function problemOf(response: WireResponse, clock: Clock): AuthorityError {
  const { status, data } = response;
  const freshNonce = response.headers['replay-nonce'] ?? '';
  const body = record(data);
  const type = /^urn:ietf:params:acme:error:([A-Za-z]{1,40})$/.exec(printable(body['type']))?.[1];
  const subproblems = Array.isArray(body['subproblems']) ? body['subproblems'].slice(0, 5) : [];
  const parts = [body, ...subproblems.map(record)]
    .map((problem) => printable(problem['detail']))
    .filter(Boolean);
  const problem = {
    detail: `the CA answered ${status}${type === undefined ? '' : ` ${type}`}: ${parts.join('; ') || 'no reason'}`,
    type,
    status,
    retryAt: retryAtOf(response, clock),
    freshNonce: NONCE.test(freshNonce) ? freshNonce : undefined,
  };
  if (status === 429 || type === 'rateLimited') return new AuthorityError('limited', problem);
  if (status >= 500 || type === 'badNonce' || type === 'serverInternal')
    return new AuthorityError('unreachable', problem);
  return new AuthorityError('refused', problem);
}

export function retryAtOf({ headers }: Pick<WireResponse, 'headers'>, clock: Clock): Instant | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const now = clock.now();
  // RFC 9110 10.2.3: seconds or a date; longer than a week is no advice
  const at = /^\d{1,9}$/.test(text) ? now + Number(text) * SECOND : httpDate(text);
  return at === undefined ? undefined : Math.min(Math.max(at, now), now + 7 * 86_400 * SECOND);
}
