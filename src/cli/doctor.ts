/** `chancery doctor`: what is wrong with a data folder and its server, and what mends it. */
import type { Command } from 'commander';
import { printing, type Printing, run, type Wiring } from './command.ts';
import { owning } from './local.ts';
import { type LocalOptions, programOptions } from './program-options.ts';
import { printListing } from './output.ts';
import type { ExitCode, Finding, Session } from './session.ts';
import { harmless, hasColour, paint, print } from './terminal.ts';

export function addDoctor(program: Command, wiring: Wiring): void {
  printing(
    owning(
      program
        .command('doctor')
        .description(
          'Look at a data folder and its server, running or stopped, and change nothing. Exit code 0: all is well, 3: warnings, 2: something critical.',
        ),
    ),
  ).action(run(wiring, async () => doctor));
}

async function doctor({ terminal, programs }: Session, options: LocalOptions & Printing): Promise<ExitCode> {
  const { output } = options;
  const findings = await (await programs()).examine(programOptions(options, terminal, 'stderr'));
  await printListing(terminal, output, {
    resource: findings,
    rows: findings,
    columns: [
      { title: 'CHECK', value: ({ check }) => check },
      { title: 'SEVERITY', value: ({ severity }) => severity },
      { title: 'FOUND', value: ({ message }) => message },
    ],
    name: ({ check, severity }) => `${check} ${severity}`,
    empty: 'nothing was checked',
  });
  if (output === 'table' || output === 'wide')
    for (const finding of findings)
      for (const line of mendingLines(finding, hasColour(terminal, 'stdout'))) print(terminal, `${line}\n`);
  return exitCodeOf(findings);
}

function mendingLines({ check, severity, fix, docs }: Finding, colour: boolean): string[] {
  if (fix === undefined || severity === 'ok') return [];
  const hue = severity === 'critical' ? 'red' : severity === 'warning' ? 'yellow' : 'dim';
  return ['', `${paint(colour, hue, `${check}:`)} ${harmless(fix)}`, `  ${paint(colour, 'dim', docs)}`];
}

/** The same numbers as everywhere: 2 for a state that does not allow to go on, 3 for a check that says no. */
function exitCodeOf(findings: readonly Finding[]): ExitCode {
  const has = (severity: Finding['severity']): boolean =>
    findings.some((finding) => finding.severity === severity);
  if (has('critical')) return 2;
  return has('warning') ? 3 : 0;
}
