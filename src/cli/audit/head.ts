/** `chancery audit head` */
import type { AuditHeadResource } from '../../api/audit.ts';
import { parseInstant } from '../../base/clock.ts';
import { EMPTY_CHAIN } from '../../domain/audit/chain.ts';
import { headLine } from '../../domain/audit/export.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { writeFiles } from '../files.ts';
import { shellWord } from '../next-command.ts';
import { printSheet } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export interface HeadOptions extends Asking {
  readonly out?: string;
}

export async function signHead(session: Session, options: HeadOptions): Promise<void> {
  const { terminal } = session;
  const head = await withClient(session, options, (client) =>
    client.post<AuditHeadResource>('/audit/head', {}),
  );
  await printSheet(terminal, options.output, {
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
  if (options.out === undefined) return;
  const content = `${headLine({ ...head, time: parseInstant(head.time) ?? 0 }, EMPTY_CHAIN)}\n`;
  await writeFiles([{ path: options.out, content, mode: 0o644 }]);
  say(
    terminal,
    `${options.out} is written: keep it elsewhere, for \`audit verify --head ${shellWord(options.out)}\``,
  );
}
