/** `chancery profile …` */
import type { Command } from 'commander';
import type { ProfileList, ProfileResource } from '../api/authority.ts';
import { asking, noun, type Asking, run, type Wiring } from './command.ts';
import { withClient } from './connect.ts';
import { printListing, printSheet } from './output.ts';
import type { Session } from './session.ts';

export function addProfile(program: Command, wiring: Wiring): void {
  const profile = noun(program, 'profile', 'Profiles: what a kind of certificate looks like.');
  asking(profile.command('list').description('List the profiles.')).action(run(wiring, async () => list));
  asking(profile.command('show').description('Show a profile.').argument('<name>')).action(
    run(wiring, async () => show),
  );
}

const KINDS = ['uri', 'dns', 'ip', 'email'] as const;

/** `uri 1, dns any, ip any` */
const formatNames = ({ names }: ProfileResource): string =>
  KINDS.flatMap((kind) => {
    const { min, max } = names[kind];
    if (max === 0) return [];
    return [`${kind} ${min === max ? min : `${min}-${max}`}`];
  }).join(', ');

async function list(session: Session, options: Asking): Promise<void> {
  const found = await withClient(session, options, (client) => client.get<ProfileList>('/profiles'));
  await printListing(session.terminal, options.output, {
    resource: found,
    rows: found.profiles,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'ISSUERS', value: ({ issuers }) => issuers.join(', ') },
      { title: 'NAMES', value: formatNames },
      { title: 'TTL', value: ({ defaultTtl }) => defaultTtl },
      { title: 'MAX TTL', value: ({ maxTtl }) => maxTtl },
      { title: 'LOGIN', value: ({ login }) => (login ? 'yes' : 'no') },
      { title: 'KEY TYPES', value: ({ keyTypes }) => keyTypes.join(', '), wide: true },
      { title: 'USAGE', value: ({ extendedKeyUsage }) => extendedKeyUsage.join(', '), wide: true },
    ],
    name: ({ name }) => name,
    empty: 'there is no profile',
  });
}

async function show(session: Session, options: Asking, name: string): Promise<void> {
  const profile = await withClient(session, options, (client) =>
    client.get<ProfileResource>(`/profiles/${encodeURIComponent(name)}`),
  );
  await printSheet(session.terminal, options.output, {
    resource: profile,
    name: profile.name,
    heading: profile.name,
    fields: [
      ['issuers', profile.issuers.join(', ')],
      ['names', formatNames(profile)],
      ['key types', profile.keyTypes.join(', ')],
      ['extended key usage', profile.extendedKeyUsage.join(', ')],
      ['common name', profile.commonName ? 'yes' : 'no'],
      ['lifetime', `${profile.defaultTtl}, at most ${profile.maxTtl}`],
      ['backdated by', profile.backdate],
      ['may log in', profile.login ? 'yes, where the issuer authenticates' : 'no'],
      [
        'revocation',
        profile.noRevAvail ? 'not published (noRevAvail): enforced by this server alone' : 'CRL and OCSP',
      ],
    ],
  });
}
