/** Operations on the audit log. */
import type { AuditEntryResource, AuditList, AuditQuery } from '../../../api/audit.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatInstant } from '../../../base/clock.ts';
import type { AuditEntry } from '../../../domain/audit/entry.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { draft } from '../draft.ts';
import type { AdminPorts } from '../ports.ts';

export const auditOperations = (ports: AdminPorts) => {
  const { audit } = ports;
  return {
    listAudit: ({ query }: Exchange<unknown, AuditQuery>): Reply => {
      const last = audit.last()?.sequence ?? 0;
      const from = query.from ?? Math.max(1, last - query.limit + 1);
      const entries = audit.entries(from, query.limit);
      const end = entries.at(-1)?.sequence;
      const body: AuditList = {
        entries: entries.map(renderEntry),
        ...(end !== undefined && end < last ? { next: end + 1 } : {}),
      };
      return { body };
    },

    exportAudit: async ({ principal, door }: Exchange): Promise<Reply> => {
      await ports.record([draft(ports, 'audit.exported', 'allowed', principal, door, {})]);
      return { lines: ports.exportAudit() };
    },

    signAuditHead: async (): Promise<Reply> => {
      const head = await ports.signHead();
      if (head === undefined) throw new ChanceryError('not_found', 'the audit log has no entry yet');
      return { body: { ...head, time: formatInstant(head.time) } };
    },
  };
};

function renderEntry({ sequence, hash, body }: AuditEntry): AuditEntryResource {
  const fields = JSON.parse(body) as Omit<AuditEntryResource, 'sequence' | 'hash'>;
  return { ...fields, sequence, hash };
}
