import { expect, onTestFinished, test } from 'vitest';
import { s3Target } from '../../src/publication/s3.ts';
import type { PublicationTarget } from '../../src/publication/target.ts';
import { S3Client } from '../../src/s3/client.ts';
import { publicationContract } from '../contract/publication.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeS3 } from '../fakes/s3-server.ts';

async function bucket(prefix = ''): Promise<{ server: FakeS3; target: PublicationTarget }> {
  // pages of two: a listing has several
  const server = await FakeS3.start('status', 2);
  onTestFinished(() => server.stop());
  const client = new S3Client({
    ...{ bucket: 'status', region: 'eu-central-1', endpoint: server.endpoint },
    credentials: () => ({ accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined }),
    clock: new FakeClock(),
  });
  return { server, target: s3Target(client, prefix) };
}

publicationContract({ name: 'a bucket', open: async () => (await bucket()).target });
publicationContract({
  name: 'a part of a bucket',
  open: async () => (await bucket('pki/production/')).target,
});

test('objects are below the prefix, and what is beside it is not listed', async () => {
  const { server, target } = await bucket('pki/');
  await target.write('crl/a/0.crl', Buffer.from('x'), 'application/pkix-crl');
  expect([...server.objects.keys()]).toEqual(['pki/crl/a/0.crl']);
  server.objects.set('crl/b/0.crl', Buffer.from('of somebody else'));
  const listed: string[] = [];
  for await (const path of target.list('crl/')) listed.push(path);
  expect(listed).toEqual(['crl/a/0.crl']);
  expect(target.name).toBe('s3://status/pki/');
});

test('a store that refuses makes the write reject, with its code and no key', async () => {
  const { server, target } = await bucket();
  server.fault = () => ({ status: 503 });
  await expect(target.write('crl/a/0.crl', Buffer.from('x'), '')).rejects.toThrow(/503/);
  await expect(target.write('crl/a/0.crl', Buffer.from('x'), '')).rejects.not.toThrow(/secret/);
});
