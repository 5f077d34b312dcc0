/** The S3 client and the journal against moto; signatures are held against AWS's examples in test/s3. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BucketJournal } from '../../src/journal/s3.ts';
import { S3Client } from '../../src/s3/client.ts';
import { signRequest } from '../../src/s3/signature.ts';
import { systemClock, systemRandom } from '../../src/server/world.ts';
import { journalContract, linesOf, OPENED, RECORDS } from '../contract/journal.ts';
import { freePorts } from '../support/free-ports.ts';

let moto: ChildProcess;
let endpoint: string;
const credentials = { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined };
let buckets = 0;

const client = (bucket: string): S3Client =>
  new S3Client({
    ...{ bucket, region: 'eu-central-1', endpoint, clock: systemClock },
    credentials: () => credentials,
  });

/** moto makes buckets by PUT on their path. */
async function makeBucket(): Promise<string> {
  const bucket = `journal-${++buckets}`;
  const url = new URL(`${endpoint}/${bucket}`);
  const body = Buffer.from(
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>',
  );
  const headers = signRequest(
    { method: 'PUT', url, headers: {}, body },
    { credentials, region: 'eu-central-1', now: Date.now() },
  );
  const { status } = await fetch(url, { method: 'PUT', headers, body });
  expect(status).toBe(200);
  return bucket;
}

const open = (bucket: string, from = 1): Promise<BucketJournal> =>
  BucketJournal.open({
    ...{ client: client(bucket), prefix: 'a/b/', clock: systemClock, random: systemRandom(), from },
  });

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  endpoint = `http://127.0.0.1:${port}`;
  moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  for (let tries = 0; ; tries += 1) {
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (up) return;
    if (tries > 200) throw new Error('moto does not answer');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}, 60_000);
afterAll(() => void moto.kill());

test('objects with every kind of character are put, listed over pages and got', async () => {
  const bucket = client(await makeBucket());
  const key = "x/a b+ü&=?#%!'()*~";
  expect(await bucket.putObject(key, Buffer.from('one'))).toBe('stored');
  expect(Buffer.from((await bucket.getObject(key, 10)) ?? []).toString()).toBe('one');
  const keys: string[] = [];
  for await (const object of bucket.listObjects('x/')) keys.push(object.key);
  expect(keys).toEqual([key]);
  expect(await bucket.getObject('nothing', 10)).toBeUndefined();
  await bucket.deleteObject(key);
  expect(await bucket.getObject(key, 10)).toBeUndefined();
});

test('an object is made once (If-None-Match)', async () => {
  const bucket = client(await makeBucket());
  expect(await bucket.putObject('k', Buffer.from('one'), { ifAbsent: true })).toBe('stored');
  expect(await bucket.putObject('k', Buffer.from('two'), { ifAbsent: true })).toBe('exists');
  expect(Buffer.from((await bucket.getObject('k', 10)) ?? []).toString()).toBe('one');
});

test('two writers of one journal: the second one is told', async () => {
  const bucket = await makeBucket();
  const one = await open(bucket);
  await one.append({ records: [], opened: OPENED });
  const other = await open(bucket);
  await one.append({ records: RECORDS });
  await expect(other.append({ records: [] })).rejects.toMatchObject({ fatal: true });
  expect(await linesOf(await open(bucket))).toHaveLength(2);
});

test('a journal of more lines than a listing has on one page', async () => {
  const bucket = await makeBucket();
  const journal = await open(bucket);
  await journal.append({ records: [], opened: OPENED });
  for (let n = 0; n < 1010; n += 1) await journal.append({ records: [] });
  expect((await open(bucket)).last()?.end.sequence).toBe(1011);
  expect((await linesOf(await open(bucket, 1005), 1005)).map(({ end }) => end.sequence)).toHaveLength(7);
}, 60_000);

journalContract({
  name: 'a bucket of moto',
  place: async () => {
    const bucket = await makeBucket();
    const plain = client(bucket);
    const waiting: Promise<unknown>[] = [];
    return {
      async open(from) {
        await Promise.all(waiting);
        return open(bucket, from);
      },
      tamper(sequence, change) {
        const key = `a/b/${String(sequence).padStart(16, '0')}.json`;
        const doIt = async (): Promise<void> => {
          const text = Buffer.from((await plain.getObject(key, 1e6)) ?? []).toString();
          const changed = change(text.trimEnd());
          if (changed === undefined) await plain.deleteObject(key);
          else await plain.putObject(key, Buffer.from(`${changed}\n`));
        };
        waiting.push(doIt());
      },
    };
  },
});
