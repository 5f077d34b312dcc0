/** What an offline verb found out: the resource for programs, sheets for people, and the exit code. */
import { alignColumns, type OutputMode, printResource, type Sheet } from '../output.ts';
import type { ExitCode } from '../session.ts';
import { harmless, hasColour, paint, print, type Terminal } from '../terminal.ts';

export interface Report {
  readonly exit: ExitCode;
  readonly resource: unknown;
  /** One word for `-o name`. */
  readonly name: string;
  readonly sheets: readonly Pick<Sheet, 'heading' | 'fields'>[];
}

export async function printReport(terminal: Terminal, mode: OutputMode, report: Report): Promise<ExitCode> {
  if (mode === 'json' || mode === 'yaml') await printResource(terminal, mode, report.resource);
  else if (mode === 'name') print(terminal, `${harmless(report.name)}\n`);
  else print(terminal, formatSheets(report, mode, hasColour(terminal, 'stdout')));
  return report.exit;
}

/** The sheets with an empty line between them. */
export function formatSheets({ sheets }: Report, mode: OutputMode, colour: boolean): string {
  return sheets
    .map(({ heading, fields }) => {
      const rows: string[][] = [];
      for (const [label, value, when] of fields) {
        if (value === undefined || (when === 'wide' && mode !== 'wide')) continue;
        [value].flat().forEach((text, i) => rows.push([i === 0 ? label : '', harmless(text)]));
      }
      const title = heading === undefined ? [] : [paint(colour, 'bold', harmless(heading))];
      const indent = heading === undefined ? '' : '  ';
      return [...title, ...alignColumns(rows).map((line) => indent + line), ''].join('\n');
    })
    .join('\n');
}
