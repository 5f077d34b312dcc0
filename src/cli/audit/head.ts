/** `chancery audit head` */
import type { AuditHeadResource } from '../../api/audit.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printSheet } from '../output.ts';
import type { Session } from '../session.ts';

export async function signHead(session: Session, options: Asking): Promise<void> {
  const head = await withClient(session, options, (client) =>
    client.post<AuditHeadResource>('/audit/head', {}),
  );
  await printSheet(session.terminal, options.output, {
    resource: head,
    name: head.hash,
    fields: [
      ['sequence', String(head.sequence)],
      ['hash', head.hash],
      ['time', head.time],
      ['key', head.keyId],
      ['signature', head.signature],
    ],
  });
}
