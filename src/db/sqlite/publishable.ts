/** Serials whose OCSP answers are signed ahead. Only rows that have not expired are walked over, however many did. */
import type { Statement } from 'better-sqlite3';
import type { PublishableCursor, PublishableSerials } from '../../domain/revocation/publication.ts';
import { fromHex, toHex } from '../../x509/bytes.ts';
import type { Rooms } from './rooms.ts';

interface Row {
  readonly generation: string;
  readonly serial: Buffer;
  readonly not_after: number;
}

/** The first value is where the walk goes on, now at the least: a page begins there, not at the first of all. */
export const UNEXPIRED_CERTIFICATES = `SELECT id, generation, serial, not_after
  FROM certificates INDEXED BY certificates_not_after
  WHERE not_after >= ? AND (not_after > ? OR id > ?) ORDER BY not_after, id LIMIT ?`;
export const UNEXPIRED_KNOWN = `SELECT generation, serial, not_after FROM known_serials
  WHERE not_after >= ? AND (not_after > ? OR (generation, serial) > (?, ?))
  ORDER BY not_after, generation, serial LIMIT ?`;
export const REVOKED_SINCE = `SELECT generation, serial, not_after, sequence FROM revocations
  WHERE generation = ? AND sequence > ? AND not_after >= ? ORDER BY sequence LIMIT ?`;
const COUNT = `SELECT (SELECT count(*) FROM (SELECT 1 FROM certificates WHERE not_after >= ? LIMIT ?))
  + (SELECT count(*) FROM (SELECT 1 FROM known_serials WHERE not_after >= ? LIMIT ?))`;

export function openPublishable({ database, writer }: Rooms): PublishableSerials {
  const certificates: Statement<unknown[], Row & { readonly id: number }> =
    database.prepare(UNEXPIRED_CERTIFICATES);
  const known: Statement<unknown[], Row> = database.prepare(UNEXPIRED_KNOWN);
  const revoked: Statement<unknown[], Row & { readonly sequence: number }> = database.prepare(REVOKED_SINCE);
  const count: Statement<unknown[], number> = database.prepare<unknown[], number>(COUNT).pluck();

  return {
    unexpired: (now, limit, after) =>
      writer.read(() => {
        if (after?.known === true) return knownPage(now, limit, after);
        const from = after?.notAfter ?? -1;
        const rows = certificates.all(Math.max(now, from), from, after?.key ?? -1, limit);
        const last = rows.at(-1);
        if (rows.length === limit && last !== undefined)
          return {
            serials: rows.map(readRow),
            next: { known: false, notAfter: last.not_after, key: last.id },
          };
        const page = knownPage(now, limit, undefined);
        return { ...page, serials: [...rows.map(readRow), ...page.serials] };
      }),
    revokedSince: (generation, sequence, now, limit) =>
      writer.read(() =>
        revoked
          .all(generation, sequence, now, limit)
          .map((row) => ({ serial: toHex(row.serial), notAfter: row.not_after, sequence: row.sequence })),
      ),
    countUnexpired: (now, limit) =>
      writer.read(() => Math.min(limit, count.get(now, limit, now, limit) ?? 0)),
  };

  function knownPage(now: number, limit: number, after: PublishableCursor | undefined) {
    const from = after?.notAfter ?? -1;
    const [generation = '', serial = ''] = String(after?.key ?? '').split(' ');
    const id = fromHex(serial) ?? new Uint8Array(0);
    const rows = known.all(Math.max(now, from), from, generation, id, limit);
    const last = rows.at(-1);
    const next =
      rows.length < limit || last === undefined
        ? undefined
        : { known: true, notAfter: last.not_after, key: `${last.generation} ${toHex(last.serial)}` };
    return { serials: rows.map(readRow), next };
  }
}

const readRow = (row: Row) => ({
  generation: row.generation,
  serial: toHex(row.serial),
  notAfter: row.not_after,
});
