/** `chancery acme account list`, `show`, `deactivate` */
import type { AcmeAccountList, AcmeAccountResource } from '../../api/acme.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import type { ContextOptions } from '../context.ts';
import { printListing, printSheet, relativeTime, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export interface ListOptions extends Asking {
  readonly issuer?: string;
  readonly limit: number;
}

export async function list(session: Session, options: ListOptions): Promise<void> {
  const { terminal } = session;
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.issuer !== undefined) query.set('issuer', options.issuer);
  const found = await withClient(session, options, (client) =>
    client.get<AcmeAccountList>(`/acme/accounts?${query.toString()}`),
  );
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.accounts,
    columns: [
      { title: 'ID', value: ({ id }) => id },
      { title: 'ISSUER', value: ({ issuer }) => issuer },
      { title: 'STATUS', value: ({ status }) => status },
      { title: 'CREATED', value: ({ createdAt }) => relativeTime(createdAt, terminal.now()) },
      { title: 'CONTACT', value: ({ contact }) => contact.join(' ') },
      { title: 'EXTERNAL KEY', value: ({ externalKey }) => externalKey ?? '' },
      { title: 'KEY', value: ({ key }) => key, wide: true },
    ],
    name: ({ id }) => id,
    empty: 'there is no ACME account',
  });
}

export async function show(session: Session, options: Asking, id: string): Promise<void> {
  const { terminal } = session;
  const account = await withClient(session, options, (client) =>
    client.get<AcmeAccountResource>(`/acme/accounts/${encodeURIComponent(id)}`),
  );
  await printSheet(terminal, options.output, {
    resource: account,
    name: account.id,
    heading: `ACME account ${account.id}`,
    fields: [
      ['status', account.status],
      ['issuer', account.issuer],
      ['principal', account.principal],
      ['contact', account.contact.join(' ') || undefined],
      ['key', account.key],
      ['external key', account.externalKey],
      ['agreed to the terms', account.termsAgreedAt],
      ['created', timeWithDistance(account.createdAt, terminal.now())],
      ['deactivated', account.deactivatedAt],
    ],
  });
}

export async function deactivate(session: Session, options: ContextOptions, id: string): Promise<void> {
  await withClient(session, options, (client) => client.delete(`/acme/accounts/${encodeURIComponent(id)}`));
  say(session.terminal, `the ACME account ${id} is deactivated; its certificates live on`);
}
