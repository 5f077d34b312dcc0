/** `chancery acme revocation …`: revocations that wait until clients have been told to renew. */
import type { ScheduledRevocationList } from '../../api/acme.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import type { ContextOptions } from '../context.ts';
import { printListing, relativeTime } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export async function list(session: Session, options: Asking): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) =>
    client.get<ScheduledRevocationList>('/acme/revocations'),
  );
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.revocations,
    columns: [
      { title: 'ID', value: ({ id }) => id },
      { title: 'STATE', value: ({ state }) => state },
      { title: 'ISSUER', value: ({ issuer }) => issuer },
      { title: 'ISSUED UNTIL', value: ({ issuedUntil }) => issuedUntil },
      { title: 'DUE', value: ({ dueAt }) => relativeTime(dueAt, terminal.now()) },
      { title: 'REASON', value: ({ reason }) => reason },
      { title: 'REVOKED', value: ({ revoked }) => (revoked === undefined ? '' : String(revoked)) },
      { title: 'CREATED BY', value: ({ createdBy }) => createdBy, wide: true },
    ],
    name: ({ id }) => id,
    empty: 'no revocation was scheduled',
  });
}

export async function cancel(session: Session, options: ContextOptions, id: string): Promise<void> {
  await withClient(session, options, (client) =>
    client.delete(`/acme/revocations/${encodeURIComponent(id)}`),
  );
  say(session.terminal, `the scheduled revocation ${id} is called off`);
}
