/** `chancery grant list`, `show` */
import type { GrantList, GrantResource } from '../../api/grants.ts';
import { flatten } from '../cert/names.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing, printSheet } from '../output.ts';
import type { Session } from '../session.ts';

export async function list(session: Session, options: Asking): Promise<void> {
  const found = await withClient(session, options, (client) => client.get<GrantList>('/grants'));
  await printListing(session.terminal, options.output, {
    resource: found,
    rows: found.grants,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'PRINCIPAL', value: ({ principal }) => principal },
      { title: 'VERBS', value: ({ verbs }) => verbs.join(',') },
      { title: 'ISSUER', value: ({ issuer }) => issuer },
      { title: 'PROFILES', value: ({ profiles }) => profiles.join(',') },
      { title: 'NAMES', value: (grant) => flatten(grant).join(' ') },
      { title: 'MAX TTL', value: ({ maxTtl }) => maxTtl ?? '' },
      { title: 'SOURCE', value: ({ source }) => source },
      { title: 'OWNER', value: ({ owner }) => owner ?? '', wide: true },
      { title: 'CREATED BY', value: ({ createdBy }) => createdBy ?? '', wide: true },
      { title: 'CREATED AT', value: ({ createdAt }) => createdAt ?? '', wide: true },
    ],
    name: ({ name }) => name,
    empty: 'there is no grant',
  });
}

export async function show(session: Session, options: Asking, name: string): Promise<void> {
  const grant = await withClient(session, options, (client) =>
    client.get<GrantResource>(`/grants/${encodeURIComponent(name)}`),
  );
  await printGrant(session, options, grant);
}

export const printGrant = (session: Session, { output }: Asking, grant: GrantResource): Promise<void> =>
  printSheet(session.terminal, output, {
    resource: grant,
    name: grant.name,
    heading: grant.name,
    fields: [
      ['principal', grant.principal],
      ['verbs', grant.verbs.join(', ')],
      ['issuer', grant.issuer],
      ['profiles', grant.profiles.join(', ')],
      ['SPIFFE IDs', grant.uri],
      ['DNS names', grant.dns],
      ['IP addresses', grant.ip],
      ['e-mail', grant.email],
      ['longest lifetime', grant.maxTtl],
      ['owner', grant.owner],
      ['source', grant.source === 'api' ? grant.source : `${grant.source}, read-only here`],
      ['created', grant.createdAt && `${grant.createdAt} by ${grant.createdBy ?? 'nobody known'}`],
    ],
  });
