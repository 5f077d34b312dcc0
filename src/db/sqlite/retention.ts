/**
 * Certificates that expired long ago are forgotten, a bounded batch at a time. How many were is kept beside them: with
 * the newest row number, which is never given up, it says how many there are without counting.
 */
import type { Statement } from 'better-sqlite3';
import { type Labels, labelTexts } from '../../domain/issuance/labels.ts';
import type { Forget } from '../../domain/issuance/retention.ts';
import { type CountedInventory, FORGOTTEN } from './inventory.ts';
import type { Rooms } from './rooms.ts';

export const FORGETTABLE = `SELECT id, names, labels FROM certificates INDEXED BY certificates_not_after
  WHERE not_after < ? AND (revoked_at IS NULL OR not_after < ?) AND id < ? LIMIT ?`;
export const FORGET_NAME = 'DELETE FROM certificate_names WHERE value = ? AND certificate = ? AND kind = ?';
export const FORGET_LABEL = 'DELETE FROM certificate_labels WHERE label = ? AND certificate = ?';
export const FORGET_CERTIFICATE = 'DELETE FROM certificates WHERE id = ?';

export function openRetention({ database, audit, writer }: Rooms, inventory: CountedInventory): Forget {
  const select: Statement<
    [number, number, number, number],
    { id: number; names: string; labels: string | null }
  > = database.prepare(FORGETTABLE);
  const newest: Statement<[], number> = database
    .prepare<[], number>('SELECT max(id) FROM certificates')
    .pluck();
  const forgetName: Statement = database.prepare(FORGET_NAME);
  const forgetLabel: Statement = database.prepare(FORGET_LABEL);
  const forgetCertificate: Statement = database.prepare(FORGET_CERTIFICATE);
  const remember: Statement = database.prepare(
    `INSERT INTO meta (key, value) VALUES ('${FORGOTTEN}', ?)
     ON CONFLICT DO UPDATE SET value = CAST(CAST(value AS INTEGER) + excluded.value AS TEXT)`,
  );

  const run = (
    { expiredBefore, revokedExpiredBefore, limit }: Parameters<Forget>[0],
    drafts: Parameters<Forget>[1],
  ): number => {
    // the newest stays, so that its number is never given again
    const rows = select.all(expiredBefore, revokedExpiredBefore, newest.get() ?? 0, limit);
    for (const { id, names, labels } of rows) {
      for (const [kind, value] of JSON.parse(names) as [string, string][]) forgetName.run(value, id, kind);
      if (labels !== null)
        for (const label of labelTexts(JSON.parse(labels) as Labels)) forgetLabel.run(label, id);
      forgetCertificate.run(id);
    }
    if (rows.length === 0) return 0;
    remember.run(String(rows.length));
    audit.append(drafts(rows.length));
    return rows.length;
  };

  return async (what, drafts) => {
    const count = await writer.write(() => run(what, drafts));
    inventory.removed(count);
    return count;
  };
}
