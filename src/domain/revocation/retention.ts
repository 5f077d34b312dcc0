/** How long revocations are remembered: an entry of a CRL must not go too early (RFC 5280 3.3). */
import type { Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';

/**
 * Forgets one batch, at most `limit`, of revocations of certificates that expired before `expiredBefore`, and serials
 * that were merely known; resolves with how many, once that is durable. Of revocations go only those that the newest
 * complete CRL and the newest of their shard named after the certificate had expired, and never the newest of a
 * generation: its sequence must not be given again.
 */
export type ForgetRevocations = (
  what: { readonly expiredBefore: Instant; readonly limit: number },
  audit: (count: number) => readonly AuditDraft[],
) => Promise<number>;
