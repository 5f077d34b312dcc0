/** `chancery token list`, `show` */
import type { TokenList, TokenResource } from '../../api/tokens.ts';
import { flatten } from '../cert/names.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing, printSheet, relativeTime, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';

export async function list(session: Session, options: Asking): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) => client.get<TokenList>('/tokens'));
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.tokens,
    columns: [
      { title: 'ID', value: ({ id }) => id },
      { title: 'STATE', value: ({ state }) => state },
      { title: 'USED', value: ({ used, uses }) => `${used} of ${uses}` },
      { title: 'EXPIRES', value: ({ expiresAt }) => relativeTime(expiresAt, terminal.now()) },
      { title: 'PROFILE', value: ({ profile }) => profile },
      { title: 'NAMES', value: ({ names }) => flatten(names).join(' ') },
      { title: 'OWNER', value: ({ owner }) => owner ?? '', wide: true },
      { title: 'CREATED BY', value: ({ createdBy }) => createdBy, wide: true },
    ],
    name: ({ id }) => id,
    empty: 'there is no token',
  });
}

export async function show(session: Session, options: Asking, id: string): Promise<void> {
  const { terminal } = session;
  const token = await withClient(session, options, (client) =>
    client.get<TokenResource>(`/tokens/${encodeURIComponent(id)}`),
  );
  await printSheet(terminal, options.output, {
    resource: token,
    name: token.id,
    heading: `token ${token.id}`,
    fields: [
      ['state', token.state],
      ['for', flatten(token.names)],
      ['profile', `${token.profile} of ${token.issuer}`],
      ['used', `${token.used} of ${token.uses}`],
      ['expires', timeWithDistance(token.expiresAt, terminal.now())],
      ['longest lifetime', token.maxTtl],
      ['owner', token.owner],
      ['created', `${token.createdAt} by ${token.createdBy}`],
      ['revoked', token.revokedAt],
    ],
  });
}
