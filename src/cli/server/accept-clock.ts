/** `chancery server admin accept-clock`: without the server. */
import type { Printing } from '../command.ts';
import { printSheet } from '../output.ts';
import { type LocalOptions, programOptions } from '../program-options.ts';
import type { Session } from '../session.ts';

export async function acceptClock(
  { terminal, programs }: Session,
  options: LocalOptions & Printing,
): Promise<void> {
  const accepted = await (await programs()).acceptClock(programOptions(options, terminal, 'stderr'));
  await printSheet(terminal, options.output, {
    resource: accepted,
    name: accepted.now,
    heading: 'the clock is taken as right',
    fields: [
      ['now', accepted.now],
      ['the log had', accepted.before],
    ],
  });
}
