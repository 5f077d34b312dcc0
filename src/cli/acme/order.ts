/** `chancery acme order list`, `show` */
import type { AcmeOrderList, AcmeOrderResource } from '../../api/acme.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing, printSheet, relativeTime, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';

export interface ListOptions extends Asking {
  readonly issuer?: string;
  readonly account?: string;
  readonly limit: number;
}

export async function list(session: Session, options: ListOptions): Promise<void> {
  const { terminal } = session;
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.issuer !== undefined) query.set('issuer', options.issuer);
  if (options.account !== undefined) query.set('account', options.account);
  const found = await withClient(session, options, (client) =>
    client.get<AcmeOrderList>(`/acme/orders?${query.toString()}`),
  );
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.orders,
    columns: [
      { title: 'ID', value: ({ id }) => id },
      { title: 'STATUS', value: ({ status }) => status },
      { title: 'NAMES', value: ({ names }) => names.join(' ') },
      { title: 'CREATED', value: ({ createdAt }) => relativeTime(createdAt, terminal.now()) },
      { title: 'CERTIFICATE', value: ({ certificate }) => certificate ?? '' },
      { title: 'ISSUER', value: ({ issuer }) => issuer, wide: true },
      { title: 'ACCOUNT', value: ({ account }) => account, wide: true },
    ],
    name: ({ id }) => id,
    empty: 'there is no ACME order',
  });
}

type Authorization = AcmeOrderResource['authorizations'][number];

export async function show(session: Session, options: Asking, id: string): Promise<void> {
  const { terminal } = session;
  const order = await withClient(session, options, (client) =>
    client.get<AcmeOrderResource>(`/acme/orders/${encodeURIComponent(id)}`),
  );
  await printSheet(terminal, options.output, {
    resource: order,
    name: order.id,
    heading: `ACME order ${order.id}`,
    fields: [
      ['status', order.status],
      ['names', order.names],
      ['issuer', `${order.issuer}, profile ${order.profile}`],
      ['account', order.account],
      ['created', timeWithDistance(order.createdAt, terminal.now())],
      ['expires', timeWithDistance(order.expiresAt, terminal.now())],
      ['certificate', order.certificate],
      ['replaces', order.replaces],
      ['refused', order.refusal],
      ...order.authorizations.map((one): [string, string[]] => [one.name, describe(one)]),
    ],
  });
}

/** The status, the reason, and what the probe did line by line. */
function describe({ status, preauthorizedBy, challenge }: Authorization): string[] {
  if (preauthorizedBy !== undefined)
    return [`${status}, the external account key ${preauthorizedBy} vouches for it`];
  if (challenge === undefined) return [`${status}: the client has answered no challenge`];
  const { type, problem, log } = challenge;
  return [
    `${status} by ${type} (${challenge.status})`,
    ...(problem === undefined ? [] : [`${problem.type}: ${problem.detail}`]),
    ...log.map(
      ({ after, target, address, result }) =>
        `+${Math.round(after)} ms ${target}${address === undefined ? '' : ` at ${address}`}: ${result}`,
    ),
  ];
}
