import { expect, test } from 'vitest';
import { load, refusal } from './workbench.ts';

test('places of publication are none by default', async () => {
  const config = await load('');
  expect(config.publication).toEqual([]);
  expect(config.plain['publication']).toEqual([]);
});

test('a folder and a bucket, with or without answers signed ahead; paths start at the folder of the file', async () => {
  const config = await load(
    [
      'publication:',
      '  - folder: out/status',
      '  - s3:',
      '      bucket: chancery-status',
      '      region: eu-central-1',
      '      prefix: production/',
      '      credentials: { file: /etc/chancery/s3 }',
      '    ocsp: false',
      '',
    ].join('\n'),
  );
  const [folder, bucket] = config.publication;
  expect(folder).toMatchObject({ kind: 'folder', ocsp: undefined });
  expect(folder?.kind === 'folder' && folder.folder).toMatch(/^\/.*out\/status$/);
  expect(bucket).toMatchObject({
    kind: 's3',
    ocsp: false,
    bucket: {
      bucket: 'chancery-status',
      prefix: 'production/',
      endpoint: undefined,
      credentials: { kind: 'file', file: '/etc/chancery/s3' },
    },
  });
  expect(config.plain['publication']).toEqual([
    { folder: folder?.kind === 'folder' ? folder.folder : '' },
    {
      s3: {
        bucket: 'chancery-status',
        region: 'eu-central-1',
        prefix: 'production/',
        credentials: { file: '/etc/chancery/s3' },
      },
      ocsp: false,
    },
  ]);
});

test.each([
  [
    'both at once',
    'publication: [{ folder: /srv/a, s3: { bucket: abc, region: x, credentials: { file: x } } }]',
    /publication/,
  ],
  ['neither', 'publication: [{ ocsp: true }]', /publication/],
  ['the same twice', 'publication: [{ folder: /srv/a }, { folder: /srv/x/../a }]', /stands there twice/],
  [
    'a bucket over plain HTTP',
    'publication: [{ s3: { bucket: abc, region: x, endpoint: "http://s3.example.test", credentials: { file: x } } }]',
    /publication/,
  ],
])('%s is refused', async (_, text, message) => {
  expect((await refusal(text)).message).toMatch(message);
});

test.each(['data', 'data/keys/public', '.', 'data/../..'])(
  'the data folder is published by nobody, as a whole or in part: %s',
  async (path) => {
    expect((await refusal(`publication: [{ folder: ${path} }]`)).message).toMatch(
      /and the data folder are one in the other/,
    );
  },
);
