/**
 * Verifies an exported log line by line, in bounded memory. Stops at the first bad record and names it.
 *
 * What a chain alone cannot show: that its tail was cut exactly after a signed head, or that the whole file is an
 * older one. For that, a newer head must have been kept elsewhere (the witness).
 */
import { formatInstant } from '../../base/clock.ts';
import { type Bytes, equal, fromUtf8, toHex, toUtf8 } from '../../x509/bytes.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { type ChainEnd, EMPTY_CHAIN, linkHash } from './chain.ts';
import { type ExportHeader, readEntryLine, readHeaderLine, readHeadLine } from './export.ts';
import type { AuditHead } from './head.ts';
import { verifyHead } from './heads.ts';
import { openedFor } from './opening.ts';
import { type AuditFault, type AuditReport, type BadRecord, reportNotes } from './report.ts';
import { lostIn, readSegment, type Segment } from './segment.ts';

/** So many hashes of entries without a head are remembered: a copy gets its heads a little later. */
const REMEMBERED = 10_000;

type Fault = Omit<BadRecord, 'line'> & { readonly line?: number };

export class AuditVerifier {
  readonly #key: PublicKey;
  readonly #witness: AuditHead | undefined;
  #lines = 0;
  #header: ExportHeader | undefined;
  #end: ChainEnd = EMPTY_CHAIN;
  #trustDomain: string | undefined;
  #lastHead: AuditHead | undefined;
  #lastLineIsHead = false;
  #recent: ChainEnd[] = [];
  #witnessFound = false;
  readonly #segments: Segment[] = [];
  #bad: BadRecord | undefined;

  /** The witness must be a head that `verifyHead` calls good. */
  constructor(key: PublicKey, witness?: AuditHead) {
    this.#key = key;
    this.#witness = witness;
  }

  /** Takes the next line, without its line feed. `false` once a bad record was found: the rest need not be read. */
  push(line: Bytes): boolean {
    if (this.#bad !== undefined) return false;
    this.#lines += 1;
    return this.#judge(this.#lines, this.#read(line));
  }

  /** The end of the file; `rest` is what came after the last line feed. */
  finish(rest: Bytes): AuditReport {
    if (this.#bad === undefined) this.#judge(this.#lines + 1, this.#readEnd(rest));
    return this.#report();
  }

  #judge(line: number, fault: Fault | undefined): boolean {
    if (fault === undefined) return true;
    this.#bad = {
      line: fault.line ?? line,
      sequence: fault.sequence,
      fault: fault.fault,
      message: fault.message,
    };
    return false;
  }

  #read(line: Bytes): Fault | undefined {
    const text = toUtf8(line);
    // decoding replaces what is not UTF-8, and two different texts would become one
    if (!equal(fromUtf8(text), line)) return this.#fault('malformed', 'the line is not UTF-8');
    if (this.#header === undefined) return this.#readHeader(text);
    return text.startsWith('{"type":"head"') ? this.#readHead(text) : this.#readEntry(text);
  }

  #readHeader(text: string): Fault | undefined {
    const header = readHeaderLine(text);
    if (header === undefined)
      return fault(0, 'malformed', 'the first line is not the header of an audit export, version 1');
    const own = toHex(this.#key.fingerprint);
    if (header.key !== own)
      return fault(0, 'key', `the log names the audit key ${header.key}, not the given one, ${own}`);
    if (
      header.form === 'export' &&
      (header.after.sequence !== EMPTY_CHAIN.sequence || header.after.hash !== EMPTY_CHAIN.hash)
    )
      return fault(
        0,
        'order',
        `the export begins after entry ${header.after.sequence} instead of with the first one`,
      );
    this.#header = header;
    this.#end = header.after;
    if (header.after.sequence > 0) this.#remember(header.after);
    return this.#compareWithWitness();
  }

  #readEntry(text: string): Fault | undefined {
    this.#lastLineIsHead = false;
    const expected = this.#end.sequence + 1;
    const entry = readEntryLine(text);
    if (entry === undefined)
      return this.#fault(
        'malformed',
        `the line is neither an entry nor a head, where entry ${expected} is due`,
      );
    const sequence = entry.parsed['sequence'] as number;
    if (sequence !== expected)
      return this.#fault(
        'order',
        `entry ${expected} is due, and ${sequence} is there: lines are missing, swapped or changed`,
      );
    if (linkHash(this.#end.hash, entry.body) !== entry.hash)
      return this.#fault(
        'changed',
        `entry ${expected} was changed: its hash is not that of its body after entry ${this.#end.sequence}`,
      );
    if (expected === 1) this.#trustDomain = openedFor(entry.parsed);
    if (this.#trustDomain !== undefined && this.#trustDomain !== this.#header?.trustDomain)
      return {
        ...fault(
          0,
          'changed',
          `the header names the trust domain ${JSON.stringify(this.#header?.trustDomain)}, the first entry ${JSON.stringify(this.#trustDomain)}`,
        ),
        line: 1,
      };
    this.#end = { sequence, hash: entry.hash };
    const segment = readSegment(entry.parsed);
    if (segment !== undefined) this.#segments.push(segment);
    this.#remember(this.#end);
    return this.#compareWithWitness();
  }

  #readHead(text: string): Fault | undefined {
    const line = readHeadLine(text);
    if (line === undefined) return this.#fault('malformed', 'the head cannot be read', this.#end.sequence);
    const { head, previousHead } = line;
    const lost = this.#lostHead(previousHead);
    if (lost !== undefined) return lost;
    const signed = this.#signedEntry(head.sequence);
    if (signed === undefined) return this.#misplacedHead(head.sequence);
    if (signed.hash !== head.hash)
      return this.#fault(
        'head',
        `the head signs another hash than that of entry ${head.sequence}`,
        head.sequence,
      );
    if (!verifyHead(head, this.#key))
      return this.#fault(
        'signature',
        `the head of entry ${head.sequence} is not signed by the audit key`,
        head.sequence,
      );
    this.#lastHead = head;
    this.#lastLineIsHead = true;
    this.#recent = this.#recent.filter(({ sequence }) => sequence > head.sequence);
    return undefined;
  }

  /** A copy that went on after a restart, or began in the middle, does not know the head before. */
  #lostHead(previous: ChainEnd): Fault | undefined {
    const copy = this.#header?.form === 'copy';
    const seen = this.#lastHead ?? EMPTY_CHAIN;
    if (isSameEnd(previous, seen)) return undefined;
    if (copy && (previous.sequence === 0 || this.#lastHead === undefined)) return undefined;
    const message = `the head before this one signs entry ${previous.sequence}, and ${seen === EMPTY_CHAIN ? 'there is none' : `that of entry ${seen.sequence} is there`}`;
    // only a true hash tells a lost head from a changed number
    const isLost = this.#recent.some((end) => isSameEnd(previous, end));
    if (!isLost) return this.#fault('head', message, this.#end.sequence);
    return { ...fault(previous.sequence, 'missing-head', message), ...this.#lineAfter(previous.sequence) };
  }

  #misplacedHead(sequence: number): Fault {
    const { sequence: last } = this.#end;
    const found = fault(
      sequence > last ? last + 1 : sequence,
      'head',
      `the head signs entry ${sequence} where entry ${last} was the last`,
    );
    return sequence > (this.#lastHead?.sequence ?? 0) && sequence < last
      ? { ...found, ...this.#lineAfter(sequence) }
      : found;
  }

  /** Where the head of an entry after the last head should have been: in an export only entries stand in between. */
  #lineAfter(sequence: number): { readonly line?: number } {
    return this.#header?.form === 'export' ? { line: this.#lines - (this.#end.sequence - sequence) } : {};
  }

  /** The entry that a head here may sign: the one just before, or in a copy one after the last head. */
  #signedEntry(sequence: number): ChainEnd | undefined {
    if (sequence === this.#end.sequence && sequence > (this.#lastHead?.sequence ?? 0)) return this.#end;
    if (this.#header?.form === 'export') return undefined;
    return this.#recent.find((end) => end.sequence === sequence);
  }

  #remember(end: ChainEnd): void {
    this.#recent.push(end);
    if (this.#recent.length > 2 * REMEMBERED) this.#recent = this.#recent.slice(-REMEMBERED);
  }

  #compareWithWitness(): Fault | undefined {
    const witness = this.#witness;
    if (witness === undefined || witness.sequence !== this.#end.sequence) return undefined;
    this.#witnessFound = witness.hash === this.#end.hash;
    if (this.#witnessFound) return undefined;
    return fault(
      witness.sequence,
      'replaced',
      `the head kept elsewhere (${formatInstant(witness.time)}) vouches for another entry ${witness.sequence}: this is not the same log${lostIn(this.#segments, witness)}`,
    );
  }

  #readEnd(rest: Bytes): Fault | undefined {
    const next = this.#end.sequence + 1;
    if (this.#header === undefined) return fault(0, 'cut', 'the file is empty, or its first line has no end');
    if (rest.length > 0)
      return fault(
        this.#lastLineIsHead ? next : this.#end.sequence + 1,
        'cut',
        `the last line has no end (${rest.length} octets)`,
      );
    if (this.#witness !== undefined && this.#witness.sequence > this.#end.sequence)
      return fault(
        next,
        'cut',
        `the log ends at entry ${this.#end.sequence}, but the head kept elsewhere (${formatInstant(this.#witness.time)}) vouches for entry ${this.#witness.sequence}: the tail was cut, or this is an older log${lostIn(this.#segments, this.#witness)}`,
      );
    if (this.#header.form === 'export' && !this.#lastLineIsHead)
      return fault(
        next,
        'cut',
        `an export ends with a signed head, and this one ends with ${this.#lines === 1 ? 'its header' : `entry ${this.#end.sequence}`}`,
      );
    return undefined;
  }

  #fault(
    kind: AuditFault,
    message: string,
    sequence = this.#header === undefined ? 0 : this.#end.sequence + 1,
  ): Fault {
    return fault(sequence, kind, message);
  }

  #report(): AuditReport {
    const after = this.#header?.after.sequence ?? 0;
    const entries = this.#end.sequence - after;
    const covered = Math.max(this.#lastHead?.sequence ?? 0, after);
    return {
      verdict: this.#bad === undefined ? 'good' : 'broken',
      lines: this.#lines,
      form: this.#header?.form ?? null,
      trustDomain: this.#trustDomain ?? null,
      entries,
      first: entries > 0 ? after + 1 : null,
      last: entries > 0 ? this.#end : null,
      lastHead:
        this.#lastHead === undefined
          ? null
          : {
              sequence: this.#lastHead.sequence,
              hash: this.#lastHead.hash,
              time: formatInstant(this.#lastHead.time),
            },
      uncovered: this.#end.sequence - covered,
      bad: this.#bad ?? null,
      witness:
        this.#witness === undefined
          ? null
          : {
              sequence: this.#witness.sequence,
              time: formatInstant(this.#witness.time),
              found: this.#witnessFound,
            },
      segments: this.#segments,
      notes: reportNotes({
        ...{ after, witness: this.#witness, witnessFound: this.#witnessFound, bad: this.#bad },
        segments: this.#segments,
      }),
    };
  }
}

const isSameEnd = (a: ChainEnd, b: ChainEnd): boolean => a.sequence === b.sequence && a.hash === b.hash;

const fault = (sequence: number, kind: AuditFault, message: string): Fault => ({
  sequence,
  fault: kind,
  message,
});
