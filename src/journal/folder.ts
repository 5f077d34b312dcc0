/**
 * The journal in a folder: segments `journal-<sequence of the first line>.jsonl`, only ever appended to, each line synced
 * before `append` returns. A line that a crash cut off is taken away at the next opening; it was never answered for.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import {
  beforeFirst,
  type Journal,
  type JournalContent,
  JournalFailure,
  type JournalLine,
  type JournalPosition,
  newJournalId,
  readLine,
  renderLines,
} from '../domain/revocation/journal.ts';
import { toHex } from '../x509/bytes.ts';
import { damaged } from './damaged.ts';
import { lastPosition, split } from './segment.ts';

export interface FolderOptions {
  /** Made before, see `makeJournalFolder`, and locked by whoever opens it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A new segment is begun after so many octets. */
  readonly segmentSize?: number;
}

const SEGMENT_SIZE = 16 * 1024 * 1024;
const SEGMENT = /^journal-(\d{16})\.jsonl$/;
const { O_APPEND, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;

interface Segment {
  readonly first: number;
  readonly path: string;
}

export class FolderJournal implements Journal {
  readonly name: string;
  readonly #options: FolderOptions;
  readonly #segmentSize: number;
  #position: JournalPosition | undefined;
  #descriptor: number | undefined;
  /** Octets of the open segment that are durable. */
  #size = 0;
  /** A write failed: what lies behind `#size` goes before anything else is written. */
  #torn = false;
  /** Nothing is written any more, and nothing taken away. */
  #over: JournalFailure | undefined;

  private constructor(options: FolderOptions) {
    this.#options = options;
    this.name = options.folder;
    this.#segmentSize = options.segmentSize ?? SEGMENT_SIZE;
  }

  /** Throws `damaged_journal`, `unsafe_files`, or `store_unavailable` for a folder that cannot be used. */
  static open(options: FolderOptions): FolderJournal {
    const journal = new FolderJournal(options);
    try {
      journal.#openLast();
    } catch (error) {
      journal.close();
      throw error instanceof ChanceryError ? error : unusable(options.folder, error);
    }
    return journal;
  }

  last(): Pick<JournalLine, 'end' | 'journal'> | undefined {
    if (this.#position === undefined) return undefined;
    const { journal, sequence, hash } = this.#position;
    return { journal, end: { sequence, hash } };
  }

  async *lines(from: number): AsyncGenerator<JournalLine, void, undefined> {
    const segments = this.#segments();
    const start = segments.findLastIndex(({ first }) => first <= from);
    let previous: JournalLine['end'] | undefined;
    for (const { path, first } of segments.slice(Math.max(start, 0))) {
      previous ??= first === 1 ? beforeFirst('') : undefined;
      const { lines } = split(readFileSync(path));
      for (const [i, text] of lines.entries()) {
        const line = readLine(text, previous);
        if (typeof line === 'string') throw damaged(path, i + 1, line);
        if (i === 0 && line.end.sequence !== first)
          throw damaged(path, 1, `it is line ${line.end.sequence} in the segment of ${first}`);
        previous = line.end;
        if (line.end.sequence >= from) yield line;
      }
    }
  }

  append(content: JournalContent): JournalPosition {
    if (this.#over !== undefined) throw this.#over;
    const { clock, random } = this.#options;
    const before = this.#position ?? beforeFirst(newJournalId(content, toHex(random.bytes(4))));
    const lines = renderLines(before, content, clock.now());
    try {
      this.#write(before.sequence + 1, Buffer.from(lines.map(({ text }) => text).join('')));
    } catch (error) {
      if (error instanceof JournalFailure) throw (this.#over = error);
      this.#torn = true;
      throw this.#failure(error);
    }
    this.#position = lines.at(-1)?.position ?? before;
    return this.#position;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #write(sequence: number, octets: Buffer): void {
    if (this.#descriptor === undefined || this.#size >= this.#segmentSize) this.#begin(sequence);
    const descriptor = this.#descriptor ?? -1;
    if (this.#torn) {
      ftruncateSync(descriptor, this.#size);
      this.#sync(descriptor);
      this.#torn = false;
    }
    if (fstatSync(descriptor).size !== this.#size) throw this.#foreign();
    for (let at = 0; at < octets.length;) at += writeSync(descriptor, octets, at);
    this.#sync(descriptor);
    this.#size += octets.length;
  }

  #foreign(): JournalFailure {
    return new JournalFailure(
      `somebody else writes to the journal ${this.name}, or changed it: nothing is recorded any more`,
      true,
    );
  }

  /** After a failed fsync nobody knows what is on the disk. */
  #sync(descriptor: number): void {
    try {
      fdatasyncSync(descriptor);
    } catch (cause) {
      throw new JournalFailure(
        `the journal ${this.name} could not be synced (${codeOf(cause)}): a failed fsync does not heal`,
        true,
        { cause },
      );
    }
  }

  #failure(cause: unknown): JournalFailure {
    return new JournalFailure(`the journal ${this.name} takes no records now (${codeOf(cause)})`, false, {
      cause,
    });
  }

  /** A new segment, or one that was begun and never written to. */
  #begin(first: number): void {
    const path = join(this.name, `journal-${String(first).padStart(16, '0')}.jsonl`);
    const descriptor = openSync(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    try {
      fchmodSync(descriptor, 0o600);
      if (fstatSync(descriptor).size > 0) throw this.#foreign();
      syncFolder(this.name);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    this.close();
    this.#descriptor = descriptor;
    this.#size = 0;
  }

  /** Finds the last line, and takes away what a crash left behind it. */
  #openLast(): void {
    const segments = this.#segments();
    for (const { path } of segments.toReversed()) {
      const descriptor = openSync(path, O_RDWR | O_APPEND | O_NOFOLLOW);
      this.#descriptor = descriptor;
      const { lines, size, torn } = split(readFileSync(descriptor));
      if (torn > 0) {
        if (path !== segments.at(-1)?.path) throw damaged(path, lines.length + 1, 'it has no end');
        ftruncateSync(descriptor, size);
        this.#options.log.warn('took away the end of the journal that a crash cut off', {
          file: path,
          octets: torn,
        });
      }
      // it is believed from now on, so it has to be there after a power failure, too
      fsyncSync(descriptor);
      if (lines.length > 0) {
        this.#size = size;
        this.#position = lastPosition(path, lines);
        return;
      }
      // begun and never written to
      this.close();
    }
  }

  #segments(): Segment[] {
    return readdirSync(this.name)
      .flatMap((name) => {
        const first = SEGMENT.exec(name)?.[1];
        return first === undefined ? [] : [{ first: Number(first), path: join(this.name, name) }];
      })
      .sort((a, b) => a.first - b.first);
  }
}

/** Mode 0700, where its parent is there. Throws `unsafe_files` for one that others may write to. */
export function makeJournalFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
    syncFolder(dirname(folder));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw unusable(folder, error);
  }
  const { mode, uid } = statFolder(folder);
  if ((mode & 0o022) === 0 && [0, process.geteuid?.()].includes(uid)) return;
  throw new ChanceryError('unsafe_files', {
    message: `others may write to the journal ${folder}`,
    rule: 'who writes to the journal says what is revoked after a restore',
    fix: `Run \`chmod 0700 ${folder}\`, as its owner.`,
  });
}

function statFolder(folder: string): { readonly mode: number; readonly uid: number } {
  try {
    const descriptor = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const stats = fstatSync(descriptor);
    closeSync(descriptor);
    return stats;
  } catch (error) {
    throw unusable(folder, error);
  }
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));

const unusable = (folder: string, cause: unknown): ChanceryError =>
  new ChanceryError(
    'store_unavailable',
    {
      message: `the journal ${folder} cannot be used (${codeOf(cause)})`,
      rule: 'nothing is answered that is not in the journal',
      fix: 'See that the folder, or what it lies in, is there and belongs to the user of the server.',
    },
    { cause },
  );
