import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { JournalFailure } from '../../src/domain/revocation/journal.ts';
import { makeJournalFolder } from '../../src/journal/folder.ts';
import { linesOf, OPENED, RECORDS } from '../contract/journal.ts';
import { refusalOf, refusalOfAsync } from '../support/errors.ts';
import { folderPlace } from './places.ts';

test('files are private whatever the umask says', async () => {
  const place = folderPlace();
  const before = process.umask(0);
  try {
    (await place.open()).append({ records: [], opened: OPENED });
  } finally {
    process.umask(before);
  }
  expect(statSync(place.folder).mode & 0o777).toBe(0o700);
  expect(statSync(place.segments()[0] ?? '').mode & 0o777).toBe(0o600);
});

test('a new segment is begun where one is full, and all are read as one', async () => {
  const place = folderPlace();
  const journal = await place.open(1, 700);
  journal.append({ records: [], opened: OPENED });
  for (let n = 0; n < 10; n += 1) journal.append({ records: RECORDS });
  journal.close();
  expect(place.segments().length).toBeGreaterThan(4);
  const again = await place.open(1, 700);
  expect(await linesOf(again)).toHaveLength(11);
  expect((await linesOf(again, 7)).map(({ end }) => end.sequence)).toEqual([7, 8, 9, 10, 11]);
  expect(again.append({ records: [] }).sequence).toBe(12);
});

test('a torn last line is taken away at every octet, and nothing else is', async () => {
  const place = folderPlace();
  const journal = await place.open();
  journal.append({ records: [], opened: OPENED });
  journal.append({ records: RECORDS });
  const [path = ''] = place.segments();
  const { size } = statSync(path);
  journal.append({ records: RECORDS });
  journal.close();
  const whole = readFileSync(path);
  for (let end = size; end < whole.length; end += 1) {
    writeFileSync(path, whole.subarray(0, end));
    const torn = await place.open();
    expect(torn.last()?.end.sequence).toBe(2);
    expect(statSync(path).size).toBe(size);
    torn.close();
  }
  // and the whole of it stays
  writeFileSync(path, whole);
  const good = await place.open();
  expect(good.last()?.end.sequence).toBe(3);
});

test('octets that were never written to the disk are torn, too', async () => {
  const place = folderPlace();
  const journal = await place.open();
  journal.append({ records: [], opened: OPENED });
  const [path = ''] = place.segments();
  const { size } = statSync(path);
  journal.append({ records: RECORDS });
  journal.close();
  const whole = readFileSync(path);
  whole.fill(0, size + 20, size + 60);
  writeFileSync(path, whole);
  const again = await place.open();
  expect(again.last()?.end.sequence).toBe(1);
  expect(again.append({ records: RECORDS }).sequence).toBe(2);
  expect(await linesOf(again)).toHaveLength(2);
});

test('a last line that is whole and wrong is no torn one', async () => {
  const place = folderPlace();
  const journal = await place.open();
  journal.append({ records: [], opened: OPENED });
  journal.append({ records: RECORDS });
  journal.close();
  place.tamper(2, (line) => line.replace('4a02', '4a03'));
  expect((await refusalOfAsync(() => place.open())).code).toBe('damaged_journal');
});

test('only the last segment may end torn', async () => {
  const place = folderPlace();
  const journal = await place.open(1, 300);
  journal.append({ records: [], opened: OPENED });
  for (let n = 0; n < 3; n += 1) journal.append({ records: RECORDS });
  journal.close();
  const [first = ''] = place.segments();
  truncateSync(first, statSync(first).size - 3);
  expect((await refusalOfAsync(async () => linesOf(await place.open()))).code).toBe('damaged_journal');
});

test('a segment that was begun and never written to is no fault', async () => {
  const place = folderPlace();
  const journal = await place.open(1, 300);
  journal.append({ records: [], opened: OPENED });
  journal.append({ records: RECORDS });
  journal.close();
  writeFileSync(join(place.folder, 'journal-0000000000000003.jsonl'), '', { mode: 0o600 });
  const again = await place.open(1, 300);
  expect(again.last()?.end.sequence).toBe(2);
  expect(again.append({ records: [] }).sequence).toBe(3);
  expect(await linesOf(again)).toHaveLength(3);
});

test('who writes beside us is noticed before anything is written, and that does not heal', async () => {
  const place = folderPlace();
  const journal = await place.open();
  journal.append({ records: [], opened: OPENED });
  const [path = ''] = place.segments();
  appendFileSync(path, '{}\n');
  const { size } = statSync(path);
  for (let n = 0; n < 2; n += 1)
    expect(() => journal.append({ records: RECORDS })).toThrow(
      expect.objectContaining({ name: 'JournalFailure', fatal: true }) as Error,
    );
  expect(statSync(path).size).toBe(size);
});

test('a folder that others may write to is refused, and one without a parent', () => {
  const place = folderPlace();
  mkdirSync(place.folder);
  chmodSync(place.folder, 0o777);
  expect(refusalOf(() => makeJournalFolder(place.folder)).code).toBe('unsafe_files');
  const { code, message } = refusalOf(() => makeJournalFolder(join(dirname(place.folder), 'not', 'mounted')));
  expect(code).toBe('store_unavailable');
  expect(message).toContain('ENOENT');
});

test('a failure names the journal and no record', async () => {
  const place = folderPlace();
  const journal = await place.open();
  journal.append({ records: [], opened: OPENED });
  appendFileSync(place.segments()[0] ?? '', 'x');
  try {
    journal.append({ records: RECORDS });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(JournalFailure);
    expect((error as Error).message).toContain(place.folder);
    expect((error as Error).message).not.toContain('4a0');
  }
});
