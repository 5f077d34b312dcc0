/** The first entry of a log says whose log it is, so that everything after it is bound to that authority. */
import type { Instant } from '../../base/clock.ts';
import type { AuditDraft } from './entry.ts';

/** `keyId`: SHA-256 of the audit public key, hexadecimal. */
export const openingDraft = (trustDomain: string, keyId: string, now: Instant): AuditDraft => ({
  time: now,
  event: 'log.opened',
  outcome: 'allowed',
  principal: 'system:authority',
  door: 'internal',
  requestId: 'init',
  details: { trustDomain, key: keyId },
});

/** The trust domain that a first entry names; `undefined` when it is not an opening one. */
export function openedFor(body: unknown): string | undefined {
  const { event, details } = body as { event?: unknown; details?: { trustDomain?: unknown } };
  if (event !== 'log.opened' || typeof details?.trustDomain !== 'string') return undefined;
  return details.trustDomain;
}
