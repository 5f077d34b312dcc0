import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { S3Client, S3Error, type S3Options } from '../../src/s3/client.ts';
import { credentialsFile, parseCredentials } from '../../src/s3/credentials.ts';
import { FakeS3 } from '../fakes/s3-server.ts';

let server: FakeS3;
beforeEach(async () => {
  server = await FakeS3.start('bucket', 3);
});
afterEach(() => server.stop());

const credentials = () => ({ accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined });
const client = (options: Partial<S3Options> = {}): S3Client =>
  new S3Client({
    bucket: 'bucket',
    region: 'eu-central-1',
    endpoint: server.endpoint,
    credentials,
    clock: { now: () => 1_800_000_000_000 },
    ...options,
  });
const octets = (text: string): Uint8Array => Buffer.from(text);
const keys = async (found: AsyncIterable<{ readonly key: string }>): Promise<string[]> => {
  const all: string[] = [];
  for await (const { key } of found) all.push(key);
  return all;
};

test('what is put is got, under a key with every kind of character', async () => {
  const key = "a b/ü+&=?#%!'()*~/c";
  expect(await client().putObject(key, octets('content'))).toBe('stored');
  expect(Buffer.from((await client().getObject(key, 100)) ?? []).toString()).toBe('content');
  expect([...server.objects.keys()]).toEqual([key]);
  expect(await keys(client().listObjects("a b/ü+&=?#%!'()*~/"))).toEqual([key]);
});

test('headers of an object', async () => {
  await client().putObject('k', octets('x'), {
    contentType: 'application/pkix-crl',
    cacheControl: 'max-age=30',
  });
  expect(server.headers.get('k')).toMatchObject({
    'content-type': 'application/pkix-crl',
    'cache-control': 'max-age=30',
  });
});

test('ifAbsent never overwrites', async () => {
  expect(await client().putObject('k', octets('first'), { ifAbsent: true })).toBe('stored');
  expect(await client().putObject('k', octets('second'), { ifAbsent: true })).toBe('exists');
  expect(server.objects.get('k')?.toString()).toBe('first');
});

test('no object is undefined, no bucket an error', async () => {
  expect(await client().getObject('none', 10)).toBeUndefined();
  await expect(client({ bucket: 'other' }).getObject('none', 10)).rejects.toThrow('404 NoSuchBucket');
});

test('a listing goes over pages and begins after a key', async () => {
  for (let i = 0; i < 8; i += 1) await client().putObject(`p/${i}`, octets('x'));
  await client().putObject('q/0', octets('x'));
  expect(await keys(client().listObjects('p/'))).toHaveLength(8);
  expect(await keys(client().listObjects('p/', 'p/5'))).toEqual(['p/6', 'p/7']);
});

test('what is deleted is gone, twice as well', async () => {
  await client().putObject('k', octets('x'));
  await client().deleteObject('k');
  await client().deleteObject('k');
  expect(server.objects.size).toBe(0);
});

test('an object of over the cap is refused', async () => {
  await client().putObject('k', octets('12345'));
  await expect(client().getObject('k', 4)).rejects.toThrow('over 4 octets');
});

test('an error names status and code, and none of the words of the store', async () => {
  server.fault = () => ({ status: 503 });
  const error = await client()
    .putObject('k', octets('x'))
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(S3Error);
  expect((error as S3Error).status).toBe(503);
  expect((error as S3Error).message).toContain('503 Injected');
  expect((error as S3Error).message).not.toContain('secret');
});

test('a silent store is given up after the deadline', async () => {
  server.fault = () => 'silence';
  const began = performance.now();
  await expect(client({ timeout: 150 }).putObject('k', octets('x'))).rejects.toThrow(
    'no answer within 150 ms',
  );
  expect(performance.now() - began).toBeLessThan(3000);
});

test('nobody there is an error without a status', async () => {
  await expect(client({ endpoint: 'http://127.0.0.1:1' }).getObject('k', 1)).rejects.toMatchObject({
    status: undefined,
  });
});

test('an endpoint without TLS is on this host or refused', () => {
  expect(() => client({ endpoint: 'http://s3.example.test' })).toThrow('is not https');
  expect(() => client({ endpoint: 'https://s3.example.test' })).not.toThrow();
});

test('a credentials file is read anew for each request', async () => {
  const folder = mkdtempSync(join(tmpdir(), 's3-'));
  const file = join(folder, 'credentials');
  const write = (id: string) =>
    writeFileSync(
      file,
      `[default]\naws_access_key_id = ${id}\naws_secret_access_key=b/+=\n[x]\naws_access_key_id=y\n`,
    );
  write('one');
  const reading = client({ credentials: credentialsFile(file) });
  await reading.putObject('k', octets('x'));
  expect(server.headers.get('k')?.authorization).toContain('Credential=one/');
  write('two');
  await reading.putObject('k', octets('x'));
  expect(server.headers.get('k')?.authorization).toContain('Credential=two/');
  rmSync(folder, { recursive: true });
  await expect(reading.putObject('k', octets('x'))).rejects.toThrow('cannot be read (ENOENT)');
});

test('a credentials file without a key is refused and not quoted', () => {
  expect(() => parseCredentials('[default]\naws_access_key_id = abc123\n', 'f')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('abc123') as string }) as Error,
  );
  expect(parseCredentials('aws_access_key_id=a\naws_secret_access_key=b\naws_session_token=c', 'f')).toEqual({
    accessKeyId: 'a',
    secretAccessKey: 'b',
    sessionToken: 'c',
  });
});
