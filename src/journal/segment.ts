/** The octets of a segment as lines: where it ends, and what a crash tore off. */
import { type JournalPosition, readLine } from '../domain/revocation/journal.ts';
import { damaged } from './damaged.ts';

const LINE_FEED = 0x0a;

/** After the last line. Throws `damaged_journal` where it, or the one before, cannot be read. */
export function lastPosition(path: string, lines: readonly string[]): JournalPosition {
  const [last = '', before] = lines.slice(-2).toReversed();
  const previous = before === undefined ? undefined : readLine(before, undefined);
  if (typeof previous === 'string') throw damaged(path, lines.length - 1, previous);
  const line = readLine(last, previous?.end);
  if (typeof line === 'string') throw damaged(path, lines.length, line);
  return { journal: line.journal, ...line.end };
}

/** A last line without its end, or with octets that were never written, is torn. */
export function split(octets: Buffer): {
  readonly lines: string[];
  readonly size: number;
  readonly torn: number;
} {
  let size = octets.lastIndexOf(LINE_FEED) + 1;
  const start = size === 0 ? 0 : octets.lastIndexOf(LINE_FEED, size - 2) + 1;
  // a file may have grown before its octets reached the disk
  if (size > 0 && octets.subarray(start, size).includes(0)) size = start;
  const text = octets.toString('utf8', 0, size);
  return {
    lines: text === '' ? [] : text.slice(0, -1).split('\n'),
    size,
    torn: octets.length - size,
  };
}
