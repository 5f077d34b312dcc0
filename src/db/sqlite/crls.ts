/** The newest CRL of each root. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { CrlStore, JournalRecord } from '../../domain/revocation/ports.ts';
import type { StoredCrl } from '../../domain/revocation/crl.ts';
import { COLUMNS, readRevocationRow, type RevocationRow } from './revocations.ts';
import type { Rooms } from './rooms.ts';

interface CrlRow {
  readonly root: string;
  readonly number: string;
  readonly this_update: number;
  readonly next_update: number;
  readonly der: Buffer;
}

export function openCrls({ database, audit, writer }: Rooms): CrlStore {
  const all: Statement<[], CrlRow> = database.prepare('SELECT * FROM root_crls ORDER BY root');
  const number: Statement<[string], { number: string }> = database.prepare(
    'SELECT number FROM root_crls WHERE root = ?',
  );
  const put: Statement = database.prepare(
    'INSERT OR REPLACE INTO root_crls (root, number, this_update, next_update, der) VALUES (?, ?, ?, ?, ?)',
  );

  const journaled: Statement<[string], RevocationRow> = database.prepare(
    `SELECT ${COLUMNS} FROM revocations WHERE generation = ? ORDER BY sequence`,
  );

  return {
    journaled: (root) => writer.read(() => journaled.all(root)).map(readRevocationRow),
    crls: () => writer.read(() => all.all()).map(readCrl),
    put: (crl, drafts, added = []) =>
      writer.write(() => {
        const before = number.get(crl.root)?.number;
        if (before !== undefined && BigInt(before) >= crl.number)
          throw new ChanceryError('already_exists', {
            message: `the CRL of ${crl.root} has the number ${before} already, ${crl.number} is not above it`,
            rule: 'RFC 5280 5.2.3: CRL numbers only rise',
            fix: 'Sign a newer one.',
          });
        put.run(crl.root, String(crl.number), crl.thisUpdate, crl.nextUpdate, crl.der);
        audit.append(drafts);
      }, [
        ...added.map((revocation): JournalRecord => {
          return { kind: 'revoked', ...revocation, recordedAt: revocation.revokedAt, blockKey: null };
        }),
        { kind: 'crl', generation: crl.root, scope: 'full', number: crl.number, thisUpdate: crl.thisUpdate },
      ]),
  };
}

const readCrl = (row: CrlRow): StoredCrl => ({
  root: row.root,
  number: BigInt(row.number),
  thisUpdate: row.this_update,
  nextUpdate: row.next_update,
  der: row.der,
});
