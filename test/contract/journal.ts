/** What every backend of `Journal` keeps. */
import { describe, expect, test } from 'vitest';
import { EMPTY_CHAIN } from '../../src/domain/audit/chain.ts';
import type { Journal, JournalLine, JournalPosition } from '../../src/domain/revocation/journal.ts';
import type { JournalRecord } from '../../src/domain/revocation/ports.ts';
import { refusalOfAsync } from '../support/errors.ts';

export interface JournalPlace {
  /** Opens what lies there, anew. `from`: what the database has committed. */
  open(from?: number): Promise<Journal>;
  /** Changes the text of a line that lies there, or takes it away. */
  tamper(sequence: number, change: (line: string) => string | undefined): void;
}

export interface JournalBackend {
  readonly name: string;
  /** An empty place of this test's own. */
  readonly place: () => Promise<JournalPlace>;
}

export const OPENED = {
  format: 1,
  trustDomain: 'example.test',
  key: 'ab'.repeat(32),
  audit: EMPTY_CHAIN,
};

export const RECORDS: readonly JournalRecord[] = [
  { kind: 'issued', generation: 'servers-1', serial: '4a01', shard: 3, notAfter: 1_800_000_000_000 },
  {
    kind: 'revoked',
    ...{ generation: 'servers-1', serial: '4a02', shard: 0, notAfter: 1_800_000_000_000 },
    ...{ revokedAt: 1_790_000_000_000, recordedAt: 1_790_000_000_001, reason: 'keyCompromise' },
    blockKey: 'cd'.repeat(32),
  },
  { kind: 'crl', generation: 'workload', scope: 'full', number: 2n ** 150n, thisUpdate: 1_790_000_000_000 },
  { kind: 'crl', generation: 'servers-1', scope: 7, number: 12n, thisUpdate: 1_790_000_000_000 },
  { kind: 'blocked', key: 'ef'.repeat(32), blockedAt: 1_790_000_000_000 },
];

export async function linesOf(journal: Journal, from = 1): Promise<JournalLine[]> {
  const lines: JournalLine[] = [];
  for await (const line of journal.lines(from)) lines.push(line);
  return lines;
}

const issued = (n: number): JournalRecord => ({
  kind: 'issued',
  generation: 'servers-1',
  serial: n.toString(16).padStart(8, '0'),
  shard: 0,
  notAfter: 1_800_000_000_000,
});

export function journalContract({ name, place }: JournalBackend): void {
  describe(`${name} keeps the contract of the journal`, () => {
    test('an empty one has no line', async () => {
      const journal = await (await place()).open();
      expect(journal.last()).toBeUndefined();
      expect(await linesOf(journal)).toEqual([]);
    });

    test('what was appended comes back as it was, in order, also after opening it anew', async () => {
      const lying = await place();
      const journal = await lying.open();
      const first = await journal.append({ records: [], opened: OPENED });
      const second = await journal.append({ records: RECORDS });
      journal.close();
      const again = await lying.open();
      const lines = await linesOf(again);
      expect(lines.map(({ records }) => records)).toEqual([[], RECORDS]);
      expect(lines[0]?.opened).toEqual(OPENED);
      expect(lines.map(({ end, journal: id }) => ({ journal: id, ...end }))).toEqual([first, second]);
      expect(again.last()).toEqual({ journal: second.journal, end: lines[1]?.end });
      expect(first.journal).toMatch(/^abababab[0-9a-f]{8}$/);
    });

    test('an opening goes on where the last one ended', async () => {
      const lying = await place();
      const positions: JournalPosition[] = [];
      for (let n = 0; n < 4; n += 1) {
        const journal = await lying.open(positions.at(-1)?.sequence);
        positions.push(await journal.append({ records: [issued(n)], ...(n === 0 && { opened: OPENED }) }));
        journal.close();
      }
      expect(positions.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
      const lines = await linesOf(await lying.open(), 3);
      expect(lines.map(({ records }) => records)).toEqual([[issued(2)], [issued(3)]]);
    });

    test('many records go into several lines', async () => {
      const lying = await place();
      const journal = await lying.open();
      const records = Array.from({ length: 4500 }, (_, n) => issued(n));
      expect((await journal.append({ records, opened: OPENED })).sequence).toBe(3);
      const lines = await linesOf(await lying.open());
      expect(lines.flatMap((line) => line.records)).toEqual(records);
      expect(lines.map(({ opened }) => opened !== undefined)).toEqual([true, false, false]);
    });

    test.each<[string, (line: string) => string | undefined]>([
      ['a digit of a serial', (line) => line.replace('4a02', '4a03')],
      ['a reason', (line) => line.replace('keyCompromise', 'superseded')],
      ['its hash', (line) => line.replace(/"hash":"./, '"hash":"x')],
      ['white space', (line) => line.replace('":[', '": [')],
      ['everything', () => '{}'],
      ['no JSON', () => 'garbage'],
    ])('a line in the middle that was changed is refused by name: %s', async (_what, change) => {
      const lying = await place();
      const journal = await lying.open();
      await journal.append({ records: [], opened: OPENED });
      await journal.append({ records: RECORDS });
      await journal.append({ records: [] });
      await journal.append({ records: [] });
      journal.close();
      lying.tamper(2, change);
      const { code, message } = await refusalOfAsync(async () => linesOf(await lying.open()));
      expect(code).toBe('damaged_journal');
      expect(message).toMatch(/^line \d+ of /);
    });

    test('a line in the middle that was taken away is missed', async () => {
      const lying = await place();
      const journal = await lying.open();
      await journal.append({ records: [], opened: OPENED });
      for (let n = 0; n < 4; n += 1) await journal.append({ records: [issued(n)] });
      journal.close();
      lying.tamper(3, () => undefined);
      const { code, message } = await refusalOfAsync(async () => linesOf(await lying.open()));
      expect(code).toBe('damaged_journal');
      expect(message).toContain('line 3 is due, and it says that it is line 4');
    });
  });
}
