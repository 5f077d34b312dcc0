/**
 * The journal in a bucket: one object for each line, named by its sequence number and only ever made, never replaced. Two
 * servers of one journal want to make the same object, and the second one learns of the first.
 */
import type { Clock } from '../base/clock.ts';
import { ChanceryError, isChanceryError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import {
  beforeFirst,
  type Journal,
  type JournalContent,
  JournalFailure,
  type JournalLine,
  type JournalPosition,
  LONGEST_LINE,
  newJournalId,
  readLine,
  type RenderedLine,
  renderLines,
} from '../domain/revocation/journal.ts';
import type { S3Client } from '../s3/client.ts';
import { equal, fromUtf8, toHex, toUtf8 } from '../x509/bytes.ts';
import { damaged } from './damaged.ts';

export interface BucketOptions {
  readonly client: S3Client;
  /** Before the names of the objects; empty or ended by a slash. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The sequence number that the database has committed: what was before need not be listed. */
  readonly from: number;
}

/** Objects that are read ahead of each other. */
const AHEAD = 8;
const NAME = /^(\d{16})\.json$/;

export class BucketJournal implements Journal {
  readonly name: string;
  readonly #options: BucketOptions;
  #position: JournalPosition | undefined;
  /** Of which nobody knows whether it is there. */
  #uncertain: RenderedLine | undefined;

  private constructor(options: BucketOptions) {
    this.#options = options;
    this.name = `${options.client.name}/${options.prefix}`;
  }

  /** Rejects with `damaged_journal`, `invalid_configuration`, or `store_unavailable` for a bucket that does not answer. */
  static async open(options: BucketOptions): Promise<BucketJournal> {
    const journal = new BucketJournal(options);
    try {
      await journal.#findLast();
    } catch (error) {
      journal.close();
      throw isChanceryError(error) ? error : unusable(journal.name, error);
    }
    return journal;
  }

  last(): Pick<JournalLine, 'end' | 'journal'> | undefined {
    if (this.#position === undefined) return undefined;
    const { journal, sequence, hash } = this.#position;
    return { journal, end: { sequence, hash } };
  }

  async *lines(from: number): AsyncGenerator<JournalLine, void, undefined> {
    let previous: JournalLine['end'] | undefined;
    for await (const { key, text } of this.#objects(from)) {
      const line = readLine(text, previous ?? (key === keyOf(1) ? beforeFirst('') : undefined));
      if (typeof line === 'string') throw damaged(`${this.name}${key}`, 1, line);
      if (keyOf(line.end.sequence) !== key)
        throw damaged(`${this.name}${key}`, 1, `it says that it is line ${line.end.sequence}`);
      previous = line.end;
      yield line;
    }
  }

  async append(content: JournalContent): Promise<JournalPosition> {
    const { clock, random } = this.#options;
    if (this.#uncertain !== undefined) await this.#put(this.#uncertain);
    const before = this.#position ?? beforeFirst(newJournalId(content, toHex(random.bytes(4))));
    for (const line of renderLines(before, content, clock.now())) await this.#put(line);
    return this.#position ?? before;
  }

  close(): void {
    this.#options.client.close();
  }

  /** Made, or there already with just these octets: then an earlier try had succeeded without an answer. */
  async #put(line: RenderedLine): Promise<void> {
    const { client, prefix } = this.#options;
    const key = `${prefix}${keyOf(line.position.sequence)}`;
    const octets = fromUtf8(line.text);
    this.#uncertain = line;
    try {
      const result = await client.putObject(key, octets, {
        ifAbsent: true,
        contentType: 'application/json',
      });
      if (result === 'exists') {
        const there = await client.getObject(key, LONGEST_LINE);
        if (there === undefined || !equal(there, octets)) throw this.#foreign();
      }
    } catch (error) {
      throw error instanceof JournalFailure ? error : this.#failure(error);
    }
    this.#uncertain = undefined;
    this.#position = line.position;
  }

  #foreign(): JournalFailure {
    return new JournalFailure(
      `somebody else writes to the journal ${this.name}: nothing is recorded any more`,
      true,
    );
  }

  #failure(cause: unknown): JournalFailure {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new JournalFailure(`the journal ${this.name} takes no records now: ${why}`, false, { cause });
  }

  async #findLast(): Promise<void> {
    let last: string | undefined;
    for await (const key of this.#keys(this.#options.from)) last = key;
    if (last === undefined) return;
    const text = await this.#read(last);
    const line = readLine(text, undefined);
    if (typeof line === 'string') throw damaged(`${this.name}${last}`, 1, line);
    if (keyOf(line.end.sequence) !== last)
      throw damaged(`${this.name}${last}`, 1, `it says that it is line ${line.end.sequence}`);
    this.#position = { journal: line.journal, ...line.end };
  }

  async *#keys(from: number): AsyncGenerator<string, void, undefined> {
    const { client, prefix } = this.#options;
    const after = from > 1 ? `${prefix}${keyOf(from - 1)}` : undefined;
    for await (const { key } of client.listObjects(prefix, after)) {
      const name = key.slice(prefix.length);
      if (NAME.test(name)) yield name;
    }
  }

  async *#objects(from: number): AsyncGenerator<{ readonly key: string; readonly text: string }> {
    const reading: { readonly key: string; readonly text: Promise<string> }[] = [];
    const next = async () => {
      const first = reading.shift();
      return first && { key: first.key, text: await first.text };
    };
    for await (const key of this.#keys(from)) {
      const text = this.#read(key);
      text.catch(() => undefined); // told when its turn comes
      reading.push({ key, text });
      const found = reading.length < AHEAD ? undefined : await next();
      if (found !== undefined) yield found;
    }
    for (let found = await next(); found !== undefined; found = await next()) yield found;
  }

  async #read(key: string): Promise<string> {
    const { client, prefix } = this.#options;
    try {
      const octets = await client.getObject(`${prefix}${key}`, LONGEST_LINE);
      const text = octets === undefined ? '' : toUtf8(octets);
      return text.endsWith('\n') ? text.slice(0, -1) : text;
    } catch (error) {
      throw isChanceryError(error) ? error : unusable(this.name, error);
    }
  }
}

const keyOf = (sequence: number): string => `${String(sequence).padStart(16, '0')}.json`;

const unusable = (name: string, cause: unknown): ChanceryError =>
  new ChanceryError(
    'store_unavailable',
    {
      message: `the journal ${name} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      rule: 'nothing is answered that is not in the journal',
      fix: 'See that the bucket answers and that the credentials may list, read and write there.',
      retryAfter: 5,
    },
    { cause },
  );
