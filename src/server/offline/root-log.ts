/**
 * What the key of an offline root was used for: one line of JSON each, beside the key, only ever appended to. Each line
 * names the hash of the one before, so that a missing or changed one shows. A line is durable before what it tells of
 * leaves the machine.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { ChanceryError } from '../../base/errors.ts';

export type RootLogEntry =
  | {
      readonly time: string;
      readonly kind: 'certificate';
      readonly subject: string;
      readonly serial: string;
      readonly fingerprint: string;
      readonly notAfter: string;
    }
  | { readonly time: string; readonly kind: 'revocation'; readonly serial: string; readonly reason: string }
  | {
      readonly time: string;
      readonly kind: 'crl';
      readonly number: string;
      readonly nextUpdate: string;
      readonly entries: number;
    };

type Line = RootLogEntry & { readonly previous: string };

const START = '0'.repeat(64);
const hashOf = (line: string): string => createHash('sha256').update(line).digest('hex');

export class RootLog {
  readonly #path: string;
  readonly #entries: RootLogEntry[] = [];
  #end = START;

  /** Reads what there is. Throws `damaged_key` where a line was changed, taken out or cut off. */
  constructor(path: string) {
    this.#path = path;
    for (const line of readLines(path)) {
      const entry = parseLine(line);
      if (entry?.previous !== this.#end) throw damaged(path, this.#entries.length + 1);
      const { previous: _, ...rest } = entry;
      this.#entries.push(rest);
      this.#end = hashOf(line);
    }
  }

  get entries(): readonly RootLogEntry[] {
    return this.#entries;
  }

  /** Durable once it has returned. */
  append(...entries: readonly RootLogEntry[]): void {
    let text = '';
    let end = this.#end;
    for (const entry of entries) {
      const line = JSON.stringify({ ...entry, previous: end });
      text += `${line}\n`;
      end = hashOf(line);
    }
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
    const file = openSync(this.#path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    this.#entries.push(...entries);
    this.#end = end;
  }
}

function readLines(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n');
  // the last line break ends the last line
  if (lines.pop() !== '') throw damaged(path, lines.length + 1);
  return lines;
}

function parseLine(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
}

const damaged = (path: string, line: number): ChanceryError =>
  new ChanceryError('damaged_key', {
    message: `${path} is not as it was written: line ${line} does not follow the one before`,
    rule: 'the signing log of a root is only appended to; each line names the hash of the one before',
    fix: 'Find out what happened to it; restore it from a backup.',
  });
