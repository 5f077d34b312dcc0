/** `chancery token revoke` */
import { withClient } from '../connect.ts';
import type { ContextOptions } from '../context.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export async function revoke(session: Session, options: ContextOptions, id: string): Promise<void> {
  await withClient(session, options, (client) => client.delete(`/tokens/${encodeURIComponent(id)}`));
  say(session.terminal, `token ${id} is revoked; certificates that were issued with it live on`);
}
