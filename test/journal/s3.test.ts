import { expect, test } from 'vitest';
import { linesOf, OPENED, RECORDS } from '../contract/journal.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { bucketPlace, keyOf } from './places.ts';

test('a put that was done and not answered is known again, and the next line comes after it', async () => {
  const place = await bucketPlace();
  const journal = await place.open();
  await journal.append({ records: [], opened: OPENED });
  place.server.fault = ({ method }) => (method === 'PUT' ? { status: 500, stored: true } : undefined);
  await expect(journal.append({ records: RECORDS })).rejects.toMatchObject({ fatal: false });
  place.server.fault = () => undefined;
  expect((await journal.append({ records: [] })).sequence).toBe(3);
  expect((await linesOf(journal)).map(({ records }) => records.length)).toEqual([0, RECORDS.length, 0]);
});

test('a put that was not done is done before the next one', async () => {
  const place = await bucketPlace();
  const journal = await place.open();
  await journal.append({ records: [], opened: OPENED });
  place.server.fault = ({ method }) => (method === 'PUT' ? { status: 503 } : undefined);
  for (let n = 0; n < 3; n += 1)
    await expect(journal.append({ records: RECORDS })).rejects.toMatchObject({ fatal: false });
  place.server.fault = () => undefined;
  await journal.append({ records: [] });
  expect(await linesOf(journal)).toHaveLength(3);
});

test('a bucket that says nothing is given up in time', async () => {
  const place = await bucketPlace();
  const journal = await place.open(1, 200);
  place.server.fault = () => 'silence';
  await expect(journal.append({ records: RECORDS, opened: OPENED })).rejects.toThrow(
    'no answer within 200 ms',
  );
});

test('two servers on one journal: the second one to write learns of the first, and nothing is overwritten', async () => {
  const place = await bucketPlace();
  const one = await place.open();
  await one.append({ records: [], opened: OPENED });
  const other = await place.open();
  await one.append({ records: RECORDS });
  await expect(other.append({ records: [] })).rejects.toMatchObject({ fatal: true });
  expect((await linesOf(await place.open())).map(({ records }) => records.length)).toEqual([
    0,
    RECORDS.length,
  ]);
});

test('only what comes after the place of the database is listed and read', async () => {
  const place = await bucketPlace();
  const journal = await place.open();
  await journal.append({ records: [], opened: OPENED });
  for (let n = 0; n < 9; n += 1) await journal.append({ records: [] });
  const read: string[] = [];
  place.server.fault = ({ key }) => {
    if (key !== '') read.push(key);
    return undefined;
  };
  const again = await place.open(8);
  expect(again.last()?.end.sequence).toBe(10);
  expect((await linesOf(again, 8)).map(({ end }) => end.sequence)).toEqual([8, 9, 10]);
  expect(read.every((key) => key >= keyOf(8))).toBe(true);
});

test('an object under the name of another is refused', async () => {
  const place = await bucketPlace();
  const journal = await place.open();
  await journal.append({ records: [], opened: OPENED });
  const first = place.server.objects.get(keyOf(1)) ?? Buffer.alloc(0);
  place.server.objects.set(keyOf(2), first);
  expect((await refusalOfAsync(() => place.open())).code).toBe('damaged_journal');
});

test('a bucket that does not answer keeps the server from starting', async () => {
  const place = await bucketPlace();
  place.server.fault = () => ({ status: 403 });
  const { code, message } = await refusalOfAsync(() => place.open());
  expect(code).toBe('store_unavailable');
  expect(message).toContain('403');
});
