/** A bucket of S3, or of what speaks its protocol: as the file names it, and as programs see it. */
import { join, resolve as resolvePath } from 'node:path';
import { z } from 'zod';
import type { Bucket, SecretReference } from './configuration.ts';
import type { SettingPath } from './faults.ts';
import { bucketName, objectPrefix, path, region } from './rules.ts';
import { bucketEndpoint } from './url-rules.ts';
import { secret } from './secret.ts';

export const bucket = z.strictObject({
  bucket: bucketName.describe('Name of the bucket.').meta({ examples: ['chancery-journal'] }),
  region: region
    .describe('Its region; for other stores what they ask for, often us-east-1.')
    .meta({ examples: ['eu-central-1'] }),
  prefix: objectPrefix.default('').describe('Before the names of the objects, ended by a slash.'),
  endpoint: bucketEndpoint
    .optional()
    .describe('URL of a store that is not AWS’s own. Without TLS only on this host.')
    .meta({ examples: ['https://s3.example.test'] }),
  ca: z
    .strictObject({
      file: path
        .describe('PEM file with the roots to trust for the endpoint.')
        .meta({ examples: ['/etc/chancery/s3-ca.pem'] }),
    })
    .optional()
    .describe('Left out: the public ones.'),
  credentials: secret
    .describe('Keys in the format of ~/.aws/credentials, section [default]; read anew for each request.')
    .meta({ examples: [{ file: '/etc/chancery/journal-credentials' }] }),
});

/** How a secret is resolved: see `resolve.ts`. */
type Resolve = (said: { file: string } | { credential: string }, path: SettingPath) => SecretReference;

export function resolveBucket(
  said: z.output<typeof bucket>,
  at: SettingPath,
  folderOf: (path: SettingPath) => string,
  reference: Resolve,
): Bucket {
  return {
    ...{ bucket: said.bucket, region: said.region, prefix: said.prefix, endpoint: said.endpoint },
    ca: said.ca && resolvePath(folderOf([...at, 'ca', 'file']), said.ca.file),
    credentials: reference(said.credentials, [...at, 'credentials']),
  };
}

/** In the words of the file. */
export const plainBucket = ({ ca, credentials, endpoint, ...rest }: Bucket): Record<string, unknown> => ({
  ...rest,
  ...(endpoint !== undefined && { endpoint }),
  ...(ca !== undefined && { ca: { file: ca } }),
  credentials: credentials.kind === 'file' ? { file: credentials.file } : { credential: credentials.name },
});

/** The name of a secret as an absolute path. */
export const secretFile = (
  said: { file: string } | { credential: string },
  folder: string,
  credentials: string | undefined,
): SecretReference =>
  'file' in said
    ? { kind: 'file', file: resolvePath(folder, said.file) }
    : {
        kind: 'credential',
        name: said.credential,
        file: credentials === undefined ? undefined : join(credentials, said.credential),
      };
