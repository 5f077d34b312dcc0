/** `chancery issuer crl show | publish` */
import type { IssuerCrlList, IssuerCrlResource } from '../../api/crls.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing, relativeTime } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export async function showCrls(session: Session, options: Asking, name: string): Promise<void> {
  const found = await withClient(session, options, (client) => client.get<IssuerCrlList>(pathOf(name)));
  await print(session, options, found);
}

export interface PublishOptions extends Asking {
  readonly acceptClock?: boolean;
}

export async function publishCrls(session: Session, options: PublishOptions, name: string): Promise<void> {
  const published = await withClient(session, options, (client) =>
    client.post<IssuerCrlList>(`${pathOf(name)}/publish`, { acceptClock: options.acceptClock === true }),
  );
  await print(session, options, published);
}

const pathOf = (name: string): string => `/issuers/${encodeURIComponent(name)}/crls`;

async function print({ terminal }: Session, { output }: Asking, resource: IssuerCrlList): Promise<void> {
  const when = (time: string | undefined): string =>
    time === undefined ? '-' : relativeTime(time, terminal.now());
  await printListing(terminal, output, {
    resource,
    rows: resource.crls,
    columns: [
      { title: 'GENERATION', value: ({ generation }) => generation },
      { title: 'SCOPE', value: ({ scope }) => scope },
      { title: 'NUMBER', value: ({ number }) => number ?? 'none' },
      { title: 'ENTRIES', value: ({ entries }) => String(entries ?? '-') },
      { title: 'ISSUED', value: ({ thisUpdate }) => when(thisUpdate) },
      { title: 'RUNS OUT', value: ({ nextUpdate }) => when(nextUpdate) },
      { title: 'SIZE', value: ({ size }) => String(size ?? '-'), wide: true },
      { title: 'URL', value: ({ url }) => url },
    ],
    name: ({ generation, scope }: IssuerCrlResource) => `${generation}/${scope}`,
    empty: 'no generation of this issuer publishes CRLs',
  });
  for (const { generation, scope, problem } of resource.crls)
    if (problem !== undefined) say(terminal, `${generation}/${scope} was not published: ${problem}`);
}
