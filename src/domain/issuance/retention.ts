/** How long certificates are remembered after they expired. Audit entries are for ever. */
import { DAY, type Duration, type Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';

/** A revoked one stays until a CRL that was issued after its expiry has surely named it (RFC 5280 3.3). */
export const REVOKED_STAYS: Duration = 7 * DAY;

/** Certificates that expired before these times may be forgotten. */
export interface Forgettable {
  readonly expiredBefore: Instant;
  readonly revokedExpiredBefore: Instant;
}

/**
 * Forgets one batch, at most `limit`, together with the audit entries for as many; resolves with how many, once that is
 * durable. The newest certificate always stays.
 */
export type Forget = (
  what: Forgettable & { readonly limit: number },
  audit: (count: number) => readonly AuditDraft[],
) => Promise<number>;

export const forgettable = (now: Instant, retention: Duration): Forgettable => ({
  expiredBefore: now - retention,
  revokedExpiredBefore: now - Math.max(retention, REVOKED_STAYS),
});
