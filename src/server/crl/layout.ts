/** The work of the thread beside the server: entries out of the database into octets, and signed octets into a file. */
import {
  closeSync,
  constants,
  fchmodSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { createHash, type Hash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import type { CrlRows } from '../../db/sqlite/crl-rows.ts';
import { type GoneEntry, goneTooEarly, type ScopePlan } from '../../domain/revocation/issuer-crl.ts';
import type { Revocation } from '../../domain/revocation/ports.ts';
import { type Bytes, equal, toHex } from '../../x509/bytes.ts';
import { locateEntries, revocationReason, revokedCertificates } from '../../x509/crl.ts';
import { GoneEntries, mergeEntries, scanEntries, sortEntries } from '../../x509/crl-entries.ts';
import { frameCertificateList, frameTbsCertList } from '../../x509/crl-writer.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';
import { syncFolder } from '../sync-folder.ts';

export interface LayoutOrder {
  readonly plan: ScopePlan;
  readonly shards: number;
  /** End of the issuer's certificate. */
  readonly issuerNotAfter: number;
  /** The file of the last CRL of the scope, as it is on record. */
  readonly last: { readonly path: string; readonly sha256: string } | undefined;
}

export interface LaidOut {
  /** In memory that both threads see, until the next order. */
  readonly tbs: Bytes;
  /** Octets and number of the entries in it. */
  readonly entryOctets: number;
  readonly entries: number;
  readonly covers: number;
  /** Revocations on record in the scope, those that are left out as well. */
  readonly rows: number;
  /** What the last CRL names and this one must, and does not. */
  readonly lost: readonly Revocation[];
  /** Whether there was a last CRL, as it is on record, to compare with. */
  readonly compared: boolean;
}

/** No entry that we write is longer: 21 octets of serial number, a GeneralizedTime and a reason. */
const ENTRY_OCTETS = 56;
/** Room for what stands before the entries: most of it is the issuer's name. */
const HEAD_OCTETS = 4096;

/** Memory that both threads see, used for one list after the other: a fresh one each time would stay until it is collected. */
export class Arena {
  #octets: Bytes = new Uint8Array(0);

  /** At least so many octets. What was in it is gone. */
  room(length: number): Bytes {
    if (this.#octets.length < length) this.#octets = new Uint8Array(new SharedArrayBuffer(length));
    return this.#octets;
  }
}

/** Throws `lint_failed` or `malformed_der` for entries that are none. */
export function layOut(rows: CrlRows, arena: Arena, order: LayoutOrder): LaidOut {
  const { generation, scope, expiredBefore, covered, template } = order.plan;
  const found = rows.read({ generation, scope, expiredBefore, covered }, ({ lists, covers, rows: count }) => {
    const room = arena.room(HEAD_OCTETS + count * ENTRY_OCTETS + HEAD_OCTETS);
    return { room, covers, count, written: mergeEntries(lists, room.subarray(HEAD_OCTETS)) };
  });
  const { room, written } = found;
  const { head, tail } = frameTbsCertList(template, written);
  const start = HEAD_OCTETS - head.length;
  const entries = room.subarray(HEAD_OCTETS, HEAD_OCTETS + written);
  room.set(head, start);
  room.set(tail, HEAD_OCTETS + written);
  const scan = scanEntries(entries);
  // a store that keeps serial numbers with their sign octet gives them in another order
  if (!scan.sorted) entries.set(sortEntries(entries));
  const gone = order.last && goneSince(order.last, entries);
  return {
    tbs: room.subarray(start, HEAD_OCTETS + written + tail.length),
    entryOctets: written,
    entries: scan.count,
    covers: found.covers,
    rows: found.count,
    lost: gone === undefined ? [] : lostOf(rows, order, gone),
    compared: gone !== undefined,
  };
}

function lostOf(
  rows: CrlRows,
  { plan, shards, issuerNotAfter }: LayoutOrder,
  gone: readonly Bytes[],
): Revocation[] {
  const facts = gone.map((octets) => factsOf(rows, plan.generation, octets));
  return goneTooEarly(facts, plan, { shards, notAfter: issuerNotAfter });
}

function factsOf(rows: CrlRows, generation: string, octets: Bytes): GoneEntry {
  const [entry] = revokedCertificates({ entries: octets });
  if (entry === undefined) throw new ChanceryError('internal', 'an entry that was compared is none');
  const { serial: content, revokedAt } = entry;
  const bare = content.length > 1 && content[0] === 0 ? content.subarray(1) : content;
  const serial = rows.facts(generation, bare).notAfter === undefined ? content : bare;
  const { notAfter, shard } = rows.facts(generation, serial);
  const unknown = notAfter === undefined;
  return {
    serial: toHex(unknown ? bare : serial),
    revokedAt,
    reason: revocationReason(entry),
    notAfter,
    shard,
  };
}

const WINDOW = 1024 * 1024;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** Octets of the entries of the file that `entries` does not have; `undefined` where the file is not as it is on record. */
function goneSince(
  last: { readonly path: string; readonly sha256: string },
  entries: Bytes,
): Bytes[] | undefined {
  let file: number;
  try {
    file = openSync(last.path, O_RDONLY | O_NOFOLLOW);
  } catch {
    return undefined;
  }
  const hash = createHash('sha256');
  const gone: Bytes[] = [];
  try {
    const finder = new GoneEntries(entries);
    let where: { readonly start: number; readonly end: number } | undefined;
    let carried: Bytes = new Uint8Array(0);
    let at = 0;
    for (const window of windows(file, hash)) {
      where ??= locateEntries(window);
      const from = Math.max(0, where.start - at);
      const part = window.subarray(from, Math.max(from, where.end - at));
      const piece = carried.length === 0 ? part : Buffer.concat([carried, part]);
      const { gone: found, read } = finder.feed(piece);
      for (const entry of found) gone.push(Uint8Array.from(entry));
      carried = Uint8Array.from(piece.subarray(read));
      at += window.length;
    }
    if (carried.length > 0) return undefined;
  } catch {
    return undefined; // octets that are no CRL
  } finally {
    closeSync(file);
  }
  return hash.digest('hex') === last.sha256 ? gone : undefined;
}

/** The file from its start, in pieces that are only good until the next. */
function* windows(file: number, hash: Hash): Generator<Bytes> {
  const window = Buffer.allocUnsafe(WINDOW);
  for (let read = readSync(file, window); read > 0; read = readSync(file, window)) {
    const piece = window.subarray(0, read);
    hash.update(piece);
    yield piece;
  }
}

export interface WriteOrder {
  readonly path: string;
  readonly tbs: Bytes;
  readonly signature: Bytes;
  readonly signatureAlgorithm: Bytes;
  /** Of the key that has signed. */
  readonly spki: Bytes;
}

export interface Written {
  readonly sha256: string;
  readonly size: number;
}

/**
 * Writes beside the place, reads back what the disk has, and moves it there when it is what was prepared and verifies.
 * A kill leaves nothing, or a file that no record names. Throws `self_check_failed`.
 */
export function writeCrl({ path, tbs, signature, signatureAlgorithm, spki }: WriteOrder): Written {
  const { head, tail } = frameCertificateList(tbs.length, signatureAlgorithm, signature);
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  rmSync(temporary, { force: true });
  try {
    writeFile(temporary, [head, tbs, tail]);
    const sha256 = readBack(temporary, [head, tbs, tail]);
    if (sha256 === undefined || !verifySignature(signatureAlgorithm, tbs, signature, readPublicKey(spki)))
      throw new ChanceryError('self_check_failed', {
        message: 'the CRL was signed and discarded: it is not the one that was prepared, or does not verify',
        rule: 'signed octets are the prepared ones and verify',
      });
    renameSync(temporary, path);
    syncFolder(dirname(path));
    return { sha256, size: head.length + tbs.length + tail.length };
  } catch (error) {
    // the next try has another number, and so another name: on a full disk half a file each time would stay
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeFile(path: string, parts: readonly Bytes[]): void {
  const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PUBLIC_FILE);
  try {
    fchmodSync(file, PUBLIC_FILE);
    writeAll(file, parts);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const PUBLIC_FILE = 0o644;

/**
 * A little at a time, each durable before the next: the store's own commits share the disk, and would wait for a long
 * list as a whole.
 */
function writeAll(file: number, parts: readonly Bytes[]): void {
  for (const part of parts)
    for (let at = 0; at < part.length;) {
      at += writeSync(file, part, at, Math.min(WINDOW, part.length - at));
      if (part.length > WINDOW) fdatasyncSync(file);
    }
}

/** SHA-256 of the file, where it is these parts and nothing more. */
function readBack(path: string, parts: readonly Bytes[]): string | undefined {
  const hash = createHash('sha256');
  const file = openSync(path, O_RDONLY | O_NOFOLLOW);
  const left = [...parts];
  try {
    for (let window of windows(file, hash))
      while (window.length > 0) {
        const [part] = left;
        if (part === undefined) return undefined;
        const length = Math.min(part.length, window.length);
        if (!equal(part.subarray(0, length), window.subarray(0, length))) return undefined;
        if (length === part.length) left.shift();
        else left[0] = part.subarray(length);
        window = window.subarray(length);
      }
  } finally {
    closeSync(file);
  }
  return left.length === 0 ? hash.digest('hex') : undefined;
}
