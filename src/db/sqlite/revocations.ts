/** What is revoked: the CRL entry is encoded when it is recorded, so that a list is read and never encoded. */
import type { Statement } from 'better-sqlite3';
import type { Instant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type {
  JournalRecord,
  Revocation,
  RevocationOrder,
  RevocationResult,
  RevocationStore,
  SerialStatus,
  StoredRevocation,
} from '../../domain/revocation/ports.ts';
import { fromHex, toHex } from '../../x509/bytes.ts';
import { CRL_REASONS, type CrlReason } from '../../x509/crl.ts';
import { encodeCrlEntry } from '../../x509/crl-writer.ts';
import { octets } from './octets.ts';
import type { Rooms } from './rooms.ts';

export interface RevocationRow {
  readonly generation: string;
  readonly shard: number;
  readonly serial: Buffer;
  readonly revoked_at: number;
  readonly reason: number;
  readonly not_after: number;
  readonly recorded_at: number;
  readonly sequence: number;
  readonly crl_seen_at: number | null;
  readonly ocsp_seen_at: number | null;
}

export const COLUMNS =
  'generation, shard, serial, revoked_at, reason, not_after, recorded_at, sequence, crl_seen_at, ocsp_seen_at';

export const NEXT_SEQUENCE = 'SELECT coalesce(max(sequence), 0) + 1 FROM revocations WHERE generation = ?';
export const FIND_REVOCATION = `SELECT ${COLUMNS} FROM revocations WHERE generation = ? AND serial = ?`;
export const RAISE_REVOCATION =
  'UPDATE revocations SET reason = ?, entry = ?, sequence = ? WHERE generation = ? AND serial = ?';
export const REVOKE_CERTIFICATE =
  'UPDATE certificates SET revoked_at = coalesce(revoked_at, ?), revocation_reason = ? WHERE serial = ? AND generation = ?';
export const FIND_CERTIFICATE =
  'SELECT revoked_at, revocation_reason FROM certificates WHERE serial = ? AND generation = ?';
export const FIND_KNOWN = 'SELECT shard, not_after FROM known_serials WHERE generation = ? AND serial = ?';
export const BLOCK_KEY =
  'INSERT INTO blocked_keys (key_fingerprint, blocked_at, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
export const UNSEEN = `SELECT ${COLUMNS} FROM revocations INDEXED BY revocations_unseen
  WHERE crl_seen_at IS NULL OR ocsp_seen_at IS NULL ORDER BY recorded_at LIMIT ?`;
export const MARK_SEEN = `UPDATE revocations SET crl_seen_at = coalesce(crl_seen_at, ?),
  ocsp_seen_at = coalesce(ocsp_seen_at, ?) WHERE generation = ? AND serial = ?`;

const COMPROMISE = CRL_REASONS.indexOf('keyCompromise');

export function openRevocations({ database, audit, writer }: Rooms): RevocationStore {
  const nextSequence: Statement<[string], number> = database.prepare<[string], number>(NEXT_SEQUENCE).pluck();
  const find: Statement<[string, Uint8Array], RevocationRow> = database.prepare(FIND_REVOCATION);
  const insert: Statement = database.prepare(
    `INSERT INTO revocations (generation, shard, serial, revoked_at, reason, not_after, recorded_at, sequence, entry)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const raise: Statement = database.prepare(RAISE_REVOCATION);
  const mark: Statement = database.prepare(REVOKE_CERTIFICATE);
  const certificate: Statement<
    [Uint8Array, string],
    { revoked_at: number | null; revocation_reason: number | null }
  > = database.prepare(FIND_CERTIFICATE);
  const known: Statement<[string, Uint8Array], { shard: number; not_after: number }> =
    database.prepare(FIND_KNOWN);
  const addKnown: Statement = database.prepare(
    'INSERT INTO known_serials (generation, serial, shard, not_after) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const blockKey: Statement = database.prepare(BLOCK_KEY);
  const unseen: Statement<[number], RevocationRow> = database.prepare(UNSEEN);
  const markSeen: Statement = database.prepare(MARK_SEEN);

  /** Inside a job: whether the key was not blocked before. */
  const block = (key: string, at: Instant): boolean => blockKey.run(octets(key), at, COMPROMISE).changes > 0;

  const add = (revocation: Revocation, recordedAt: Instant): void => {
    const { generation, shard, revokedAt, reason, notAfter } = revocation;
    const serial = octets(revocation.serial);
    const code = CRL_REASONS.indexOf(reason);
    const entry = encodeCrlEntry({ serial, revokedAt, reason });
    const sequence = nextSequence.get(generation);
    insert.run(generation, shard, serial, revokedAt, code, notAfter, recordedAt, sequence, entry);
    mark.run(revokedAt, code, serial, generation);
  };

  /** Also for one whose revocation was forgotten: it expired, and no CRL needs to know its reason. */
  const change = ({ generation, serial, reason }: Revocation): RevocationResult | undefined => {
    const id = octets(serial);
    const row = find.get(generation, id);
    if (row === undefined)
      return (certificate.get(id, generation)?.revoked_at ?? null) === null ? undefined : 'already';
    if (reason !== 'keyCompromise' || row.reason === COMPROMISE) return 'already';
    const entry = encodeCrlEntry({ serial: id, revokedAt: row.revoked_at, reason });
    raise.run(COMPROMISE, entry, nextSequence.get(generation), generation, id);
    mark.run(row.revoked_at, COMPROMISE, id, generation);
    return 'raised';
  };

  const revokeOne = (order: RevocationOrder, recordedAt: Instant): RevocationResult => {
    const { revocation } = order;
    const changed = change(revocation);
    if (changed === undefined) add(revocation, recordedAt);
    const blocked = order.blockKey !== undefined && block(order.blockKey, recordedAt);
    const result = changed === 'already' && blocked ? 'blocked' : (changed ?? 'revoked');
    if (result !== 'already') audit.append(order.audit);
    return result;
  };

  const statusOf = (generation: string, serial: Uint8Array): SerialStatus => {
    // both say the same of a certificate on record; of most, one look-up is enough
    const found = certificate.get(serial, generation);
    if (found !== undefined)
      return found.revoked_at === null ? GOOD : revoked(found.revoked_at, found.revocation_reason ?? 0);
    const row = find.get(generation, serial);
    if (row !== undefined) return revoked(row.revoked_at, row.reason);
    return known.get(generation, serial) === undefined ? UNKNOWN : GOOD;
  };

  return {
    revoke: (orders, recordedAt) =>
      writer.write(
        () => orders.map((order) => revokeOne(order, recordedAt)),
        orders.map(({ revocation, blockKey = null }): JournalRecord => {
          const { generation, serial, shard, notAfter, revokedAt, reason } = revocation;
          const certificate = { generation, serial, shard, notAfter };
          return { kind: 'revoked', ...certificate, revokedAt, recordedAt, reason, blockKey };
        }),
      ),
    block: ({ key, blockedAt }, drafts) =>
      writer.write(() => {
        const fresh = block(key, blockedAt);
        if (fresh) audit.append(drafts);
        return fresh;
      }, [{ kind: 'blocked', key, blockedAt }]),
    find(generation, serial) {
      const id = fromHex(serial);
      const row = id && writer.read(() => find.get(generation, id));
      return row && readRevocationRow(row);
    },
    status(generation, serial) {
      const id = fromHex(serial);
      return id === undefined ? UNKNOWN : writer.read(() => statusOf(generation, id));
    },
    unseen: (limit) => writer.read(() => unseen.all(limit)).map(readRevocationRow),
    seen: (marks) =>
      writer.write(() => {
        for (const { generation, serial, crlSeenAt, ocspSeenAt } of marks)
          markSeen.run(crlSeenAt ?? null, ocspSeenAt ?? null, generation, octets(serial));
      }),
    findKnown(generation, serial) {
      const id = fromHex(serial);
      const row = id && writer.read(() => known.get(generation, id));
      return row && { generation, serial, shard: row.shard, notAfter: row.not_after };
    },
    addKnown: (serials, drafts) =>
      writer.write(
        () => {
          for (const { generation, serial, shard, notAfter } of serials)
            addKnown.run(generation, octets(serial), shard, notAfter);
          audit.append(drafts);
        },
        serials.map(({ generation, serial, shard, notAfter }): JournalRecord => {
          return { kind: 'issued', generation, serial, shard, notAfter };
        }),
      ),
  };
}

const GOOD: SerialStatus = { kind: 'good' };
const UNKNOWN: SerialStatus = { kind: 'unknown' };
const revoked = (revokedAt: Instant, code: number): SerialStatus => ({
  kind: 'revoked',
  revokedAt,
  reason: reasonOf(code),
});

function reasonOf(code: number): CrlReason {
  const reason = CRL_REASONS[code];
  if (reason !== undefined) return reason;
  throw new ChanceryError('internal', `a revocation is on record with the reason ${code}`);
}

export const readRevocationRow = (row: RevocationRow): StoredRevocation => ({
  serial: toHex(row.serial),
  generation: row.generation,
  shard: row.shard,
  notAfter: row.not_after,
  revokedAt: row.revoked_at,
  reason: reasonOf(row.reason),
  sequence: row.sequence,
  recordedAt: row.recorded_at,
  crlSeenAt: row.crl_seen_at,
  ocspSeenAt: row.ocsp_seen_at,
});
