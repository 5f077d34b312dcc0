/**
 * What a CRL is made of, read by a connection of its own that never writes: a thread beside the server uses it. Entries
 * are asked for in few large statements, because a row at a time costs ten times as much.
 */
import Database, { type Statement } from 'better-sqlite3';
import type { Instant } from '../../base/clock.ts';
import type { CrlScope } from '../../domain/revocation/ports.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { cannotOpen } from './open.ts';

export interface EntriesWanted {
  readonly generation: string;
  readonly scope: CrlScope;
  /**
   * Left out is what an earlier CRL, which took every revocation up to `covered` into account, named after the
   * certificate had expired (RFC 5280 3.3): certificates that expired before `expiredBefore`.
   */
  readonly expiredBefore: Instant;
  readonly covered: number;
}

export interface EntriesFound {
  /** One list for each shard, in pieces, each in order of the serial numbers; a piece is read when it is asked for. */
  readonly lists: readonly Iterable<Bytes>[];
  /** The highest sequence of the scope's revocations. */
  readonly covers: number;
  /** Every row of the scope, those of expired certificates as well. */
  readonly rows: number;
}

/** What is on record of a serial number that a CRL names. */
export interface SerialFacts {
  /** `undefined` for a serial that is on record nowhere. */
  readonly notAfter: Instant | undefined;
  readonly shard: number | undefined;
  readonly revoked: boolean;
}

/** Rows of one statement, about: 800 KiB of entries. */
const PIECE = 16_384;

/** A BLOB is TEXT of the same octets to SQLite, and group_concat keeps every one: the list is judged before it is signed. */
export const CRL_PIECE = `SELECT CAST(group_concat(entry, '') AS BLOB) FROM revocations
  WHERE generation = ? AND shard = ? AND serial >= ? AND serial < ? AND (not_after >= ? OR sequence > ?)`;
export const CRL_LAST_PIECE = `SELECT CAST(group_concat(entry, '') AS BLOB) FROM revocations
  WHERE generation = ? AND shard = ? AND serial >= ? AND (not_after >= ? OR sequence > ?)`;
export const CRL_NEXT_SHARD = 'SELECT min(shard) FROM revocations WHERE generation = ? AND shard > ?';
const COVERS = 'SELECT coalesce(max(sequence), 0) FROM revocations WHERE generation = ? AND shard = ?';
const ROWS = 'SELECT count(*) FROM revocations WHERE generation = ? AND shard = ?';
const FACTS = `SELECT not_after AS notAfter, shard, 1 AS revoked FROM revocations WHERE generation = @generation AND serial = @serial
  UNION ALL SELECT not_after, shard, 0 FROM certificates WHERE generation = @generation AND serial = @serial
  UNION ALL SELECT not_after, shard, 0 FROM known_serials WHERE generation = @generation AND serial = @serial LIMIT 1`;

export class CrlRows {
  readonly #database: Database.Database;
  readonly #piece: Statement<[string, number, Bytes, Bytes, number, number], Buffer | null>;
  readonly #lastPiece: Statement<[string, number, Bytes, number, number], Buffer | null>;
  readonly #nextShard: Statement<[string, number], number | null>;
  readonly #covers: Statement<[string, number], number>;
  readonly #rows: Statement<[string, number], number>;
  readonly #facts: Statement<
    [{ readonly generation: string; readonly serial: Bytes }],
    { readonly notAfter: number; readonly shard: number; readonly revoked: number }
  >;

  /** Throws `store_unavailable`. */
  constructor(file: string) {
    try {
      const database = (this.#database = new Database(file, { readonly: true, fileMustExist: true }));
      this.#piece = database
        .prepare<[string, number, Bytes, Bytes, number, number], Buffer | null>(CRL_PIECE)
        .pluck();
      this.#lastPiece = database
        .prepare<[string, number, Bytes, number, number], Buffer | null>(CRL_LAST_PIECE)
        .pluck();
      this.#nextShard = database.prepare<[string, number], number | null>(CRL_NEXT_SHARD).pluck();
      this.#covers = database.prepare<[string, number], number>(COVERS).pluck();
      this.#rows = database.prepare<[string, number], number>(ROWS).pluck();
      this.#facts = database.prepare(FACTS);
    } catch (error) {
      throw cannotOpen(file, error);
    }
  }

  /** One state of the database, whatever is recorded while `use` reads it. */
  read<T>(wanted: EntriesWanted, use: (found: EntriesFound) => T): T {
    return this.#database.transaction(() => {
      const shards = wanted.scope === 'full' ? this.#shards(wanted.generation) : [wanted.scope];
      const highest = shards.map((shard) => this.#covers.get(wanted.generation, shard) ?? 0);
      const rows = shards.map((shard) => this.#rows.get(wanted.generation, shard) ?? 0);
      return use({
        lists: shards.map((shard, i) => this.#pieces(wanted, shard, rows[i] ?? 0)),
        covers: Math.max(0, ...highest),
        rows: rows.reduce((sum, count) => sum + count, 0),
      });
    })();
  }

  facts(generation: string, serial: Bytes): SerialFacts {
    const row = this.#facts.get({ generation, serial });
    return { notAfter: row?.notAfter, shard: row?.shard, revoked: row?.revoked === 1 };
  }

  close(): void {
    this.#database.close();
  }

  #shards(generation: string): number[] {
    const shards: number[] = [];
    let shard = this.#nextShard.get(generation, -1) ?? null;
    for (; shard !== null; shard = this.#nextShard.get(generation, shard) ?? null) shards.push(shard);
    return shards;
  }

  *#pieces(
    { generation, expiredBefore, covered }: EntriesWanted,
    shard: number,
    rows: number,
  ): Generator<Bytes> {
    let from: Bytes = new Uint8Array(0);
    for (const to of bounds(rows)) {
      const piece = this.#piece.get(generation, shard, from, to, expiredBefore, covered);
      if (piece !== null && piece !== undefined && piece.length > 0) yield piece;
      from = to;
    }
    const rest = this.#lastPiece.get(generation, shard, from, expiredBefore, covered);
    if (rest !== null && rest !== undefined && rest.length > 0) yield rest;
  }
}

/**
 * Beginnings of serial numbers that cut a shard into pieces. Ours begin with the bits 01 and are random behind them; of
 * an imported issuer's a piece can be as long as the list, which costs memory and nothing else.
 */
function* bounds(rows: number): Generator<Bytes> {
  const count = Math.min(0x4000, Math.ceil(rows / PIECE));
  for (let i = 0; i <= count && count > 1; i++) {
    const prefix = 0x4000 + Math.floor((0x4000 * i) / count);
    yield Buffer.from([prefix >> 8, prefix & 0xff]);
  }
}
