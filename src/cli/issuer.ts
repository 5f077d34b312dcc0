/** `chancery issuer …` */
import type { Command } from 'commander';
import type { GenerationResource, IssuerList, IssuerResource } from '../api/authority.ts';
import { asking, noun, type Asking, run, type Wiring } from './command.ts';
import { withClient } from './connect.ts';
import { printListing, printSheet, relativeTime } from './output.ts';
import type { Session } from './session.ts';

export function addIssuer(program: Command, wiring: Wiring): void {
  const issuer = noun(program, 'issuer', 'Issuers and their generations: what signs certificates.');
  asking(issuer.command('list').description('List the issuers.')).action(run(wiring, async () => list));
  asking(
    issuer.command('show').description('Show an issuer with its generations.').argument('<name>'),
  ).action(run(wiring, async () => show));
}

const current = ({ generations }: IssuerResource): GenerationResource | undefined =>
  generations.find(({ state }) => state === 'current');

async function list(session: Session, options: Asking): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) => client.get<IssuerList>('/issuers'));
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.issuers,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'ROOT', value: ({ root }) => root },
      { title: 'PROFILES', value: ({ profiles }) => profiles.join(', ') },
      { title: 'LOGIN', value: ({ authenticates }) => (authenticates ? 'yes' : 'no') },
      { title: 'CURRENT', value: (issuer) => current(issuer)?.id ?? 'none' },
      { title: 'EXPIRES', value: (issuer) => relativeTime(current(issuer)?.notAfter ?? '', terminal.now()) },
      { title: 'KEY', value: (issuer) => current(issuer)?.keyType ?? '', wide: true },
      { title: 'SHARDS', value: (issuer) => String(current(issuer)?.shards ?? ''), wide: true },
      { title: 'STOPPED', value: (issuer) => current(issuer)?.stopped ?? 'no' },
    ],
    name: ({ name }) => name,
    empty: 'there is no issuer',
  });
}

async function show(session: Session, options: Asking, name: string): Promise<void> {
  const { terminal } = session;
  const issuer = await withClient(session, options, (client) =>
    client.get<IssuerResource>(`/issuers/${encodeURIComponent(name)}`),
  );
  await printSheet(terminal, options.output, {
    resource: issuer,
    name: issuer.name,
    heading: issuer.name,
    fields: [
      ['root', issuer.root],
      ['profiles', issuer.profiles.join(', ')],
      ['its certificates log in', issuer.authenticates ? 'yes' : 'no'],
      ...issuer.generations.flatMap((generation): (readonly [string, string])[] => [
        [
          generation.id,
          `${generation.state}, expires ${relativeTime(generation.notAfter, terminal.now())}${generation.stopped === undefined ? '' : `, stopped: ${generation.stopped}`}`,
        ],
        ['', `${generation.keyType}, ${generation.subject}`],
        ['', `serial ${generation.serial}`],
        ['', `SHA-256 ${generation.fingerprint}`],
      ]),
    ],
  });
}
