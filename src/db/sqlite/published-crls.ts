/** Which CRL is the newest of each scope of each generation. Its octets are a file. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import type { CrlScope, PublishedCrl, PublishedCrlStore, Revocation } from '../../domain/revocation/ports.ts';
import { toHex } from '../../x509/bytes.ts';
import { CRL_REASONS } from '../../x509/crl.ts';
import { encodeCrlEntry } from '../../x509/crl-writer.ts';
import { octets } from './octets.ts';
import { NEXT_SEQUENCE, REVOKE_CERTIFICATE } from './revocations.ts';
import type { Rooms } from './rooms.ts';

interface CrlRow {
  readonly generation: string;
  readonly scope: number;
  readonly number: string;
  readonly this_update: number;
  readonly next_update: number;
  readonly covers: number;
  readonly entries: number;
  readonly file: string;
  readonly sha256: Buffer;
  readonly size: number;
}

/** The complete CRL among the numbers of shards. */
const FULL = -1;
export const LATEST_SEQUENCE = 'SELECT coalesce(max(sequence), 0) FROM revocations WHERE generation = ?';
export const LATEST_SEQUENCE_OF_SHARD =
  'SELECT coalesce(max(sequence), 0) FROM revocations WHERE generation = ? AND shard = ?';

export function openPublishedCrls({ database, audit, writer }: Rooms): PublishedCrlStore {
  const all: Statement<[], CrlRow> = database.prepare(
    'SELECT * FROM published_crls ORDER BY generation, scope',
  );
  const number: Statement<[string, number], string> = database
    .prepare<[string, number], string>('SELECT number FROM published_crls WHERE generation = ? AND scope = ?')
    .pluck();
  const put: Statement = database.prepare(
    `INSERT OR REPLACE INTO published_crls
     (generation, scope, number, this_update, next_update, covers, entries, file, sha256, size)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const latest: Statement<[string], number> = database.prepare<[string], number>(LATEST_SEQUENCE).pluck();
  const latestOfShard: Statement<[string, number], number> = database
    .prepare<[string, number], number>(LATEST_SEQUENCE_OF_SHARD)
    .pluck();
  const nextSequence: Statement<[string], number> = database.prepare<[string], number>(NEXT_SEQUENCE).pluck();
  const putBack: Statement = database.prepare(
    `INSERT INTO revocations (generation, shard, serial, revoked_at, reason, not_after, recorded_at, sequence, entry)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );

  const mark: Statement = database.prepare(REVOKE_CERTIFICATE);

  const publishOne = (crl: PublishedCrl): void => {
    const scope = scopeNumber(crl.scope);
    const before = number.get(crl.generation, scope);
    if (before !== undefined && BigInt(before) >= crl.number) throw notRising(crl, before);
    put.run(
      crl.generation,
      scope,
      String(crl.number),
      crl.thisUpdate,
      crl.nextUpdate,
      crl.covers,
      crl.entries,
      crl.file,
      octets(crl.sha256),
      crl.size,
    );
  };

  const putBackOne = (revocation: Revocation, recordedAt: number): number => {
    const { generation, shard, revokedAt, reason, notAfter } = revocation;
    const serial = octets(revocation.serial);
    const entry = encodeCrlEntry({ serial, revokedAt, reason });
    const sequence = nextSequence.get(generation);
    const code = CRL_REASONS.indexOf(reason);
    const { changes } = putBack.run(
      ...[generation, shard, serial, revokedAt, code, notAfter, recordedAt, sequence, entry],
    );
    // our own doors and OCSP go by the certificate
    if (changes > 0) mark.run(revokedAt, code, serial, generation);
    return changes;
  };

  return {
    published: () => writer.read(() => all.all()).map(readCrl),
    publish: (crls, drafts) =>
      writer.write(
        () => {
          for (const crl of crls) publishOne(crl);
          audit.append(drafts);
        },
        crls.map(({ generation, scope, number, thisUpdate }) => {
          return { kind: 'crl', generation, scope, number, thisUpdate };
        }),
      ),
    latestSequence: (generation, scope) =>
      writer.read(() => (scope === 'full' ? latest.get(generation) : latestOfShard.get(generation, scope))) ??
      0,
    putBack: (revocations, recordedAt, drafts) =>
      writer.write(
        () => {
          let count = 0;
          for (const revocation of revocations) count += putBackOne(revocation, recordedAt);
          if (count > 0) audit.append(drafts);
          return count;
        },
        revocations.map((revocation) => ({ kind: 'revoked', ...revocation, recordedAt, blockKey: null })),
      ),
  };
}

const scopeNumber = (scope: CrlScope): number => (scope === 'full' ? FULL : scope);

const notRising = ({ generation, scope, number }: PublishedCrl, before: string): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `the CRL ${scope} of ${generation} has the number ${before} already, ${number} is not above it`,
    rule: 'RFC 5280 5.2.3: CRL numbers only rise',
    fix: 'Sign a newer one.',
  });

const readCrl = (row: CrlRow): PublishedCrl => ({
  generation: row.generation,
  scope: row.scope === FULL ? 'full' : row.scope,
  number: BigInt(row.number),
  thisUpdate: row.this_update,
  nextUpdate: row.next_update,
  covers: row.covers,
  entries: row.entries,
  file: row.file,
  sha256: toHex(row.sha256),
  size: row.size,
});
