/** `chancery server admin recover`: without the server. */
import type { Printing } from '../command.ts';
import { type LocalOptions, programOptions } from '../program-options.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';

export interface RecoverOptions extends LocalOptions, Printing {
  readonly ttl?: string;
}

export async function recover({ terminal, programs }: Session, options: RecoverOptions): Promise<void> {
  const { recoverAdmin } = await programs();
  const recovered = await recoverAdmin({ ...programOptions(options, terminal, 'stderr'), ttl: options.ttl });
  const { certificate, key, serial, notAfter } = recovered;
  await printSheet(terminal, options.output, {
    resource: recovered,
    name: certificate,
    heading: 'a fresh login for the admin',
    fields: [
      ['certificate', certificate],
      ['key', key],
      ['serial', serial],
      ['expires', timeWithDistance(notAfter, terminal.now())],
    ],
  });
}
