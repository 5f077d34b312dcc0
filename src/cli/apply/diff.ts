/** `chancery diff`: what `apply` would change, value by value. */
import type { ApplyDocument, ApplyReport } from '../../api/apply.ts';
import { isDeepStrictEqual } from 'node:util';
import { formatValue } from '../../config/faults.ts';
import type { Client } from '../client.ts';
import { withClient } from '../connect.ts';
import { printResource } from '../output.ts';
import type { ExitCode, Session } from '../session.ts';
import { harmless, hasColour, paint, print, say, type Terminal } from '../terminal.ts';
import { type ManifestOptions, printReport, send } from './apply.ts';
import { readManifest } from './manifest.ts';
import { readSources } from './sources.ts';

export interface DiffOptions extends ManifestOptions {
  readonly exitCode?: true;
}

type Spec = Readonly<Record<string, unknown>>;
type Change = ApplyReport['changes'][number];

export async function diff(session: Session, options: DiffOptions): Promise<ExitCode> {
  const { terminal } = session;
  const { set, prune = false, output } = options;
  const documents = await readManifest(await readSources(options.file));
  return withClient(session, options, async (client) => {
    const report = await send(client, { set, documents, prune, dryRun: true });
    const changes = report.changes.filter(({ action }) => action !== 'unchanged');
    if (output === 'json' || output === 'yaml') await printResource(terminal, output, report);
    else if (output === 'name') await printReport(terminal, options, { ...report, changes });
    else if (changes.length === 0) say(terminal, 'nothing would change');
    else for (const change of changes) await printChange(terminal, client, change, documents);
    return options.exitCode === true && changes.length > 0 ? 3 : 0;
  });
}

const SIGNS = { created: '+', deleted: '-', changed: '~', unchanged: ' ' } as const;

async function printChange(
  terminal: Terminal,
  client: Client,
  change: Change,
  documents: readonly ApplyDocument[],
): Promise<void> {
  const { kind, name, action } = change;
  const on = hasColour(terminal, 'stdout');
  print(terminal, `${paint(on, 'bold', harmless(`${SIGNS[action]} ${kind} ${name}`))}\n`);
  const after: Spec =
    documents.find((document) => document.kind === kind && document.name === name)?.spec ?? {};
  const before: Spec = action === 'created' ? {} : await specOf(client, change);
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[field], after[field]];
    if (isDeepStrictEqual(old, now)) continue;
    if (old !== undefined && action === 'changed')
      print(terminal, `${paint(on, 'red', line('-', field, old))}\n`);
    if (now !== undefined) print(terminal, `${paint(on, 'green', line('+', field, now))}\n`);
  }
}

const line = (sign: string, field: string, value: unknown): string =>
  harmless(`  ${sign} ${field}: ${formatValue(value)}`);

async function specOf(client: Client, { kind, name }: Change): Promise<Spec> {
  const collection = kind === 'PublicAuthority' ? 'authorities' : 'managed';
  const { spec } = await client.get<{ readonly spec: Spec }>(`/${collection}/${encodeURIComponent(name)}`);
  return spec;
}
