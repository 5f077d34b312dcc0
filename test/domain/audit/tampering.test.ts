/** reliability D6: 5 kinds of tampering at 200 places each, and the first bad record is named every time. */
import { describe, expect, it } from 'vitest';
import { readEntryLine, readHeadLine } from '../../../src/domain/audit/export.ts';
import type { AuditHead } from '../../../src/domain/audit/head.ts';
import type { AuditReport } from '../../../src/domain/audit/report.ts';
import { exportOf, growingLog, makeLog, toFile, verify } from './audit-fixtures.ts';

const PLACES = 200;
const LOG = makeLog(230, 23);
const LINES = exportOf(LOG);
const FILE = toFile(LINES);
const CLOSING = readHeadLine(LINES.at(-1) ?? '')?.head as AuditHead;

/** The entry that a line carries or signs; 0 for the header. */
const sequenceOf = (line: string): number =>
  (readEntryLine(line)?.parsed['sequence'] as number | undefined) ?? readHeadLine(line)?.head.sequence ?? 0;

const isHead = (line: string | undefined): boolean => line !== undefined && readHeadLine(line) !== undefined;

/** Places spread over a range, both ends included. */
const spread = (from: number, to: number): number[] =>
  Array.from({ length: PLACES }, (_, i) => from + Math.floor((i * (to - from)) / (PLACES - 1)));

/** A deterministic stream of numbers below `limit`. */
function* numbers(seed: number): Generator<number, never, number> {
  let state = seed;
  let limit = 1;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    limit = yield state % limit;
  }
}

describe('an export that was tampered with (D6)', () => {
  it('is good before', () => {
    expect(verify(FILE)).toMatchObject({ verdict: 'good', entries: 230, uncovered: 0, bad: null });
    expect(LINES.length).toBeGreaterThan(PLACES + 30);
  });

  it('names the line of a flipped bit at 200 of 200 places', () => {
    const random = numbers(1);
    random.next(1);
    for (const at of spread(0, FILE.length - 1)) {
      const changed = Uint8Array.from(FILE);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.next(8).value);
      const line = FILE.subarray(0, at).reduce((count, octet) => count + Number(octet === 0x0a), 1);
      const { bad } = verify(changed);
      // without its line feed the last line is a torn one
      expect({ at, line: bad?.line }).toEqual({ at, line });
      if (line > 1 && !isHead(LINES[line - 1])) expect(bad?.sequence).toBe(sequenceOf(LINES[line - 1] ?? ''));
    }
  });

  it('names the entry or head of a deleted line at 200 of 200 places', () => {
    for (const at of spread(0, LINES.length - 1)) {
      const { bad } = verify(toFile(LINES.filter((_, i) => i !== at)));
      const deleted = LINES[at] ?? '';
      const sequence = at === LINES.length - 1 ? 231 : sequenceOf(deleted);
      expect({ at, sequence: bad?.sequence }).toEqual({ at, sequence });
      expect({ at, line: bad?.line }).toEqual({ at, line: at + 1 });
    }
  });

  it('names the first of two swapped lines at 200 of 200 places', () => {
    const random = numbers(2);
    random.next(1);
    for (let i = 0; i < PLACES; i++) {
      const first = i % 2 === 0 ? i : random.next(LINES.length - 1).value;
      const second = i % 2 === 0 ? first + 1 : first + 1 + random.next(LINES.length - first - 1).value;
      const swapped = [...LINES];
      [swapped[first], swapped[second]] = [swapped[second] ?? '', swapped[first] ?? ''];
      expect({ first, second, line: verify(toFile(swapped)).bad?.line }).toEqual({
        first,
        second,
        line: first + 1,
      });
    }
  });

  it('names the first missing record of a cut tail at 200 of 200 places', () => {
    for (const length of spread(0, FILE.length - 1)) {
      const cut = FILE.subarray(0, length);
      const whole = cut.reduce((count, octet) => count + Number(octet === 0x0a), 0);
      const missing = LINES.slice(whole).find((line) => readEntryLine(line) !== undefined);
      const expected = { line: whole + 1, sequence: whole === 0 ? 0 : sequenceOf(missing ?? '') || 231 };
      const { bad } = verify(cut, CLOSING);
      expect({ length, bad: { line: bad?.line, sequence: bad?.sequence } }).toEqual({
        length,
        bad: expected,
      });
      // only a cut exactly after a head needs the head that was kept elsewhere
      const endsWithHead = cut.at(-1) === 0x0a && isHead(LINES[whole - 1]);
      expect(verify(cut).verdict).toBe(endsWithHead ? 'good' : 'broken');
    }
  });

  it('sees an older export by the head that was kept elsewhere at 200 of 200 places', () => {
    for (const log of growingLog(PLACES, 23)) {
      const length = log.last()?.sequence ?? 0;
      const replayed = toFile(exportOf(log));
      const alone = verify(replayed);
      expect(alone.verdict).toBe('good');
      expect(alone.notes.join()).toContain('--head');
      expect(verify(replayed, CLOSING).bad).toMatchObject({
        fault: 'cut',
        sequence: length + 1,
      } satisfies Partial<AuditReport['bad'] & object>);
    }
  });
});
