/** What the server says of itself in the audit log. */
import type { Instant } from '../base/clock.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';

export function ownDraft(
  time: Instant,
  event: 'server.started' | 'server.stopped',
  details: AuditDraft['details'],
): AuditDraft {
  return {
    time,
    event,
    outcome: 'allowed',
    principal: 'system:server',
    door: 'internal',
    requestId: 'server',
    details,
  };
}
