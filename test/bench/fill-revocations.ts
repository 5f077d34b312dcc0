/** Revocations of certificates that nobody has, straight into a database: a million through the API would take an hour. */
import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import { encodeCrlEntry } from '../../src/x509/crl-writer.ts';

export function fillRevocations(file: string, generation: string, count: number, notAfter: number): void {
  const database = new Database(file);
  try {
    const { last } = database
      .prepare<[string], { last: number }>(
        'SELECT coalesce(max(sequence), 0) AS last FROM revocations WHERE generation = ?',
      )
      .get(generation) ?? { last: 0 };
    const insert = database.prepare(
      `INSERT INTO revocations (generation, shard, serial, revoked_at, reason, not_after, recorded_at, sequence,
       crl_seen_at, ocsp_seen_at, entry) VALUES (?, ?, ?, ?, 4, ?, ?, ?, 0, 0, ?)`,
    );
    const revokedAt = Math.floor(Date.now() / 1000) * 1000;
    const serials = Array.from({ length: count }, () => {
      const serial = randomBytes(16);
      serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
      return serial;
    }).sort((a, b) => Buffer.compare(a, b));
    database.transaction(() => {
      let sequence = last;
      for (const serial of serials) {
        const entry = encodeCrlEntry({ serial, revokedAt, reason: 'superseded' });
        const shard = (serial[15] ?? 0) % 4;
        insert.run(generation, shard, serial, revokedAt, notAfter, revokedAt, ++sequence, entry);
      }
    })();
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}
