/** Deletes what has a name: shows at which server, has the name typed. */
import type { Client } from './client.ts';
import type { Asking } from './command.ts';
import { confirm, saidBefore } from './confirm.ts';
import { withClient } from './connect.ts';
import type { Session } from './session.ts';
import { harmless, say, type Terminal } from './terminal.ts';

export interface Sure extends Asking {
  readonly yes?: true;
}

export interface Removal {
  /** With its article: `the public CA`. */
  readonly what: string;
  readonly name: string;
  readonly path: string;
  /** Completes "Type shop to …". */
  readonly consequence: string;
}

export async function removeNamed(
  session: Session,
  options: Sure,
  { what, name, path, consequence }: Removal,
): Promise<void> {
  const { terminal } = session;
  const said = saidBefore(terminal, options.yes, `deleting ${what}`, 'Look at it with `show`');
  await withClient(session, options, async (client) => {
    sayWhere(terminal, client, `deleting ${what} ${harmless(name)}`);
    if (!said) await confirm(terminal, name, consequence);
    await client.delete(path);
  });
  say(terminal, 'deleted');
}

export function sayWhere(terminal: Terminal, { context: { server, origin } }: Client, doing: string): void {
  say(terminal, `${doing} at ${server.origin} (${origin})`);
}
