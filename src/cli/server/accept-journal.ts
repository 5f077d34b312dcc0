/** `chancery server admin accept-journal`: without the server. */
import type { Printing } from '../command.ts';
import { printSheet } from '../output.ts';
import { type LocalOptions, programOptions } from '../program-options.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export async function acceptJournal(
  { terminal, programs }: Session,
  options: LocalOptions & Printing,
): Promise<void> {
  const accepted = await (await programs()).acceptJournal(programOptions(options, terminal, 'stderr'));
  await printSheet(terminal, options.output, {
    resource: accepted,
    name: 'journal',
    heading: 'the journal is taken as it is',
    fields: [['it was refused for', accepted.reason]],
  });
  say(terminal, 'what is in neither journal nor database stays unknown: look at copies of the audit log');
}
