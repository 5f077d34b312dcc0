/** `chancery target list | test` */
import type { ManagedList, ManagedResource } from '../../api/managed.ts';
import type { TargetReport, TargetSpec } from '../../api/targets.ts';
import { ChanceryError } from '../../base/errors.ts';
import { readManifest } from '../apply/manifest.ts';
import { readSources } from '../apply/sources.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing } from '../output.ts';
import { exitCodeOf, RemoteError } from '../problem.ts';
import type { ExitCode, Session } from '../session.ts';

/** As the server calls it. */
const idOf = ({ name, files }: TargetSpec): string => name ?? `files:${files.directory}`;

export async function list(session: Session, options: Asking): Promise<void> {
  const managed = await withClient(session, options, async (client) => {
    const all: ManagedResource[] = [];
    let cursor: string | undefined;
    do {
      const page: ManagedList = await client.get<ManagedList>('/managed', { limit: 500, cursor });
      all.push(...page.managed);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return all;
  });
  const targets = managed.flatMap(({ name, spec, versions }) =>
    spec.targets.map((target) => {
      const delivery = versions
        .flatMap((version) => version.targets.map((one) => ({ ...one, version: version.number })))
        .find((one) => one.target === idOf(target));
      return { managed: name, target: idOf(target), layout: target.files.layout, ...delivery };
    }),
  );
  await printListing(session.terminal, options.output, {
    resource: { targets },
    rows: targets,
    columns: [
      { title: 'MANAGED', value: (row) => row.managed },
      { title: 'TARGET', value: (row) => row.target },
      { title: 'LAYOUT', value: ({ layout }) => layout },
      { title: 'STATE', value: ({ state = 'new' }) => (state === 'dead' ? 'given up' : state) },
      { title: 'VERSION', value: ({ version }) => (version === undefined ? '' : String(version)) },
      { title: 'ERROR', value: ({ error = '' }) => error },
    ],
    name: ({ target }) => target,
    empty: 'there is no target',
  });
}

export interface TestOptions extends Asking {
  readonly file?: readonly string[];
}

interface Verdict {
  readonly target: string;
  readonly taken: boolean;
  /** Where it would be, or why not. */
  readonly detail: string;
}

export async function test(
  session: Session,
  options: TestOptions,
  name: string | undefined,
): Promise<ExitCode> {
  if ((name === undefined) === (options.file === undefined))
    throw new ChanceryError('usage', {
      message: name === undefined ? 'no target is named' : 'both a managed certificate and -f are named',
      fix: 'Name a managed certificate, or a file with -f.',
    });
  const written = options.file === undefined ? [] : await readManifest(await readSources(options.file));
  return withClient(session, options, async (client) => {
    const targets =
      name === undefined
        ? written.flatMap((document) => (document.kind === 'ManagedCertificate' ? document.spec.targets : []))
        : (await client.get<ManagedResource>(`/managed/${encodeURIComponent(name)}`)).spec.targets;
    let exit: ExitCode = 0;
    const verdicts: Verdict[] = [];
    for (const target of targets) {
      const { code, verdict } = await testOne(client, target);
      verdicts.push(verdict);
      exit ||= code;
    }
    await printListing(session.terminal, options.output, {
      resource: { targets: verdicts },
      rows: verdicts,
      columns: [
        { title: 'TARGET', value: ({ target }) => target },
        { title: 'TAKEN', value: ({ taken }) => (taken ? 'yes' : 'no') },
        { title: 'DETAIL', value: ({ detail }) => detail },
      ],
      name: ({ target }) => target,
      empty: 'there is no target',
    });
    return exit;
  });
}

/** One that does not take it keeps no other from being tried. */
async function testOne(
  client: Client,
  target: TargetSpec,
): Promise<{ readonly code: ExitCode; readonly verdict: Verdict }> {
  try {
    const { target: id, location } = await client.post<TargetReport>('/targets/test', target);
    return { code: 0, verdict: { target: id, taken: true, detail: location } };
  } catch (error) {
    const { code } = error instanceof RemoteError ? error.problem : {};
    if (!(error instanceof RemoteError) || (code !== 'delivery_refused' && code !== 'delivery_failed'))
      throw error;
    const { rule } = error.problem;
    return {
      code: exitCodeOf(error),
      verdict: {
        target: idOf(target),
        taken: false,
        detail: rule === undefined ? error.message : `${error.message} (${rule})`,
      },
    };
  }
}
