/** `chancery apply` */
import type { ApplyReport, ApplyRequest } from '../../api/apply.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { confirm, saidBefore } from '../confirm.ts';
import { withClient } from '../connect.ts';
import { printListing } from '../output.ts';
import type { Session } from '../session.ts';
import { harmless, say, type Terminal } from '../terminal.ts';
import { readManifest } from './manifest.ts';
import { readSources } from './sources.ts';

export interface ManifestOptions extends Asking {
  readonly file: readonly string[];
  readonly set: string;
  readonly prune?: true;
}

export interface ApplyOptions extends ManifestOptions {
  readonly dryRun?: true;
  readonly yes?: true;
}

export async function apply(session: Session, options: ApplyOptions): Promise<void> {
  const { terminal } = session;
  const { set, prune = false, dryRun = false } = options;
  const documents = await readManifest(await readSources(options.file));
  const said = dryRun || !prune || saidBefore(terminal, options.yes, 'a deletion');
  await withClient(session, options, async (client) => {
    const { server, origin } = client.context;
    const request: ApplyRequest = { set, documents, prune, dryRun };
    say(
      terminal,
      `${dryRun ? 'comparing with' : 'applying to'} the set ${harmless(set)} at ${server.origin} (${origin})`,
    );
    if (!said) await confirmDeletions(terminal, client, request);
    await printReport(terminal, options, await send(client, request));
  });
}

export const send = (client: Client, request: ApplyRequest): Promise<ApplyReport> =>
  client.post<ApplyReport>('/apply', request);

/** Nothing is deleted that nobody has seen. */
async function confirmDeletions(terminal: Terminal, client: Client, request: ApplyRequest): Promise<void> {
  const { changes } = await send(client, { ...request, dryRun: true });
  const deleted = changes.filter(({ action }) => action === 'deleted');
  for (const { kind, name } of deleted) say(terminal, `deletes ${kind} ${harmless(name)}`);
  if (deleted.length > 0)
    await confirm(terminal, request.set, `delete ${deleted.length === 1 ? 'it' : `all ${deleted.length}`}`);
}

export async function printReport(
  terminal: Terminal,
  { output }: Asking,
  report: ApplyReport,
): Promise<void> {
  await printListing(terminal, output, {
    resource: report,
    rows: report.changes,
    columns: [
      { title: 'KIND', value: ({ kind }) => kind },
      { title: 'NAME', value: ({ name }) => name },
      { title: report.dryRun ? 'WOULD BE' : 'IS', value: ({ action }) => action },
      { title: 'FIELDS', value: ({ action, fields }) => (action === 'changed' ? fields.join(', ') : '') },
    ],
    name: ({ kind, name }) => `${kind}/${name}`,
    empty: 'there is nothing to be done',
  });
}
