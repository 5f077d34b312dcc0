/** How much of the journal the database has, and the CRL numbers that only the journal tells of. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { JournalPosition } from '../../domain/revocation/journal.ts';
import type { CrlFloor, JournalBook } from '../../domain/revocation/journal-book.ts';
import { READ_POSITION, renderPosition, WRITE_POSITION } from './journal-desk.ts';
import type { Rooms } from './rooms.ts';

/** The complete CRL among the numbers of shards. */
const FULL = -1;

interface FloorRow {
  readonly scope: number;
  readonly number: string;
  readonly this_update: number;
}

export function openJournalBook({ database, audit, writer }: Rooms): JournalBook {
  const read: Statement<[], string> = database.prepare<[], string>(READ_POSITION).pluck();
  const write: Statement<[string]> = database.prepare(WRITE_POSITION);
  const leave: Statement<[]> = database.prepare(`DELETE FROM meta WHERE key = 'journal'`);
  const floors: Statement<[string], FloorRow> = database.prepare(
    'SELECT scope, number, this_update FROM crl_floors WHERE generation = ?',
  );
  const put: Statement = database.prepare(
    'INSERT OR REPLACE INTO crl_floors (generation, scope, number, this_update) VALUES (?, ?, ?, ?)',
  );

  const raise = ({ generation, scope, number, thisUpdate }: CrlFloor): void => {
    const id = scope === 'full' ? FULL : scope;
    const before = floors.all(generation).find((row) => row.scope === id);
    // the date of the highest number is the latest, unless an operator took a later one back
    if (before === undefined || number > BigInt(before.number))
      put.run(generation, id, String(number), thisUpdate);
  };

  return {
    position() {
      const text = writer.read(() => read.get());
      return text === undefined ? undefined : readPosition(text);
    },
    advance: (position, found, drafts) =>
      writer.write(() => {
        for (const floor of found) raise(floor);
        if (position === undefined) leave.run();
        else write.run(renderPosition(position));
        audit.append(drafts);
      }),
    raise: (found, drafts) =>
      writer.write(
        () => {
          for (const floor of found) raise(floor);
          audit.append(drafts);
        },
        found.map((floor) => ({ kind: 'crl', ...floor })),
      ),
    crlFloor(generation) {
      const rows = writer.read(() => floors.all(generation));
      if (rows.length === 0) return undefined;
      return {
        number: rows.map(({ number }) => BigInt(number)).reduce((a, b) => (a > b ? a : b)),
        thisUpdate: Math.max(...rows.map((row) => row.this_update)),
      };
    },
    attach: (journal) => writer.attach(journal),
  };
}

function readPosition(text: string): JournalPosition {
  const { journal, sequence, hash } = JSON.parse(text) as Partial<JournalPosition>;
  if (typeof journal === 'string' && typeof sequence === 'number' && typeof hash === 'string')
    return { journal, sequence, hash };
  throw new ChanceryError('internal', 'the place in the journal cannot be read from the database');
}
