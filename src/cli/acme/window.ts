/** `chancery acme window` */
import type { WindowRequest, WindowResource } from '../../api/acme.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export interface WindowOptions extends Asking {
  readonly issuer: string;
  readonly within: string;
  readonly explanation?: string;
  readonly revoke?: string;
}

export async function move(session: Session, options: WindowOptions): Promise<void> {
  const { issuer, within, explanation, revoke } = options;
  const { terminal } = session;
  const body: WindowRequest = {
    ...{ issuer, within },
    ...(explanation && { explanationUrl: explanation }),
    ...(revoke !== undefined && { revoke }),
  };
  const moved = await withClient(session, options, (client) =>
    client.post<WindowResource>('/acme/windows', body),
  );
  await printSheet(terminal, options.output, {
    resource: moved,
    name: moved.issuer,
    heading: `renewal of everything that ${moved.issuer} issued until ${moved.issuedUntil}`,
    fields: [
      ['from', moved.start],
      ['until', timeWithDistance(moved.end, terminal.now())],
      ['known to all clients', timeWithDistance(moved.knownBy, terminal.now())],
      ['explanation', moved.explanationUrl],
      [
        'revoked',
        moved.revocation &&
          `${timeWithDistance(moved.revocation.dueAt, terminal.now())}, ${moved.revocation.reason}`,
      ],
      ['scheduled as', moved.revocation?.id],
    ],
  });
  if (options.output === 'table' || options.output === 'wide')
    say(
      terminal,
      moved.revocation === undefined
        ? `revoke what was not replaced only after ${moved.knownBy}`
        : `call it off before then: chancery acme revocation cancel ${moved.revocation.id}`,
    );
}
