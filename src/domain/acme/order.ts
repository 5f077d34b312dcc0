/** Orders (RFC 8555 7.1.3). Their status is computed from facts and now, never stored: no order is stuck anywhere. */
import { DAY, type Duration, type Instant } from '../../base/clock.ts';
import type { Name } from '../identity/names.ts';
import {
  type AcmeAuthorization,
  AUTHORIZATION_LIFE,
  authorizationStatus,
  VALID_LIFE,
  type Vouches,
} from './authorization.ts';

export interface AcmeOrder {
  readonly id: string;
  readonly issuer: string;
  readonly account: string;
  readonly names: readonly Name[];
  /** Ids, in the order of the names. */
  readonly authorizations: readonly string[];
  readonly profile: string;
  /** As the client asked. */
  readonly notBefore: Instant | null;
  readonly notAfter: Instant | null;
  /** Serial of the certificate that it replaces (RFC 9773 5). */
  readonly replaces: string | null;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  /** Serial of its certificate: recorded in the transaction that records the certificate. */
  readonly certificate: string | null;
  /** What finalizing it was refused with last, for its owner. */
  readonly refusal: string | null;
}

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

export const ORDER_LIFE: Duration = DAY;

/** How long an order that came to nothing can still be looked at. */
const FAILED_KEPT: Duration = 7 * DAY;

export interface Prunable {
  /** Orders that expired before it without a certificate go, with authorizations that never became valid. */
  readonly failedBefore: Instant;
  /** Authorizations that were made before it go. */
  readonly authorizationsBefore: Instant;
  /** All orders that were made before it go. */
  readonly ordersBefore: Instant;
  readonly limit: number;
}

/** What may be forgotten now. Orders with a certificate are kept as long as their certificates can be found. */
export const prunable = (now: Instant, certificatesKept: Duration, limit: number): Prunable => ({
  failedBefore: now - FAILED_KEPT,
  authorizationsBefore: now - AUTHORIZATION_LIFE - VALID_LIFE,
  ordersBefore: now - certificatesKept - LONGEST_CERTIFICATE,
  limit,
});

/** Certificates here live a year at most. */
const LONGEST_CERTIFICATE: Duration = 366 * DAY;

/** `finalizing`: a certificate is being made for it in this process. */
export function orderStatus(
  order: AcmeOrder,
  authorizations: readonly AcmeAuthorization[],
  now: Instant,
  vouches: Vouches,
  finalizing = false,
): OrderStatus {
  if (order.certificate !== null) return 'valid';
  if (finalizing) return 'processing';
  if (now > order.expiresAt) return 'invalid';
  const states = authorizations.map((authorization) => authorizationStatus(authorization, now, vouches));
  if (states.some((state) => state !== 'pending' && state !== 'valid')) return 'invalid';
  // an order whose authorizations are not all here is never ready, nor is one without any
  const whole = order.names.length > 0 && states.length === order.names.length;
  return whole && states.every((state) => state === 'valid') ? 'ready' : 'pending';
}
