/** Rate limits (GCRA) and moved renewal windows. */
import type { Statement } from 'better-sqlite3';
import type { MovedWindow, RateStore, WindowStore } from '../../../domain/acme/ports.ts';
import { arrivalAfter } from '../../../base/rate.ts';
import type { Rooms } from '../rooms.ts';

const PRUNED_AT_ONCE = 1000;

export function openRates({ database, writer }: Rooms): RateStore {
  const select: Statement<[string], number> = database
    .prepare<[string], number>('SELECT arrival FROM acme_rates WHERE key = ?')
    .pluck();
  const put: Statement = database.prepare(
    'INSERT INTO acme_rates (key, arrival) VALUES (?, ?) ON CONFLICT DO UPDATE SET arrival = excluded.arrival',
  );
  const remove: Statement = database.prepare(
    'DELETE FROM acme_rates WHERE key IN (SELECT key FROM acme_rates WHERE arrival < ? LIMIT ?)',
  );
  return {
    take: (buckets, now) =>
      writer.write(() => {
        const taken = buckets.map(({ key, rate, look }) => ({
          key,
          look,
          ...arrivalAfter(select.get(key), rate, now),
        }));
        const [full] = taken.filter(({ at }) => at > now).sort((a, b) => b.at - a.at);
        if (full !== undefined) return { allowed: false as const, key: full.key, at: full.at };
        for (const { key, arrival, look } of taken) if (look !== true) put.run(key, arrival);
        return { allowed: true as const };
      }),
    prune: (now) => writer.write(() => remove.run(now, PRUNED_AT_ONCE).changes),
  };
}

interface WindowRow {
  readonly id: string;
  readonly issuer: string;
  readonly issued_until: number;
  readonly starts_at: number;
  readonly ends_at: number;
  readonly explanation_url: string | null;
}

export function openWindows({ database, audit, writer }: Rooms): WindowStore {
  const insert: Statement = database.prepare(
    `INSERT INTO acme_windows (id, issuer, issued_until, starts_at, ends_at, explanation_url)
     VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const all: Statement<[string], WindowRow> = database.prepare(
    'SELECT * FROM acme_windows WHERE issuer = ? ORDER BY id DESC',
  );
  return {
    move: ({ id, issuer, issuedUntil, start, end, explanationUrl }, drafts) =>
      writer.write(() => {
        insert.run(id, issuer, issuedUntil, start, end, explanationUrl);
        audit.append(drafts);
      }),
    windows: (issuer) => writer.read(() => all.all(issuer)).map(readWindow),
  };
}

const readWindow = (row: WindowRow): MovedWindow => ({
  id: row.id,
  issuer: row.issuer,
  issuedUntil: row.issued_until,
  start: row.starts_at,
  end: row.ends_at,
  explanationUrl: row.explanation_url,
});
