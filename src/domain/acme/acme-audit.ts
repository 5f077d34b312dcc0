/** What the ACME server writes into the audit log. */
import type { Instant } from '../../base/clock.ts';
import type { AuditDraft, AuditEvent, Outcome } from '../audit/entry.ts';
import type { Door } from '../identity/principal.ts';

export interface Actor {
  readonly principal: string;
  readonly door: Door;
}

export const acmeDraft = (
  time: Instant,
  { principal, door }: Actor,
  event: AuditEvent,
  outcome: Outcome,
  details: AuditDraft['details'],
): AuditDraft => ({
  time,
  event,
  outcome,
  principal,
  door: door.name,
  requestId: door.requestId,
  ...(door.address === undefined ? {} : { address: door.address }),
  details,
});
