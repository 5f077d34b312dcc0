/** `chancery authority …` */
import type { Command } from 'commander';
import type { AuthorityResource, AuthorityTest } from '../api/public-authorities.ts';
import { asking, noun, type Asking, run, type Wiring } from './command.ts';
import { withClient } from './connect.ts';
import { printListing, printSheet } from './output.ts';
import { removeNamed, type Sure } from './remove.ts';
import type { Session } from './session.ts';

export function addAuthority(program: Command, wiring: Wiring): void {
  const authority = noun(program, 'authority', 'Public CAs that speak ACME; `apply` makes and changes them.');
  asking(authority.command('list').description('List the public CAs.')).action(run(wiring, async () => list));
  asking(authority.command('show').description('Show a public CA.').argument('<name>')).action(
    run(wiring, async () => show),
  );
  asking(
    authority
      .command('test')
      .description('Log in at a public CA and show what it offers; nothing is ordered.')
      .argument('<name>'),
  ).action(run(wiring, async () => test));
  asking(
    authority
      .command('delete')
      .description('Remove a public CA of which nothing is managed.')
      .argument('<name>')
      .option('--yes', 'ask nobody (environment: CHANCERY_YES=1)'),
  ).action(run(wiring, async () => remove));
}

const pathOf = (name: string): string => `/authorities/${encodeURIComponent(name)}`;

const directoryOf = ({ spec }: AuthorityResource): string =>
  spec.useStaging && spec.staging !== undefined ? spec.staging : spec.directory;

const solversOf = ({ spec }: AuthorityResource): string[] =>
  spec.solvers.map((solver) => {
    if ('dns01' in solver)
      return `dns-01 by RFC 2136 at ${solver.dns01.rfc2136.server}, zone ${solver.dns01.rfc2136.zone}`;
    if ('tlsAlpn01' in solver) return `tls-alpn-01 on ${solver.tlsAlpn01.listen}`;
    return 'listen' in solver.http01
      ? `http-01 on ${solver.http01.listen}`
      : `http-01 in ${solver.http01.webroot}`;
  });

async function list(session: Session, options: Asking): Promise<void> {
  const found = await withClient(session, options, (client) =>
    client.get<{ readonly authorities: readonly AuthorityResource[] }>('/authorities'),
  );
  await printListing(session.terminal, options.output, {
    resource: found,
    rows: found.authorities,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'DIRECTORY', value: directoryOf },
      { title: 'STAGING', value: ({ spec }) => (spec.useStaging ? 'yes' : 'no') },
      { title: 'SOLVERS', value: (one) => solversOf(one).join(', ') },
      { title: 'ACCOUNT', value: ({ accountUrl = '' }) => accountUrl, wide: true },
      { title: 'SET', value: ({ set = '' }) => set, wide: true },
    ],
    name: ({ name }) => name,
    empty: 'there is no public CA',
  });
}

async function show(session: Session, options: Asking, name: string): Promise<void> {
  const found = await withClient(session, options, (client) => client.get<AuthorityResource>(pathOf(name)));
  const { spec } = found;
  await printSheet(session.terminal, options.output, {
    resource: found,
    name: found.name,
    heading: found.name,
    fields: [
      ['directory', directoryOf(found)],
      ['staging', spec.useStaging ? 'yes' : 'no'],
      ['account', found.accountUrl ?? 'none yet'],
      ['contact', spec.contact],
      ['solvers', solversOf(found)],
      ['orders in 3 h', String(spec.limits.orders)],
      ['failures in 1 h', String(spec.limits.failures)],
      ['external account', spec.eab?.kid],
      ['set', found.set],
    ],
  });
}

async function test(session: Session, options: Asking, name: string): Promise<void> {
  const found = await withClient(session, options, (client) =>
    client.post<AuthorityTest>(`${pathOf(name)}/test`, undefined),
  );
  await printSheet(session.terminal, options.output, {
    resource: found,
    name: found.name,
    heading: `${found.name} serves us`,
    fields: [
      ['directory', found.directory],
      ['account', found.accountUrl],
      ['profiles', found.profiles.join(', ') || 'none'],
      ['renewal information', found.renewalInfo ? 'yes' : 'no'],
      ['external account', found.externalAccountRequired ? 'required' : 'not required'],
      ['terms of service', found.termsOfService],
    ],
  });
}

async function remove(session: Session, options: Sure, name: string): Promise<void> {
  await removeNamed(session, options, {
    what: 'the public CA',
    name,
    path: pathOf(name),
    consequence: 'forget it and its account',
  });
}
