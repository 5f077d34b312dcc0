/** Copies of audit entries and heads in a file or pipe, as lines of the export format (form `copy`). */
import { ChanceryError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type ChainEnd, EMPTY_CHAIN } from '../domain/audit/chain.ts';
import type { AuditEntry } from '../domain/audit/entry.ts';
import { entryLine, headerLine, headLine } from '../domain/audit/export.ts';
import type { AuditHead } from '../domain/audit/head.ts';
import type { AuditLog, AuditSink } from '../domain/audit/ports.ts';
import { AuditFile, type CopyEnd } from './audit-file.ts';

export interface AuditFileSinkOptions {
  readonly path: string;
  readonly required: boolean;
  readonly source: Pick<AuditLog, 'entries' | 'heads' | 'last'>;
  readonly trustDomain: string;
  /** SHA-256 of the audit public key, hexadecimal. */
  readonly keyId: string;
  readonly log: Log;
}

const PAGE = 200;
/** How long one call may copy before it lets others run, in milliseconds. */
const TURN = 20;
/** How soon a sink that is down is tried again when nobody asks, in milliseconds. */
const RETRY = 1000;

/** Lines that were cut off in the middle of one, for a pipe whose reader saw its beginning. */
interface Torn {
  readonly rest: Buffer;
  /** Where the copy stood before that line. */
  readonly before: CopyEnd | undefined;
}

interface Line {
  readonly text: Buffer;
  /** Where the copy stands when the line is written. */
  readonly after: CopyEnd;
}

export class AuditFileSink implements AuditSink {
  readonly name: string;
  readonly required: boolean;
  readonly #options: AuditFileSinkOptions;
  #file: AuditFile | undefined;
  #copied: CopyEnd | undefined;
  #torn: Torn | undefined;
  #target = 0;
  #fault: ChanceryError | undefined;
  #logged: string | undefined;
  readonly #newest: ChainEnd;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: AuditFileSinkOptions) {
    this.#options = options;
    this.name = options.path;
    this.required = options.required;
    this.#newest = options.source.last() ?? EMPTY_CHAIN;
  }

  ship(upTo: number): void {
    this.#target = Math.max(this.#target, upTo);
    this.#attempt();
    if (this.required && this.#fault !== undefined) throw this.#fault;
  }

  check(): void {
    if (this.#fault !== undefined) this.ship(this.#target);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#closeFile();
  }

  #attempt(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    try {
      const done = this.#copy(performance.now() + TURN);
      if (done) this.#healthy();
      else this.#unhealthy('is catching up', ` (entry ${this.#sequence()} of ${this.#target})`, TURN);
    } catch (error) {
      this.#unhealthy(`does not accept entries: ${(error as Error).message}`, '', RETRY);
    }
  }

  #healthy(): void {
    if (this.#fault !== undefined)
      this.#options.log.info('the audit sink accepts entries again', {
        sink: this.name,
        sequence: this.#target,
      });
    this.#fault = undefined;
    this.#logged = undefined;
  }

  /** Logs what is new about it: a sink that stays down is no news with every request. */
  #unhealthy(what: string, progress: string, retryIn: number): void {
    const message = `the audit sink ${this.name} ${what}${progress}`;
    if (this.#logged !== what) this.#options.log.warn(message, { sink: this.name, required: this.required });
    this.#logged = what;
    this.#fault = new ChanceryError('audit_unavailable', {
      message,
      rule: 'a required audit sink accepts every entry before its caller is answered',
      fix: 'Make room, start the reader or repair the path: the sink goes on where it stopped, without a restart.',
      retryAfter: 5,
    });
    this.#timer = setTimeout(() => this.#attempt(), retryIn).unref();
  }

  /** `false` when the turn was over before everything was copied. */
  #copy(deadline: number): boolean {
    this.#ensureOpen();
    this.#finishTornLine();
    for (;;) {
      const lines = this.#nextLines();
      this.#write(lines);
      const behind = this.#sequence() < this.#target;
      if (lines.length < PAGE && !behind) return true;
      if (lines.length === 0)
        throw new Error(`the log gave no entry ${this.#sequence() + 1} of ${this.#target}`);
      if (performance.now() > deadline) return !behind;
    }
  }

  #sequence(): number {
    return this.#copied?.end.sequence ?? 0;
  }

  #nextLines(): Line[] {
    const { source } = this.#options;
    let at = this.#copied ?? START;
    const entries =
      at.end.sequence < this.#target
        ? source.entries(at.end.sequence + 1, Math.min(PAGE, this.#target - at.end.sequence))
        : [];
    const last = entries.at(-1)?.sequence ?? at.end.sequence;
    const heads = source.heads(at.headsUpTo + 1, PAGE).filter(({ sequence }) => sequence <= last);
    const lines: Line[] = [];
    for (const item of interleave(entries, heads)) {
      at = step(at, item);
      const text =
        'body' in item
          ? entryLine(item)
          : headLine(item, lines.at(-1)?.after.previousHead ?? this.#copied?.previousHead ?? EMPTY_CHAIN);
      lines.push({ text: Buffer.from(`${text}\n`), after: at });
    }
    return lines;
  }

  #write(lines: readonly Line[]): void {
    const file = this.#file;
    if (file === undefined || lines.length === 0) return;
    const { octets, error } = file.write(Buffer.concat(lines.map(({ text }) => text)));
    let offset = 0;
    for (const { text, after } of lines) {
      if (octets <= offset) break;
      offset += text.length;
      if (octets < offset)
        this.#torn = { rest: text.subarray(text.length - (offset - octets)), before: this.#copied };
      this.#copied = after;
    }
    if (error !== undefined) this.#fail(error);
  }

  #finishTornLine(): void {
    const torn = this.#torn;
    if (torn === undefined || this.#file === undefined) return;
    const { octets, error } = this.#file.write(torn.rest);
    this.#torn = octets === torn.rest.length ? undefined : { ...torn, rest: torn.rest.subarray(octets) };
    if (error !== undefined) this.#fail(error);
  }

  /** A full pipe keeps its reader, who waits for the rest of the line. Everything else is opened anew. */
  #fail(error: Error): never {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#closeFile();
    throw error;
  }

  #ensureOpen(): void {
    if (this.#file?.isCurrent() === false) this.#closeFile();
    if (this.#file !== undefined) return;
    const file = AuditFile.open(this.#options.path);
    this.#file = file;
    try {
      const found = file.regular ? file.readBack() : undefined;
      if (found !== undefined) this.#resume(found);
      else this.#begin(file.regular ? EMPTY_CHAIN : this.#newest);
    } catch (error) {
      this.#closeFile();
      throw error;
    }
  }

  /** Goes on after what the file holds, if that is a part of our log. */
  #resume(found: CopyEnd): void {
    const { sequence, hash } = found.end;
    const [own] = sequence === 0 ? [EMPTY_CHAIN] : this.#options.source.entries(sequence, 1);
    if (own === undefined || own.sequence !== sequence || own.hash !== hash)
      throw new Error(
        `it ends with an entry ${sequence} that is not in the log: it is the copy of another log, or the database is older than its copy`,
      );
    this.#copied = found;
  }

  /** A new file, or a new reader: a header says what came before. The first reader of a pipe gets what is new. */
  #begin(unknown: ChainEnd): void {
    const end = this.#copied?.end ?? unknown;
    const after = { end, headsUpTo: Math.max(0, end.sequence - 1), previousHead: EMPTY_CHAIN };
    const { trustDomain, keyId } = this.#options;
    const header = headerLine({ form: 'copy', trustDomain, key: keyId, after: end });
    this.#write([{ text: Buffer.from(`${header}\n`), after }]);
  }

  #closeFile(): void {
    if (this.#torn !== undefined) this.#copied = this.#torn.before;
    this.#torn = undefined;
    this.#file?.close();
    this.#file = undefined;
  }
}

const START: CopyEnd = { end: EMPTY_CHAIN, headsUpTo: 0, previousHead: EMPTY_CHAIN };

const step = (at: CopyEnd, item: AuditEntry | AuditHead): CopyEnd =>
  'body' in item
    ? { ...at, end: { sequence: item.sequence, hash: item.hash } }
    : { ...at, headsUpTo: item.sequence, previousHead: item };

/** Each head after the entry that it signs, or first of all when that entry was copied before. */
function* interleave(
  entries: readonly AuditEntry[],
  heads: readonly AuditHead[],
): Generator<AuditEntry | AuditHead> {
  const waiting = [...heads];
  const first = entries[0]?.sequence ?? Infinity;
  while ((waiting[0]?.sequence ?? Infinity) < first) yield waiting.shift() as AuditHead;
  for (const entry of entries) {
    yield entry;
    if (waiting[0]?.sequence === entry.sequence) yield waiting.shift() as AuditHead;
  }
}
