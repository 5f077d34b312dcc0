/** What was issued: searches over the rows that the ledger wrote. */
import type { Statement } from 'better-sqlite3';
import type { Instant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { fromHex, toHex } from '../../x509/bytes.ts';
import type { CertificateQuery, Inventory } from '../../domain/issuance/ports.ts';
import { RESPONDER_PRINCIPAL } from '../../domain/issuance/responder.ts';
import { type CertificateRow, readCertificateRow } from './certificate-row.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { octets } from './octets.ts';
import type { Rooms } from './rooms.ts';
import { certificateSearch, recentSearch, type Search } from './search.ts';

export interface CountedInventory extends Inventory {
  /** The ledger recorded one more. */
  added(): void;
  /** Housekeeping forgot so many. */
  removed(count: number): void;
}

export const FIRST_EXPIRY =
  'SELECT not_after FROM certificates WHERE not_after >= ? AND revoked_at IS NULL ORDER BY not_after LIMIT 1';

/** Over those that have not expired: who asks is an operator, once in a year. */
export const LIVING = `SELECT count(*) AS count, max(not_after) AS latest FROM certificates
  WHERE not_after >= ? AND revoked_at IS NULL AND generation = ? AND principal <> '${RESPONDER_PRINCIPAL}'`;

/** Where the store keeps how many certificates were forgotten. */
export const FORGOTTEN = 'certificates-forgotten';

/** How many there are: rows are numbered from 1 without gaps but for those that were forgotten. */
export const COUNT = `SELECT coalesce((SELECT max(id) FROM certificates), 0)
  - coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = '${FORGOTTEN}'), 0)`;

export const RENEWAL = 'SELECT serial, issued_at FROM certificates WHERE renews = ? ORDER BY id DESC LIMIT 1';

export const PRESENTED =
  'UPDATE certificates SET presented_at = max(coalesce(presented_at, 0), ?) WHERE serial = ?';

const MAX_LIMIT = 500;
/** How many of the newest certificates a search by time looks at before it asks the index. */
const RECENT = 2000;

export function openInventory({ database, writer }: Rooms): CountedInventory {
  const searches = new Map<string, Statement<unknown[], CertificateRow>>();
  const firstExpiry: Statement<[number], { not_after: number }> = database.prepare(FIRST_EXPIRY);
  const living: Statement<[number, string], { count: number; latest: number | null }> =
    database.prepare(LIVING);
  const newest: Statement<[], { id: number | null }> = database.prepare(
    'SELECT max(id) AS id FROM certificates',
  );
  const counted: Statement<[], number> = database.prepare<[], number>(COUNT).pluck();
  const renewal: Statement<[Uint8Array], { serial: Buffer; issued_at: number }> = database.prepare(RENEWAL);
  const present: Statement<[number, Uint8Array]> = database.prepare(PRESENTED);
  // asked once, then in memory
  let count: number | undefined;

  const prepared = (sql: string): Statement<unknown[], CertificateRow> => {
    const known = searches.get(sql);
    if (known !== undefined) return known;
    const statement: Statement<unknown[], CertificateRow> = database.prepare(sql);
    searches.set(sql, statement);
    return statement;
  };

  const run = (search: Search | undefined): CertificateRow[] =>
    search === undefined ? [] : prepared(search.sql).all(...search.parameters);

  const find = (query: CertificateQuery, now: Instant, before: number, limit: number): CertificateRow[] => {
    const end = Math.min(before, (newest.get()?.id ?? 0) + 1);
    const recent = run(recentSearch(query, now, end, limit, end - RECENT));
    return recent.length === limit ? recent : run(certificateSearch(query, now, end, limit));
  };

  return {
    search(query, now, limit, cursor) {
      checkLimit(limit);
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : parseCursor(cursor);
      const rows = writer.read(() => find(query, now, before, limit + 1));
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return {
        certificates: rows.slice(0, limit).map(readCertificateRow),
        cursor: last && formatCursor(last.id),
      };
    },
    firstExpiry: (now) => writer.read(() => firstExpiry.get(now))?.not_after,
    living(generation, now) {
      const row = writer.read(() => living.get(now, generation));
      return { count: row?.count ?? 0, latest: row?.latest ?? undefined };
    },
    count: () => (count ??= writer.read(() => counted.get()) ?? 0),
    renewal(serial) {
      const key = fromHex(serial);
      const row = key && writer.read(() => renewal.get(key));
      return row && { serial: toHex(row.serial), issuedAt: row.issued_at };
    },
    presented: (marks) =>
      writer.write(() => {
        for (const { serial, at } of marks) present.run(at, octets(serial));
      }),
    added() {
      if (count !== undefined) count += 1;
    },
    removed(forgotten) {
      if (count !== undefined) count -= forgotten;
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
