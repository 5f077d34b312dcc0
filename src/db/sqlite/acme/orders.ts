/** ACME orders. */
import type { Statement } from 'better-sqlite3';
import { toHex } from '../../../x509/bytes.ts';
import { idOfTime } from '../../../domain/acme/ids.ts';
import type { AcmeOrder, Prunable } from '../../../domain/acme/order.ts';
import type { OrderStore } from '../../../domain/acme/ports.ts';
import type { Name } from '../../../domain/identity/names.ts';
import { octets } from '../octets.ts';
import type { Rooms } from '../rooms.ts';
import type { Authorizations } from './authorizations.ts';

interface OrderRow {
  readonly id: string;
  readonly issuer: string;
  readonly account: string;
  readonly names: string;
  readonly authorizations: string;
  readonly profile: string;
  readonly not_before: number | null;
  readonly not_after: number | null;
  readonly replaces: Buffer | null;
  readonly created_at: number;
  readonly expires_at: number;
  readonly certificate: Buffer | null;
  readonly refusal: string | null;
}

export interface Orders extends OrderStore {
  /** Inside a job: gives the order its certificate; false when it has one, or is not there. */
  fulfil(id: string, serial: string): boolean;
}

/** Later than every id. */
const LAST = '~';

export function openOrders({ database, audit, writer }: Rooms, authorizations: Authorizations): Orders {
  const insert: Statement = database.prepare(
    `INSERT INTO acme_orders (id, issuer, account, names, authorizations, profile, not_before, not_after, replaces,
       created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId: Statement<[string], OrderRow> = database.prepare('SELECT * FROM acme_orders WHERE id = ?');
  const byCertificate: Statement<[Uint8Array], OrderRow> = database.prepare(
    'SELECT * FROM acme_orders WHERE certificate = ?',
  );
  const replacing: Statement<[Uint8Array], OrderRow> = database.prepare(
    'SELECT * FROM acme_orders WHERE replaces = ?',
  );
  const ofAccount: Statement<[string, string, number], OrderRow> = database.prepare(
    'SELECT * FROM acme_orders WHERE account = ? AND id < ? ORDER BY id DESC LIMIT ?',
  );
  const newest: Statement<[string, number], OrderRow> = database.prepare(
    'SELECT * FROM acme_orders WHERE id < ? ORDER BY id DESC LIMIT ?',
  );
  const ofIssuer: Statement<[string, string, number], OrderRow> = database.prepare(
    'SELECT * FROM acme_orders WHERE issuer = ? AND id < ? ORDER BY id DESC LIMIT ?',
  );
  const fulfil: Statement = database.prepare(
    'UPDATE acme_orders SET certificate = ?, refusal = NULL WHERE id = ? AND certificate IS NULL',
  );
  const refuse: Statement = database.prepare(
    'UPDATE acme_orders SET refusal = ? WHERE id = ? AND certificate IS NULL',
  );
  const failed: Statement<[number, number], Pick<OrderRow, 'id' | 'authorizations'>> = database.prepare(
    `SELECT id, authorizations FROM acme_orders INDEXED BY acme_orders_open
     WHERE certificate IS NULL AND expires_at < ? LIMIT ?`,
  );
  const forget: Statement = database.prepare('DELETE FROM acme_orders WHERE id = ?');
  const forgetOld: Statement = database.prepare(
    'DELETE FROM acme_orders WHERE id IN (SELECT id FROM acme_orders WHERE id < ? LIMIT ?)',
  );

  const prune = ({ failedBefore, authorizationsBefore, ordersBefore, limit }: Prunable): number => {
    const gone = failed.all(failedBefore, limit);
    for (const { id, authorizations: its } of gone) {
      // who has shown control of a name may speak for it a while, whatever became of the order
      for (const one of authorizations.all(JSON.parse(its) as string[]))
        if (one.attempts.every(({ validatedAt }) => validatedAt === null)) authorizations.forget(one.id);
      forget.run(id);
    }
    return (
      gone.length +
      authorizations.forgetOlder(idOfTime(authorizationsBefore), limit) +
      forgetOld.run(idOfTime(ordersBefore), limit).changes
    );
  };
  return {
    find(id) {
      const row = writer.read(() => byId.get(id));
      return row && readOrder(row);
    },
    findByCertificate(serial) {
      const row = writer.read(() => byCertificate.get(octets(serial)));
      return row && readOrder(row);
    },
    add: (order, its, drafts, stands) =>
      writer.write(() => {
        const { replaces } = order;
        if (replaces !== null) {
          const others = replacing.all(octets(replaces)).map(readOrder);
          if (others.some((other) => stands(other, authorizations.all(other.authorizations))))
            return 'replaced';
        }
        insert.run(
          order.id,
          order.issuer,
          order.account,
          JSON.stringify(order.names.map(({ kind, value }) => [kind, value])),
          JSON.stringify(order.authorizations),
          order.profile,
          order.notBefore,
          order.notAfter,
          replaces === null ? null : octets(replaces),
          order.createdAt,
          order.expiresAt,
        );
        for (const authorization of its) authorizations.insert(authorization);
        audit.append(drafts);
        return 'added';
      }),
    refuse: (id, refusal) => writer.write(() => void refuse.run(refusal, id)),
    list: ({ account, issuer }, limit, before = LAST) =>
      writer
        .read(() => {
          if (account !== undefined) return ofAccount.all(account, before, limit);
          return issuer === undefined ? newest.all(before, limit) : ofIssuer.all(issuer, before, limit);
        })
        .map(readOrder),
    prune: (what) => writer.write(() => prune(what)),
    fulfil: (id, serial) => fulfil.run(octets(serial), id).changes === 1,
  };
}

const readOrder = (row: OrderRow): AcmeOrder => ({
  id: row.id,
  issuer: row.issuer,
  account: row.account,
  names: (JSON.parse(row.names) as [Name['kind'], string][]).map(([kind, value]) => ({ kind, value })),
  authorizations: JSON.parse(row.authorizations) as string[],
  profile: row.profile,
  notBefore: row.not_before,
  notAfter: row.not_after,
  replaces: row.replaces === null ? null : toHex(row.replaces),
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  certificate: row.certificate === null ? null : toHex(row.certificate),
  refusal: row.refusal,
});
