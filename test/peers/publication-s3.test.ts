/** Publication to an S3 server of somebody else: moto. */
import { spawn, type ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { s3Target } from '../../src/publication/s3.ts';
import type { PublicationTarget } from '../../src/publication/target.ts';
import { S3Client } from '../../src/s3/client.ts';
import { systemClock } from '../../src/server/world.ts';
import { publicationContract } from '../contract/publication.ts';
import { bench, object, pathOf } from '../publication/fixture.ts';
import { freePorts } from '../support/free-ports.ts';
import { serialOf } from '../support/records.ts';
import { pause } from '../support/spawned-server.ts';

let moto: ChildProcess;
let endpoint: string;
let count = 0;

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  endpoint = `http://127.0.0.1:${port}`;
  moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  while ((await fetch(`${endpoint}/moto-api/`).catch(() => undefined))?.ok !== true) await pause(100);
}, 60_000);
afterAll(async () => {
  const ended = new Promise((resolve) => moto.once('exit', resolve));
  moto.kill('SIGTERM');
  await ended;
});

/** A bucket of its own for each test. */
async function open(): Promise<PublicationTarget> {
  const bucket = `status-${++count}`;
  const made = await fetch(`${endpoint}/${bucket}`, { method: 'PUT', headers: { authorization: SIGNED } });
  expect(made.status).toBe(200);
  const client = new S3Client({
    ...{ bucket, region: 'us-east-1', endpoint, clock: systemClock },
    credentials: () => ({ accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined }),
  });
  return s3Target(client, 'pki/');
}

/** moto looks for whose request it is, and does not verify it. */
const SIGNED =
  'AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0';

publicationContract({ name: 'moto', open });

test('more objects than a page of a listing are all found', async () => {
  const target = await open();
  for (let i = 0; i < 1100; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, j) =>
        target.write(`ocsp/sha1/a/${i + j}.ocsp`, Buffer.from('x'), 'x/y'),
      ),
    );
  let found = 0;
  for await (const path of target.list('ocsp/')) found += Number(path.endsWith('.ocsp'));
  expect(found).toBe(1100);
  target.close();
});

test('a round publishes there, and the next server takes up what it finds', async () => {
  const target = await open();
  const one = bench({ target });
  one.objects = [object('crl/servers-1/0.crl', 'shard', one.clock.now() + HOUR)];
  await one.issue(3);
  await one.revoke(2);
  await one.publisher.round();
  const text = async (path: string): Promise<string> =>
    Buffer.from((await target.read(path, 1_000_000)) ?? []).toString();
  expect(await text('crl/servers-1/0.crl')).toBe('shard');
  expect(await text(pathOf(serialOf(2)))).toMatch(/^revoked/);
  expect(await text(pathOf(serialOf(3)))).toMatch(/^good/);
  one.objects = [];
  await one.restart().round();
  expect(await text('crl/servers-1/0.crl')).toBe('');
  expect(JSON.parse(await text('manifest.json'))).toMatchObject({
    files: {},
    ocsp: { covers: { 'servers-1': { sequence: 1 } } },
  });
  target.close();
});
