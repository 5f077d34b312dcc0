/** Revocations that no CRL needs any more are forgotten, a bounded batch at a time. */
import type { Statement } from 'better-sqlite3';
import type { ForgetRevocations } from '../../domain/revocation/retention.ts';
import type { Rooms } from './rooms.ts';

/** A CRL of the scope that was issued after the expiry and took the revocation into account. */
const named = (scope: string): string => `EXISTS (SELECT 1 FROM published_crls p
    WHERE p.generation = r.generation AND p.scope = ${scope} AND p.this_update > r.not_after AND p.covers >= r.sequence)`;

export const FORGETTABLE_REVOCATIONS = `SELECT r.generation, r.serial
  FROM revocations r INDEXED BY revocations_not_after
  WHERE r.not_after < ? AND ${named('r.shard')} AND ${named('-1')}
    AND r.sequence < (SELECT max(n.sequence) FROM revocations n WHERE n.generation = r.generation) LIMIT ?`;
export const FORGET_REVOCATION = 'DELETE FROM revocations WHERE generation = ? AND serial = ?';
export const FORGETTABLE_KNOWN =
  'SELECT generation, serial FROM known_serials INDEXED BY known_serials_not_after WHERE not_after < ? LIMIT ?';
export const FORGET_KNOWN = 'DELETE FROM known_serials WHERE generation = ? AND serial = ?';

interface Key {
  readonly generation: string;
  readonly serial: Buffer;
}

export function openForgetRevocations({ database, audit, writer }: Rooms): ForgetRevocations {
  const revocations: Statement<[number, number], Key> = database.prepare(FORGETTABLE_REVOCATIONS);
  const forgetRevocation: Statement = database.prepare(FORGET_REVOCATION);
  const known: Statement<[number, number], Key> = database.prepare(FORGETTABLE_KNOWN);
  const forgetKnown: Statement = database.prepare(FORGET_KNOWN);

  return ({ expiredBefore, limit }, drafts) =>
    writer.write(() => {
      const old = revocations.all(expiredBefore, limit);
      for (const { generation, serial } of old) forgetRevocation.run(generation, serial);
      const serials = known.all(expiredBefore, limit - old.length);
      for (const { generation, serial } of serials) forgetKnown.run(generation, serial);
      const count = old.length + serials.length;
      if (count > 0) audit.append(drafts(count));
      return count;
    });
}
