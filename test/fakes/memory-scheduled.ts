/** Revocations that wait, in memory. */
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { ScheduledRevocation, ScheduledRevocationStore } from '../../src/domain/revocation/scheduled.ts';

type Write = <T>(change: (append: (drafts: readonly AuditDraft[]) => void) => T) => Promise<T>;

export function memoryScheduled(write: Write): ScheduledRevocationStore {
  const all = new Map<string, ScheduledRevocation>();
  const end = (id: string, facts: Partial<ScheduledRevocation>, audit: readonly AuditDraft[]) =>
    write((append) => {
      const one = all.get(id);
      if (one === undefined || one.cancelledAt !== null || one.doneAt !== null) return false;
      all.set(id, { ...one, ...facts });
      append(audit);
      return true;
    });
  return {
    add: (one, audit) =>
      write((append) => {
        all.set(one.id, one);
        append(audit);
      }),
    find: (id) => all.get(id),
    list: (limit) =>
      [...all.values()].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).slice(0, limit),
    due: (now) =>
      [...all.values()]
        .filter(({ cancelledAt, doneAt, dueAt }) => cancelledAt === null && doneAt === null && dueAt <= now)
        .sort((a, b) => a.dueAt - b.dueAt),
    cancel: (id, at, audit) => end(id, { cancelledAt: at }, audit),
    finish: (id, at, revoked, audit) => end(id, { doneAt: at, revoked }, audit),
  };
}
