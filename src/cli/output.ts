/** Data on stdout in the mode that `-o` names. JSON and YAML are the API's own resources. */
import { DAY, formatDuration, type Instant, parseInstant } from '../base/clock.ts';
import { harmless, hasColour, paint, print, say, type Terminal } from './terminal.ts';

export const OUTPUT_MODES = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputMode = (typeof OUTPUT_MODES)[number];

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Shown by `-o wide` only. */
  readonly wide?: true;
}

export interface Listing<Row> {
  /** The answer as the API gave it. */
  readonly resource: unknown;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly name: (row: Row) => string;
  /** What to say when there are no rows: `no certificate matches`. */
  readonly empty: string;
}

export interface Sheet {
  readonly resource: unknown;
  readonly name: string;
  /** First line of the table form. */
  readonly heading?: string;
  /** Label and value; a field without value is left out, one with several takes a line each. */
  readonly fields: readonly (readonly [
    label: string,
    value: string | readonly string[] | undefined,
    when?: 'wide',
  ])[];
}

export async function printListing<Row>(
  terminal: Terminal,
  mode: OutputMode,
  listing: Listing<Row>,
): Promise<void> {
  if (mode === 'json' || mode === 'yaml') return printResource(terminal, mode, listing.resource);
  if (mode === 'name')
    return print(terminal, listing.rows.map((row) => `${harmless(listing.name(row))}\n`).join(''));
  if (listing.rows.length === 0) return say(terminal, listing.empty);
  const columns = listing.columns.filter(({ wide }) => wide === undefined || mode === 'wide');
  const [titles = '', ...lines] = alignColumns([
    columns.map(({ title }) => title),
    ...listing.rows.map((row) => columns.map(({ value }) => harmless(value(row)) || '-')),
  ]);
  print(terminal, [paint(hasColour(terminal, 'stdout'), 'bold', titles), ...lines, ''].join('\n'));
}

export async function printSheet(terminal: Terminal, mode: OutputMode, sheet: Sheet): Promise<void> {
  if (mode === 'json' || mode === 'yaml') return printResource(terminal, mode, sheet.resource);
  if (mode === 'name') return print(terminal, `${harmless(sheet.name)}\n`);
  const rows: string[][] = [];
  for (const [label, value, when] of sheet.fields) {
    if (value === undefined || (when === 'wide' && mode !== 'wide')) continue;
    [value].flat().forEach((text, i) => rows.push([i === 0 ? label : '', harmless(text)]));
  }
  const indent = sheet.heading === undefined ? '' : '  ';
  const heading =
    sheet.heading === undefined
      ? []
      : [paint(hasColour(terminal, 'stdout'), 'bold', harmless(sheet.heading))];
  print(terminal, [...heading, ...alignColumns(rows).map((line) => indent + line), ''].join('\n'));
}

export async function printResource(
  terminal: Terminal,
  mode: 'json' | 'yaml',
  resource: unknown,
): Promise<void> {
  if (mode === 'json') return print(terminal, `${JSON.stringify(resource, undefined, 2)}\n`);
  const { stringify } = await import('yaml');
  print(terminal, stringify(resource, { lineWidth: 0 }));
}

/** Cells in columns, two spaces between, nothing after the last. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** `in 6d23h`, `3h ago`, as seen from `now`. */
export function relativeTime(time: string, now: Instant): string {
  const instant = parseInstant(time);
  if (instant === undefined) return time;
  const distance = Math.abs(instant - now);
  // hours do not matter in a fortnight
  const text = formatDuration(distance < 14 * DAY ? distance : distance - (distance % DAY));
  return instant >= now ? `in ${text}` : `${text} ago`;
}

/** `2026-01-31T00:00:00Z (in 6d23h)` */
export const timeWithDistance = (time: string, now: Instant): string =>
  `${time} (${relativeTime(time, now)})`;
