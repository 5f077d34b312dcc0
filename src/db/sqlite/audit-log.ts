/** Reading the audit log, and its signed heads. */
import type { Statement } from 'better-sqlite3';
import { ChanceryError } from '../../base/errors.ts';
import { toHex } from '../../x509/bytes.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';
import type { AuditHead } from '../../domain/audit/head.ts';
import type { AuditLog } from '../../domain/audit/ports.ts';
import { isConstraintViolation } from './failures.ts';
import { octets } from './octets.ts';
import type { Rooms } from './rooms.ts';

interface EntryRow {
  readonly sequence: number;
  readonly body: string;
  readonly hash: Buffer;
}

interface HeadRow {
  readonly sequence: number;
  readonly hash: Buffer;
  readonly time: number;
  readonly key_id: Buffer;
  readonly signature: string;
}

export function openAuditLog({ database, writer }: Rooms): AuditLog {
  const entries: Statement<[number, number], EntryRow> = database.prepare(
    'SELECT sequence, body, hash FROM audit_entries WHERE sequence >= ? ORDER BY sequence LIMIT ?',
  );
  const last: Statement<[], EntryRow> = database.prepare(
    'SELECT sequence, body, hash FROM audit_entries ORDER BY sequence DESC LIMIT 1',
  );
  const heads: Statement<[number, number], HeadRow> = database.prepare(
    'SELECT * FROM audit_heads WHERE sequence >= ? ORDER BY sequence LIMIT ?',
  );
  const lastHead: Statement<[], HeadRow> = database.prepare(
    'SELECT * FROM audit_heads ORDER BY sequence DESC LIMIT 1',
  );
  const insertHead: Statement = database.prepare(
    'INSERT INTO audit_heads (sequence, hash, time, key_id, signature) VALUES (?, ?, ?, ?, ?)',
  );

  return {
    entries: (from, limit) => writer.read(() => entries.all(from, limit)).map(readEntry),
    last() {
      const row = writer.read(() => last.get());
      return row && readEntry(row);
    },
    heads: (from, limit) => writer.read(() => heads.all(from, limit)).map(readHead),
    lastHead() {
      const row = writer.read(() => lastHead.get());
      return row && readHead(row);
    },
    addHead: (head) =>
      writer.write(() => {
        try {
          insertHead.run(head.sequence, octets(head.hash), head.time, octets(head.keyId), head.signature);
        } catch (error) {
          throw isConstraintViolation(error, 'PRIMARYKEY') ? alreadySigned(head) : error;
        }
      }),
  };
}

const readEntry = ({ sequence, body, hash }: EntryRow): AuditEntry => ({ sequence, body, hash: toHex(hash) });

const readHead = ({ sequence, hash, time, key_id, signature }: HeadRow): AuditHead => ({
  sequence,
  hash: toHex(hash),
  time,
  keyId: toHex(key_id),
  signature,
});

const alreadySigned = ({ sequence }: AuditHead): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `the audit entry ${sequence} has a signed head already`,
    rule: 'an entry is signed once',
    fix: 'Sign a later entry.',
  });
