/** `chancery server backup|restore|unseal-copy`: on the data folder itself. */
import type { Printing } from '../command.ts';
import { type LocalOptions, programOptions } from '../program-options.ts';
import { printSheet } from '../output.ts';
import type { ProgramOptions, Session } from '../session.ts';
import { say, type Terminal } from '../terminal.ts';

/** `--passphrase-file` is the backup's here, not that of the keys. */
const withoutKeys = (options: LocalOptions, terminal: Terminal): ProgramOptions => ({
  ...programOptions(options, terminal, 'stderr'),
  passphraseFile: undefined,
  env: { ...terminal.environment, CHANCERY_PASSPHRASE_FILE: undefined },
});

export async function backUp(
  { terminal, programs }: Session,
  options: LocalOptions & Printing & { readonly out: string },
): Promise<void> {
  const made = await (
    await programs()
  ).backUp({
    ...withoutKeys(options, terminal),
    out: options.out,
    backupPassphraseFile: options.passphraseFile,
  });
  await printSheet(terminal, options.output, {
    resource: made,
    name: made.file,
    heading: 'a sealed backup',
    fields: [
      ['file', made.file],
      ['octets', made.size.toLocaleString('en')],
      ['SHA-256', made.sha256],
      ['made', made.created],
    ],
  });
  say(terminal, 'what opens the keys is not in it: keep that elsewhere, apart from the backups');
}

export async function restore(
  { terminal, programs }: Session,
  options: LocalOptions & Printing & { readonly from: string },
): Promise<void> {
  const restored = await (
    await programs()
  ).restore({
    ...withoutKeys(options, terminal),
    from: options.from,
    backupPassphraseFile: options.passphraseFile,
  });
  await printSheet(terminal, options.output, {
    resource: restored,
    name: restored.data,
    heading: `restored the authority for ${restored.trustDomain}`,
    fields: [
      ['data', restored.data],
      ['as of', restored.created],
      ['still missing', restored.missing],
    ],
  });
}

export async function unsealCopy(
  { terminal, programs }: Session,
  options: LocalOptions & Printing & { readonly out: string },
  file: string,
): Promise<void> {
  const unsealed = await (
    await programs()
  ).unsealCopy({
    ...programOptions(options, terminal, 'stderr'),
    file,
    out: options.out,
  });
  await printSheet(terminal, options.output, {
    resource: unsealed,
    name: unsealed.file,
    heading: 'the database as it was',
    fields: [
      ['file', unsealed.file],
      ['schema', String(unsealed.schema)],
      ['copied', unsealed.created],
    ],
  });
}
