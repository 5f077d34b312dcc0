/** `chancery issuer prepare | activate | retire` */
import type { GenerationResource, PendingResource, PreparedResource } from '../../api/authority.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { writeFiles } from '../files.ts';
import { printResource, printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { print, say } from '../terminal.ts';

export interface PrepareOptions extends Asking {
  readonly out?: string;
}

export async function prepare(session: Session, options: PrepareOptions, name: string): Promise<void> {
  const prepared = await withClient(session, options, (client) =>
    client.post<PreparedResource>(`/issuers/${encodeURIComponent(name)}/prepare`, undefined),
  );
  if (prepared.generation !== undefined)
    return printGeneration(session, options, prepared.generation, prepared);
  if (prepared.request !== undefined) return printRequest(session, options, prepared.request, prepared);
}

/** The request is data: without -o or --out it alone is on stdout, to be taken to the root. */
async function printRequest(
  { terminal }: Session,
  { output, out }: PrepareOptions,
  { generation, root, csr }: PendingResource,
  resource: PreparedResource,
): Promise<void> {
  if (out !== undefined) await writeFiles([{ path: out, content: csr, mode: 0o644 }]);
  if (output === 'json' || output === 'yaml') return printResource(terminal, output, resource);
  if (output === 'name') return print(terminal, `${generation}\n`);
  if (out === undefined) print(terminal, csr);
  say(terminal, `${generation} needs the signature of ${root}, whose key is offline`);
  say(
    terminal,
    `there: chancery ca sign-csr ${out ?? 'FILE'} --root-key ${root}.root.json …; then here: chancery ca import CERT`,
  );
}

/** A step of a generation. */
export const generationStep =
  (step: 'activate' | 'retire') =>
  async (session: Session, options: Asking, id: string): Promise<void> => {
    const generation = await withClient(session, options, (client) =>
      client.post<GenerationResource>(`/generations/${encodeURIComponent(id)}/${step}`, undefined),
    );
    await printGeneration(session, options, generation);
  };

export async function printGeneration(
  { terminal }: Session,
  { output }: Asking,
  generation: GenerationResource,
  resource: unknown = generation,
): Promise<void> {
  const { id, state } = generation;
  await printSheet(terminal, output, {
    resource,
    name: id,
    heading: `${id} is ${state}`,
    fields: [
      ['subject', generation.subject],
      ['root', generation.root],
      ['serial', generation.serial],
      ['fingerprint', generation.fingerprint],
      ['expires', timeWithDistance(generation.notAfter, terminal.now())],
      [
        'next',
        state === 'next'
          ? `it is activated by schedule a day from now, or at once: chancery issuer activate ${id}`
          : undefined,
      ],
    ],
  });
}
