/** `chancery cert export DIR`: what a folder of PEM files holds, in the form that something else reads. Offline. */
import { ChanceryError } from '../../base/errors.ts';
import type { Printing } from '../command.ts';
import { readTextFile, readTextFileIfThere } from '../files.ts';
import { printSheet } from '../output.ts';
import type { Session } from '../session.ts';
import { pairFiles } from './pair.ts';
import { type Pkcs12Options, preparePkcs12, writePkcs12 } from './pkcs12.ts';

export type ExportOptions = Printing & Pkcs12Options;

export async function exportPair(
  { terminal }: Session,
  options: ExportOptions,
  folder: string,
): Promise<void> {
  const paths = pairFiles(folder);
  const [certificate, privateKey, chain = ''] = await Promise.all([
    readTextFile(paths.certificate),
    readTextFile(paths.key),
    readTextFileIfThere(paths.chain),
  ]);
  const wish = await preparePkcs12(options);
  if (wish === undefined) throw new ChanceryError('usage', { message: '--pkcs12 is not given' });
  const files = await writePkcs12(wish, { certificate, privateKey, chain });
  await printSheet(terminal, options.output, {
    resource: { files, form: wish.form },
    name: files.pkcs12,
    fields: [
      ['file', `${files.pkcs12} (${wish.form})`],
      ['password', files.pkcs12Password],
    ],
  });
}
