/** What was issued: searches over the rows that the ledger wrote. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { Inventory } from '../../domain/issuance/ports.ts';
import { type CertificateRow, readCertificateRow } from './certificate-row.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import type { Rooms } from './rooms.ts';
import { certificateSearch } from './search.ts';

export interface CountedInventory extends Inventory {
  /** The ledger recorded one more. */
  added(): void;
}

export const FIRST_EXPIRY =
  'SELECT not_after FROM certificates WHERE not_after >= ? AND revoked_at IS NULL ORDER BY not_after LIMIT 1';

const MAX_LIMIT = 500;

export function openInventory({ database, writer }: Rooms): CountedInventory {
  const searches = new Map<string, Statement<unknown[], CertificateRow>>();
  const firstExpiry: Statement<[number], { not_after: number }> = database.prepare(FIRST_EXPIRY);
  // counted once, then in memory: SQLite counts by reading an index from end to end
  let count = database.prepare('SELECT count(*) FROM certificates').pluck().get() as number;

  const prepared = (sql: string): Statement<unknown[], CertificateRow> => {
    const known = searches.get(sql);
    if (known !== undefined) return known;
    const statement: Statement<unknown[], CertificateRow> = database.prepare(sql);
    searches.set(sql, statement);
    return statement;
  };

  return {
    search(query, now, limit, cursor) {
      checkLimit(limit);
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : parseCursor(cursor);
      const search = certificateSearch(query, now, before, limit + 1);
      if (search === undefined) return { certificates: [], cursor: undefined };
      const rows = writer.read(() => prepared(search.sql).all(...search.parameters));
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return {
        certificates: rows.slice(0, limit).map(readCertificateRow),
        cursor: last && formatCursor(last.id),
      };
    },
    firstExpiry: (now) => writer.read(() => firstExpiry.get(now))?.not_after,
    count: () => count,
    added() {
      count += 1;
    },
  };
}

function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return;
  throw new ChanceryError('invalid_request', {
    message: `${limit} certificates in one page`,
    rule: `a page has 1 to ${MAX_LIMIT}`,
    fix: 'Ask for fewer and follow the cursor.',
  });
}
