/** The second place: a folder or a bucket, and not the place that it is to outlive. */
import { resolve as resolvePath, sep } from 'node:path';
import { plainBucket, resolveBucket, secretFile } from './bucket.ts';
import type { JournalConfiguration } from './configuration.ts';
import type { Fault, SettingPath } from './faults.ts';
import type { ConfigurationFile } from './schema.ts';

interface Context {
  readonly data: string;
  readonly folderOf: (path: SettingPath) => string;
  readonly credentials: string | undefined;
}

export function resolveJournal(
  said: ConfigurationFile['journal'],
  { data, folderOf, credentials }: Context,
): { readonly journal: JournalConfiguration | undefined; readonly faults: readonly Fault[] } {
  if (said === undefined) return { journal: undefined, faults: [] };
  if ('folder' in said) {
    const folder = resolvePath(folderOf(['journal', 'folder']), said.folder);
    return {
      journal: { kind: 'folder', folder },
      faults: isWithin(folder, data) ? [withinData(folder)] : [],
    };
  }
  const bucket = resolveBucket(said.s3, ['journal', 's3'], folderOf, (said, path) =>
    secretFile(said, folderOf([...path, 'file']), credentials),
  );
  return { journal: { kind: 's3', bucket }, faults: [] };
}

/** In the words of the file. */
export const plainJournal = (journal: JournalConfiguration): Record<string, unknown> =>
  journal.kind === 'folder' ? { folder: journal.folder } : { s3: plainBucket(journal.bucket) };

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep);

const withinData = (path: string): Fault => ({
  path: ['journal', 'folder'],
  message: `journal.folder is ${path}, in the data folder`,
  rule: 'the journal is there for when the data folder is lost',
  fix: 'Name a folder on another disk or host.',
});
