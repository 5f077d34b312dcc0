/**
 * The journal as text: lines of JSON, each ended by a line feed, one for each batch that the store was about to commit.
 *
 *   {"hash":…,"body":{"sequence":7,"journal":…,"time":…,"opened":{…}?,"records":[…]}}
 *
 * hash = SHA-256(hash of the line before, line feed, body), as in the audit log. A line with `opened` says whose journal
 * this is and where that authority's audit log stood: before it, records may be missing.
 */
import { formatInstant, type Instant, parseInstant } from '../../base/clock.ts';
import { type ChainEnd, EMPTY_CHAIN, linkHash } from '../audit/chain.ts';
import { readRecord, writeRecord } from './journal-record.ts';
import type { JournalRecord } from './ports.ts';

export const JOURNAL_FORMAT = 1;

/** More records than these stand in several lines. */
export const RECORDS_PER_LINE = 2000;

/** Longer than any line of `RECORDS_PER_LINE` records. */
export const LONGEST_LINE = 4 * 1024 * 1024;

export interface JournalOpening {
  readonly format: number;
  readonly trustDomain: string;
  /** SHA-256 of the audit public key, hexadecimal: it tells authorities apart, and is in every backup. */
  readonly key: string;
  /** The end of the audit log when the journal was taken into use. */
  readonly audit: ChainEnd;
}

export interface JournalLine {
  /** This line. */
  readonly end: ChainEnd;
  /** Begins with the key of whose journal it is; the rest is random: two of one authority are not the same. */
  readonly journal: string;
  readonly time: Instant;
  readonly opened: JournalOpening | undefined;
  readonly records: readonly JournalRecord[];
}

/** What the database has committed; `undefined` before it ever had a journal. */
export interface JournalPosition extends ChainEnd {
  readonly journal: string;
}

/**
 * `fatal`: it cannot be told what the journal holds, or somebody else writes to it, and trying again would hide that. All
 * else heals. The message names the journal and never a record.
 */
export class JournalFailure extends Error {
  override readonly name = 'JournalFailure';
  readonly fatal: boolean;

  constructor(message: string, fatal: boolean, options?: { cause?: unknown }) {
    super(message, options);
    this.fatal = fatal;
  }
}

/** Lines at a second place, one after the other. */
export interface Journal {
  /** For messages: the folder, the bucket. */
  readonly name: string;
  /** The last line; `undefined` while there is none. */
  last(): Pick<JournalLine, 'end' | 'journal'> | undefined;
  /**
   * Lines from this sequence number on, each held against the one before. Throws `damaged_journal`; the first one may be
   * a later one where the beginning was cleared away.
   */
  lines(from: number): AsyncIterable<JournalLine>;
  /**
   * Durable when it returns or resolves, and then the new last line; no call before that. Throws or rejects with
   * `JournalFailure`: what was to be written may be there all the same. No records make a line, too.
   */
  append(content: JournalContent): JournalPosition | Promise<JournalPosition>;
  close(): void;
}

export interface JournalContent {
  readonly records: readonly JournalRecord[];
  readonly opened?: JournalOpening;
}

export interface RenderedLine {
  /** With its line feed. */
  readonly text: string;
  readonly position: JournalPosition;
}

/** The lines for this content after `previous`: at least one. */
export function renderLines(
  previous: JournalPosition,
  { records, opened }: JournalContent,
  now: Instant,
): RenderedLine[] {
  const lines: RenderedLine[] = [];
  let { sequence, hash } = previous;
  const time = formatInstant(now);
  for (let at = 0; at === 0 || at < records.length; at += RECORDS_PER_LINE) {
    sequence += 1;
    const body = JSON.stringify({
      sequence,
      journal: previous.journal,
      time,
      ...(opened !== undefined && at === 0 && { opened }),
      records: records.slice(at, at + RECORDS_PER_LINE).map(writeRecord),
    });
    hash = linkHash(hash, body);
    lines.push({
      text: `{"hash":"${hash}","body":${body}}\n`,
      position: { journal: previous.journal, sequence, hash },
    });
  }
  return lines;
}

/** Before the first line of a journal. */
export const beforeFirst = (journal: string): JournalPosition => ({ ...EMPTY_CHAIN, journal });

const KEY_DIGITS = 8;

/** `random`: 4 octets, hexadecimal. */
export const newJournalId = ({ opened }: JournalContent, random: string): string =>
  `${opened?.key.slice(0, KEY_DIGITS) ?? ''}${random}`;

/** Where the line that says whose it is was cleared away. */
export const isJournalOf = (journal: string, key: string): boolean =>
  journal.startsWith(key.slice(0, KEY_DIGITS));

const START = '{"hash":"';
const MIDDLE = '","body":';
const BODY_AT = START.length + 64 + MIDDLE.length;

/**
 * Reads a line without its line feed: by itself, or as the one after `previous`. Returns why it is none: the end of
 * "line 7 of …: ".
 */
export function readLine(text: string, previous: ChainEnd | undefined): JournalLine | string {
  const hash = text.slice(START.length, START.length + 64);
  const body = text.slice(BODY_AT, -1);
  const framed = text === `${START}${hash}${MIDDLE}${body}}` && /^[0-9a-f]{64}$/.test(hash);
  const value = framed ? parseObject(body) : undefined;
  if (value === undefined) return 'it is no line of a journal';
  const { sequence, journal, time, opened, records } = value;
  const instant = typeof time === 'string' ? parseInstant(time) : undefined;
  if (!isSequence(sequence) || !isId(journal) || instant === undefined || !Array.isArray(records))
    return 'its fields are not those of a journal';
  if (previous !== undefined && sequence !== previous.sequence + 1)
    return `line ${previous.sequence + 1} is due, and it says that it is line ${sequence}`;
  if (previous !== undefined && linkHash(previous.hash, body) !== hash)
    return `it was changed, or does not come after line ${previous.sequence}`;
  const opening = opened === undefined ? undefined : readOpening(opened);
  if (opening === null) return `it is of another format than ${JOURNAL_FORMAT}`;
  const read = records.map(readRecord);
  if (read.some((record) => record === undefined)) return 'a record in it cannot be read';
  return {
    end: { sequence, hash },
    journal,
    time: instant,
    opened: opening,
    records: read as JournalRecord[],
  };
}

function readOpening(value: unknown): JournalOpening | null {
  const { format, trustDomain, key, audit } = (value ?? {}) as Record<string, unknown>;
  const { sequence, hash } = (audit ?? {}) as Record<string, unknown>;
  const sound =
    format === JOURNAL_FORMAT &&
    typeof trustDomain === 'string' &&
    typeof key === 'string' &&
    typeof hash === 'string' &&
    Number.isSafeInteger(sequence);
  return sound
    ? { format: JOURNAL_FORMAT, trustDomain, key, audit: { sequence: sequence as number, hash } }
    : null;
}

const isSequence = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
