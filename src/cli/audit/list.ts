/** `chancery audit list` */
import type { AuditList } from '../../api/audit.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export interface ListOptions extends Asking {
  readonly from?: number;
  readonly limit?: number;
}

export async function list(session: Session, options: ListOptions): Promise<void> {
  const { from, limit, output } = options;
  const found = await withClient(session, options, (client) =>
    client.get<AuditList>('/audit', { from, limit }),
  );
  await printListing(session.terminal, output, {
    resource: found,
    rows: found.entries,
    columns: [
      { title: 'SEQUENCE', value: ({ sequence }) => String(sequence) },
      { title: 'TIME', value: ({ time }) => time },
      { title: 'EVENT', value: ({ event }) => event },
      { title: 'OUTCOME', value: ({ outcome }) => outcome },
      { title: 'PRINCIPAL', value: ({ principal }) => principal },
      { title: 'DOOR', value: ({ door }) => door, wide: true },
      { title: 'ADDRESS', value: ({ address }) => address ?? '', wide: true },
      { title: 'REQUEST', value: ({ requestId }) => requestId, wide: true },
      { title: 'DETAILS', value: ({ details }) => JSON.stringify(details), wide: true },
    ],
    name: ({ sequence }) => String(sequence),
    empty: 'no entry',
  });
  if (found.next !== undefined) say(session.terminal, `there are more: --from ${found.next}`);
}
