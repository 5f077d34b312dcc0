/** Places that what relying parties need is published to a second time. */
import { resolve as resolvePath, sep } from 'node:path';
import { z } from 'zod';
import { bucket, plainBucket, resolveBucket, secretFile } from './bucket.ts';
import type { PublicationConfiguration } from './configuration.ts';
import type { Fault, SettingPath } from './faults.ts';
import { path } from './rules.ts';

const ocsp = z
  .boolean()
  .optional()
  .describe(
    'Whether OCSP answers for every certificate are signed ahead and published; left out: while there are no more than 50,000.',
  );

export const publication = z
  .array(
    z.union([
      z.strictObject({
        folder: path
          .describe('A folder, outside of the data folder.')
          .meta({ examples: ['/srv/chancery-status'] }),
        ocsp,
      }),
      z.strictObject({ s3: bucket.describe('A bucket.'), ocsp }),
    ]),
  )
  .max(10)
  .default([])
  .describe(
    'Where CRLs, issuer certificates and OCSP answers are published besides the status listener, so that they can be had while the server is down.',
  )
  .meta({
    examples: [
      [
        { folder: '/srv/chancery-status' },
        {
          s3: {
            bucket: 'chancery-status',
            region: 'eu-central-1',
            credentials: { file: '/etc/chancery/status-credentials' },
          },
          ocsp: false,
        },
      ],
    ],
  });

interface Context {
  readonly data: string;
  readonly folderOf: (path: SettingPath) => string;
  readonly credentials: string | undefined;
}

export function resolvePublication(
  said: z.output<typeof publication>,
  { data, folderOf, credentials }: Context,
): { readonly publication: readonly PublicationConfiguration[]; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const resolved = said.map((place, i): PublicationConfiguration => {
    if ('folder' in place) {
      const at = ['publication', i, 'folder'];
      const folder = resolvePath(folderOf(at), place.folder);
      if (isWithin(folder, data) || isWithin(data, folder)) faults.push(entangled(at, folder));
      return { kind: 'folder', folder, ocsp: place.ocsp };
    }
    const at = ['publication', i, 's3'];
    const reference = (secret: { file: string } | { credential: string }, path: SettingPath) =>
      secretFile(secret, folderOf([...path, 'file']), credentials);
    return { kind: 's3', bucket: resolveBucket(place.s3, at, folderOf, reference), ocsp: place.ocsp };
  });
  for (const [i, place] of resolved.entries())
    if (resolved.slice(0, i).some((other) => nameOf(other) === nameOf(place)))
      faults.push({
        path: ['publication', i],
        message: `publication[${i}] is ${nameOf(place)}, which stands there twice`,
        rule: 'one place, one publication',
        fix: 'Leave one of them out.',
      });
  return { publication: resolved, faults };
}

const nameOf = (place: PublicationConfiguration): string =>
  place.kind === 'folder'
    ? place.folder
    : `${place.bucket.endpoint ?? 's3:/'}/${place.bucket.bucket}/${place.bucket.prefix}`;

/** In the words of the file. */
export const plainPublication = (place: PublicationConfiguration): Record<string, unknown> => ({
  ...(place.kind === 'folder' ? { folder: place.folder } : { s3: plainBucket(place.bucket) }),
  ...(place.ocsp !== undefined && { ocsp: place.ocsp }),
});

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep);

const entangled = (path: SettingPath, folder: string): Fault => ({
  path,
  message: `publication folder ${folder} and the data folder are one in the other`,
  rule: 'everybody may read what is published, nobody the keys',
  fix: 'Name a folder elsewhere, e.g. /srv/chancery-status.',
});
