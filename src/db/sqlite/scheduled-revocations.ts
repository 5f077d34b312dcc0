/** Revocations that wait, on SQLite. */
import type { Statement } from 'better-sqlite3';
import type { LeafReason } from '../../domain/revocation/reasons.ts';
import type { ScheduledRevocation, ScheduledRevocationStore } from '../../domain/revocation/scheduled.ts';
import type { Rooms } from './rooms.ts';

interface Row {
  readonly id: string;
  readonly issuer: string;
  readonly issued_until: number;
  readonly reason: LeafReason;
  readonly due_at: number;
  readonly created_by: string;
  readonly rule: string;
  readonly created_at: number;
  readonly cancelled_at: number | null;
  readonly done_at: number | null;
  readonly revoked: number | null;
}

const OPEN = 'cancelled_at IS NULL AND done_at IS NULL';

export function openScheduledRevocations({ database, audit, writer }: Rooms): ScheduledRevocationStore {
  const insert: Statement = database.prepare(
    `INSERT INTO scheduled_revocations (id, issuer, issued_until, reason, due_at, created_by, rule, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId: Statement<[string], Row> = database.prepare('SELECT * FROM scheduled_revocations WHERE id = ?');
  const newest: Statement<[number], Row> = database.prepare(
    'SELECT * FROM scheduled_revocations ORDER BY created_at DESC, id DESC LIMIT ?',
  );
  const due: Statement<[number], Row> = database.prepare(
    `SELECT * FROM scheduled_revocations WHERE ${OPEN} AND due_at <= ? ORDER BY due_at`,
  );
  const cancel: Statement = database.prepare(
    `UPDATE scheduled_revocations SET cancelled_at = ? WHERE id = ? AND ${OPEN}`,
  );
  const finish: Statement = database.prepare(
    `UPDATE scheduled_revocations SET done_at = ?, revoked = ? WHERE id = ? AND ${OPEN}`,
  );
  return {
    add: (one, drafts) =>
      writer.write(() => {
        const { id, issuer, issuedUntil, reason, dueAt, createdBy, rule, createdAt } = one;
        insert.run(id, issuer, issuedUntil, reason, dueAt, createdBy, rule, createdAt);
        audit.append(drafts);
      }),
    find: (id) =>
      writer.read(() => {
        const row = byId.get(id);
        return row && read(row);
      }),
    list: (limit) => writer.read(() => newest.all(limit).map(read)),
    due: (now) => writer.read(() => due.all(now).map(read)),
    cancel: (id, at, drafts) =>
      writer.write(() => {
        const changed = cancel.run(at, id).changes === 1;
        if (changed) audit.append(drafts);
        return changed;
      }),
    finish: (id, at, revoked, drafts) =>
      writer.write(() => {
        const changed = finish.run(at, revoked, id).changes === 1;
        if (changed) audit.append(drafts);
        return changed;
      }),
  };
}

const read = (row: Row): ScheduledRevocation => ({
  id: row.id,
  issuer: row.issuer,
  issuedUntil: row.issued_until,
  reason: row.reason,
  dueAt: row.due_at,
  createdBy: row.created_by,
  rule: row.rule,
  createdAt: row.created_at,
  cancelledAt: row.cancelled_at,
  doneAt: row.done_at,
  revoked: row.revoked,
});
