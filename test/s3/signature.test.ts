/** The examples of "Signature Calculations for the Authorization Header" in the S3 documentation. */
import { expect, test } from 'vitest';
import { signRequest, type Unsigned } from '../../src/s3/signature.ts';

const signing = {
  credentials: {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', // gitleaks:allow -- the documentation's own
    sessionToken: undefined,
  },
  region: 'us-east-1',
  now: Date.UTC(2013, 4, 24),
};
const url = (path: string): URL => new URL(`https://examplebucket.s3.amazonaws.com${path}`);
const empty = new Uint8Array(0);

const examples: readonly (readonly [string, Unsigned, string])[] = [
  [
    'get object',
    { method: 'GET', url: url('/test.txt'), headers: { range: 'bytes=0-9' }, body: empty },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'put object',
    {
      method: 'PUT',
      url: url('/test%24file.text'),
      headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      body: Buffer.from('Welcome to Amazon S3.'),
    },
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
  [
    'get bucket lifecycle',
    { method: 'GET', url: url('/?lifecycle='), headers: {}, body: empty },
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'list objects',
    { method: 'GET', url: url('/?max-keys=2&prefix=J'), headers: {}, body: empty },
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
];

test.each(examples)('%s', (_name, request, signature) => {
  expect(signRequest(request, signing)['authorization']).toContain(`Signature=${signature}`);
});

test('a session token is signed and sent', () => {
  const credentials = { ...signing.credentials, sessionToken: 'the-token' };
  const [, request] = examples[0] ?? [];
  const headers = signRequest(request as Unsigned, { ...signing, credentials });
  expect(headers['x-amz-security-token']).toBe('the-token');
  expect(headers['authorization']).toContain('x-amz-date;x-amz-security-token,');
});
