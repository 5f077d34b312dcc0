/** An audit entry about what a caller did through an operation. */
import type { AuditDraft, AuditEvent } from '../../domain/audit/entry.ts';
import { type Door, type Principal, principalId } from '../../domain/identity/principal.ts';
import type { AdminPorts } from './ports.ts';

export const draft = (
  ports: Pick<AdminPorts, 'clock'>,
  event: AuditEvent,
  outcome: 'allowed' | 'refused',
  principal: Principal,
  door: Door,
  details: AuditDraft['details'],
): AuditDraft => ({
  time: ports.clock.now(),
  event,
  outcome,
  principal: principalId(principal),
  door: door.name,
  requestId: door.requestId,
  ...(door.address === undefined ? {} : { address: door.address }),
  details,
});
