/** `chancery grant delete` */
import { withClient } from '../connect.ts';
import type { ContextOptions } from '../context.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export async function deleteGrant(session: Session, options: ContextOptions, name: string): Promise<void> {
  const { terminal } = session;
  await withClient(session, options, async (client) => {
    const { server, origin } = client.context;
    say(terminal, `deleting the grant ${name} at ${server.origin} (${origin})`);
    await client.delete(`/grants/${encodeURIComponent(name)}`);
  });
  say(terminal, 'deleted');
}
