/**
 * Entries of a CRL as octets, one behind the other: judged, ordered and compared without being decoded, because a list
 * can have a million. An entry of the one shape that we write is recognized by its octets; any other is read in full.
 *
 * The order is that of the serial numbers' octets without the sign octet, first octet first; it is how the store keeps
 * them. It is not the order of the numbers where serial numbers differ in length, and no RFC asks for either.
 */
import { ChanceryError } from '../base/errors.ts';
import type { Bytes } from './bytes.ts';
import { revocationReason, revokedCertificates } from './crl.ts';
import { TAG } from './der.ts';

export interface EntryScan {
  readonly count: number;
  /** Each stands behind the one before, so that none stands there twice. */
  readonly sorted: boolean;
}

const ZERO = 0x30;
const ZULU = 0x5a;
const UTC_TIME_OCTETS = 13;
/** crlEntryExtensions with a reasonCode and nothing else, up to the code. */
const REASON_HEAD = [0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01] as const;
const REASON_OCTETS = REASON_HEAD.length + 1;
/** Codes that are written: `unspecified` is left out, 7 is none (RFC 5280 5.3.1). */
const isReason = (code: number): boolean => code >= 1 && code <= 10 && code !== 7;

/** Where the entry that begins at `at` ends; judges its shape. Throws `malformed_der`. */
function entryEnd(octets: Bytes, at: number): number {
  const length = octets[at + 1] ?? 0;
  const serialLength = octets[at + 3] ?? 0;
  const end = at + 2 + length;
  const timeAt = at + 4 + serialLength;
  const usual =
    octets[at] === TAG.sequence &&
    length < 0x80 &&
    end <= octets.length &&
    octets[at + 2] === TAG.integer &&
    isUsualSerial(octets, at + 4, serialLength) &&
    isUtcTime(octets, timeAt) &&
    isUsualTail(octets, timeAt + 2 + UTC_TIME_OCTETS, end);
  return usual ? end : unusualEnd(octets, at);
}

/** Positive and not padded. */
function isUsualSerial(octets: Bytes, at: number, length: number): boolean {
  const first = octets[at] ?? 0x80;
  if (length === 0 || length > 21 || first >= 0x80) return false;
  return first !== 0 || (length > 1 && (octets[at + 1] ?? 0) >= 0x80);
}

/** Octets of a year from 1950 to 2049: every fourth leaps. */
function isUtcTime(octets: Bytes, at: number): boolean {
  if (octets[at] !== TAG.utcTime || octets[at + 1] !== UTC_TIME_OCTETS) return false;
  const year = twoDigits(octets, at + 2);
  const month = twoDigits(octets, at + 4);
  const day = twoDigits(octets, at + 6);
  return (
    octets[at + 14] === ZULU &&
    year >= 0 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= (month === 2 && (year & 3) === 0 ? 29 : (DAYS[month] ?? 0)) &&
    isBelow(twoDigits(octets, at + 8), 24) &&
    isBelow(twoDigits(octets, at + 10), 60) &&
    isBelow(twoDigits(octets, at + 12), 60)
  );
}

const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const isBelow = (value: number, limit: number): boolean => value >= 0 && value < limit;

/** -1 where one is no digit. */
function twoDigits(octets: Bytes, at: number): number {
  const tens = (octets[at] ?? 0) - ZERO;
  const ones = (octets[at + 1] ?? 0) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function isUsualTail(octets: Bytes, at: number, end: number): boolean {
  if (at === end) return true;
  if (at + REASON_OCTETS !== end) return false;
  for (let i = 0; i < REASON_HEAD.length; i++) if (octets[at + i] !== REASON_HEAD[i]) return false;
  return isReason(octets[end - 1] ?? 0);
}

/** Of any other shape that is right: another form of time, more extensions. */
function unusualEnd(octets: Bytes, at: number): number {
  const [entry] = revokedCertificates({ entries: octets.subarray(at, endOfElement(octets, at)) });
  if (entry === undefined) throw malformed('a revoked certificate is cut off');
  revocationReason(entry);
  return endOfElement(octets, at);
}

function endOfElement(octets: Bytes, at: number): number {
  const first = octets[at + 1] ?? 0;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (more > 3) throw malformed('a revoked certificate is over 16 MiB long');
  let length = more === 0 ? first : 0;
  for (let i = 0; i < more; i++) length = length * 256 + (octets[at + 2 + i] ?? 0);
  const end = at + 2 + more + length;
  if (end > octets.length) throw malformed('a revoked certificate is cut off');
  return end;
}

/** Where the length octet of the serial number is: a serial number has at most 127 octets here. */
const serialLengthAt = (octets: Bytes, at: number): number => {
  const first = octets[at + 1] ?? 0;
  return at + 3 + (first < 0x80 ? 0 : first & 0x7f);
};

/** Compares the serial numbers of two entries in the order of the lists: negative, zero or positive. */
function compareSerials(a: Bytes, aEntry: number, b: Bytes, bEntry: number): number {
  let i = serialLengthAt(a, aEntry);
  let j = serialLengthAt(b, bEntry);
  const aEnd = i + 1 + (a[i] ?? 0);
  const bEnd = j + 1 + (b[j] ?? 0);
  i++;
  j++;
  if (a[i] === 0 && i + 1 < aEnd) i++;
  if (b[j] === 0 && j + 1 < bEnd) j++;
  for (; i < aEnd && j < bEnd; i++, j++) {
    const difference = (a[i] ?? 0) - (b[j] ?? 0);
    if (difference !== 0) return difference;
  }
  return aEnd - i - (bEnd - j);
}

/** Reads every entry once. Throws `malformed_der` where one is none. */
export function scanEntries(entries: Bytes): EntryScan {
  let count = 0;
  let sorted = true;
  let before = -1;
  for (let at = 0; at < entries.length; count++) {
    const end = entryEnd(entries, at);
    if (sorted && before >= 0 && compareSerials(entries, before, entries, at) >= 0) sorted = false;
    before = at;
    at = end;
  }
  return { count, sorted };
}

/** Where each entry begins, and the end of the last. */
function offsetsOf(entries: Bytes, count: number): Uint32Array {
  const offsets = new Uint32Array(count + 1);
  let at = 0;
  for (let i = 0; i < count; i++) {
    offsets[i] = at;
    at = endOfElement(entries, at);
  }
  offsets[count] = at;
  return offsets;
}

/** The same entries in order. Throws `lint_failed` where a certificate stands there twice, `malformed_der`. */
export function sortEntries(entries: Bytes): Bytes {
  const { count, sorted } = scanEntries(entries);
  if (sorted) return entries;
  const offsets = offsetsOf(entries, count);
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) =>
    compareSerials(entries, offsets[a] ?? 0, entries, offsets[b] ?? 0),
  );
  const out = new Uint8Array(entries.length);
  let at = 0;
  let before = -1;
  for (const i of order) {
    const start = offsets[i] ?? 0;
    if (before >= 0 && compareSerials(entries, before, entries, start) === 0) throw twice(entries, start);
    before = start;
    const entry = entries.subarray(start, endOfElement(entries, start));
    out.set(entry, at);
    at += entry.length;
  }
  return out;
}

/**
 * Several lists, each in order and cut at entries into pieces, as one in order, written to `target` from its start; says
 * how many octets. Throws `lint_failed` where a certificate stands in two of them, `RangeError` where `target` is full.
 */
export function mergeEntries(lists: readonly Iterable<Bytes>[], target: Bytes): number {
  const cursors = lists.map((pieces) => new PieceCursor(pieces)).filter(({ done }) => !done);
  let written = 0;
  while (cursors.length > 1) {
    let [first] = cursors;
    if (first === undefined) break;
    for (let i = 1; i < cursors.length; i++) {
      const other = cursors[i];
      if (other === undefined) continue;
      const order = compareSerials(other.octets, other.at, first.octets, first.at);
      if (order === 0) throw twice(first.octets, first.at);
      if (order < 0) first = other;
    }
    const { octets, at } = first;
    const end = endOfElement(octets, at);
    if (written + end - at > target.length) throw new RangeError('more entries than there is room for');
    for (let i = at; i < end; i++) target[written++] = octets[i] ?? 0;
    if (first.moveTo(end)) cursors.splice(cursors.indexOf(first), 1);
  }
  const [last] = cursors;
  for (; last !== undefined && !last.done; last.moveTo(last.octets.length)) {
    const rest = last.octets.subarray(last.at);
    target.set(rest, written);
    written += rest.length;
  }
  return written;
}

class PieceCursor {
  octets: Bytes = new Uint8Array(0);
  at = 0;
  done = false;
  readonly #pieces: Iterator<Bytes>;

  constructor(pieces: Iterable<Bytes>) {
    this.#pieces = pieces[Symbol.iterator]();
    this.moveTo(0);
  }

  /** Whether nothing is left. What is behind the cursor is let go. */
  moveTo(at: number): boolean {
    this.at = at;
    while (!this.done && this.at === this.octets.length) {
      const next = this.#pieces.next();
      this.at = 0;
      this.done = next.done === true;
      this.octets = next.done === true ? new Uint8Array(0) : next.value;
    }
    return this.done;
  }
}

/** Finds what an earlier list names and a later one does not. Both are in order; the earlier one comes in pieces. */
export class GoneEntries {
  readonly #after: Bytes;
  #at = 0;

  constructor(after: Bytes) {
    this.#after = after;
  }

  /** Octets of the entries that are gone, out of the whole ones in `before`; says how many octets were read. */
  feed(before: Bytes): { readonly gone: readonly Bytes[]; readonly read: number } {
    const after = this.#after;
    const gone: Bytes[] = [];
    let j = this.#at;
    let i = 0;
    while (i < before.length && isWhole(before, i)) {
      const order = j < after.length ? compareSerials(before, i, after, j) : -1;
      if (order > 0) {
        j = endOfElement(after, j);
        continue;
      }
      const end = endOfElement(before, i);
      if (order < 0) gone.push(before.subarray(i, end));
      else j = endOfElement(after, j);
      i = end;
    }
    this.#at = j;
    return { gone, read: i };
  }
}

/** Whether the element that begins at `at` ends within the octets. */
function isWhole(octets: Bytes, at: number): boolean {
  const first = octets[at + 1];
  if (first === undefined) return false;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (at + 2 + more > octets.length) return false;
  let length = more === 0 ? first : 0;
  for (let i = 0; i < more; i++) length = length * 256 + (octets[at + 2 + i] ?? 0);
  return at + 2 + more + length <= octets.length;
}

const twice = (entries: Bytes, at: number): ChanceryError => {
  const lengthAt = serialLengthAt(entries, at);
  const serial = entries.subarray(lengthAt + 1, lengthAt + 1 + (entries[lengthAt] ?? 0));
  return new ChanceryError('lint_failed', {
    message: `the serial number ${Buffer.from(serial).toString('hex')} is revoked twice`,
    rule: 'RFC 5280 5.1.2.6: one entry for each certificate',
  });
};

const malformed = (message: string): ChanceryError =>
  new ChanceryError('malformed_der', {
    message,
    rule: 'RFC 5280 5.1.2.6',
    fix: 'Have the CRL issued again.',
  });
