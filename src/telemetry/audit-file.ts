/**
 * The file, pipe or device behind an audit sink. Every call returns at once: opened without blocking, so a pipe without
 * a reader refuses (ENXIO) and a full one says so (EAGAIN) instead of holding the process.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readEntryLine, readHeaderLine, readHeadLine } from '../domain/audit/export.ts';
import { type ChainEnd, EMPTY_CHAIN } from '../domain/audit/chain.ts';

const { O_APPEND, O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** How far a copy got. */
export interface CopyEnd {
  readonly end: ChainEnd;
  /** Heads of entries up to this one are there, or will not come any more. */
  readonly headsUpTo: number;
  /** The entry that the head on the last line signs; `EMPTY_CHAIN` when it is unknown. */
  readonly previousHead: ChainEnd;
}

/** What was written, and why not all of it. */
export interface Written {
  readonly octets: number;
  readonly error?: Error;
}

export class AuditFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #identity: string;
  /** A regular file keeps what it was given; a pipe or device forgets it. */
  readonly regular: boolean;
  #size: number;

  private constructor(path: string, descriptor: number) {
    const stats = fstatSync(descriptor);
    this.#path = path;
    this.#descriptor = descriptor;
    this.#identity = `${stats.dev}:${stats.ino}`;
    this.regular = stats.isFile();
    this.#size = stats.size;
  }

  /** Made with mode 0600 when it is not there; its folder must be. A symbolic link is refused. Throws what the system says. */
  static open(path: string): AuditFile {
    const descriptor = openSync(
      path,
      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY,
      0o600,
    );
    return new AuditFile(path, descriptor);
  }

  /** `false` when the path leads elsewhere by now, or somebody else emptied, cut or wrote the file. */
  isCurrent(): boolean {
    const stats = statSync(this.#path, { throwIfNoEntry: false });
    if (stats === undefined || `${stats.dev}:${stats.ino}` !== this.#identity) return false;
    return !this.regular || stats.size === this.#size;
  }

  write(bytes: Buffer): Written {
    let octets = 0;
    try {
      while (octets < bytes.length) octets += writeSync(this.#descriptor, bytes, octets);
      return { octets };
    } catch (error) {
      return { octets, error: error as Error };
    } finally {
      this.#size += octets;
    }
  }

  /**
   * Where the copy in a regular file ends; `undefined` when the file is empty. A torn last line is cut off.
   * Throws when the file holds something else: nobody's data is written into or cut.
   */
  readBack(): CopyEnd | undefined {
    const { size } = fstatSync(this.#descriptor);
    if (size === 0) return undefined;
    for (let length = Math.min(size, FIRST_LOOK); ; length = Math.min(size, length * 8)) {
      const tail = this.#read(size - length, length);
      const complete = tail.subarray(0, tail.lastIndexOf(LINE_FEED) + 1);
      const found = readTail(complete, length === size);
      if (found === 'further' && length < size && length < LONGEST_LOOK) continue;
      const torn = tail.length - complete.length;
      const startsAnew = complete.length === 0 && length === size && isTornHeader(tail);
      if (typeof found === 'string' && !startsAnew)
        throw new Error(`it holds something that is not a copy of an audit log`);
      if (torn > 0) ftruncateSync(this.#descriptor, size - torn);
      this.#size = size - torn;
      return typeof found === 'string' ? undefined : found;
    }
  }

  #read(position: number, length: number): Buffer {
    const reader = openSync(this.#path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    try {
      const { dev, ino } = fstatSync(reader);
      if (`${dev}:${ino}` !== this.#identity) throw new Error('it was replaced while it was opened');
      const buffer = Buffer.alloc(length);
      let octets = 0;
      while (octets < length) {
        const count = readSync(reader, buffer, octets, length - octets, position + octets);
        if (count === 0) break;
        octets += count;
      }
      return buffer.subarray(0, octets);
    } finally {
      closeSync(reader);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

const LINE_FEED = 0x0a;
const FIRST_LOOK = 64 * 1024;
const LONGEST_LOOK = 32 * 1024 * 1024;

/** The last entry among complete lines, read from their end. */
function readTail(complete: Buffer, fromStart: boolean): CopyEnd | 'further' | 'foreign' {
  let head = EMPTY_CHAIN;
  let end = complete.length - 1;
  while (end > 0) {
    const start = complete.lastIndexOf(LINE_FEED, end - 1) + 1;
    if (start === 0 && !fromStart) return 'further';
    const line = complete.toString('utf8', start, end);
    const entry = readEntryLine(line);
    if (entry !== undefined) {
      const sequence = entry.parsed['sequence'] as number;
      const headsUpTo = head === EMPTY_CHAIN ? sequence - 1 : head.sequence;
      return { end: { sequence, hash: entry.hash }, headsUpTo, previousHead: head };
    }
    const header = start === 0 ? readHeaderLine(line) : undefined;
    if (header !== undefined)
      return {
        end: header.after,
        headsUpTo: Math.max(head.sequence, header.after.sequence - 1),
        previousHead: head,
      };
    const signed = readHeadLine(line);
    if (signed === undefined) return 'foreign';
    if (head === EMPTY_CHAIN) head = signed.head;
    end = start - 1;
  }
  return fromStart ? 'foreign' : 'further';
}

const HEADER_START = '{"type":"chancery-audit"';

function isTornHeader(text: Buffer): boolean {
  const length = Math.min(text.length, HEADER_START.length);
  return text.length < 4096 && text.toString('utf8', 0, length) === HEADER_START.slice(0, length);
}
