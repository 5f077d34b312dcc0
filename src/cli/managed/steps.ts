/** `chancery managed pause | resume | delete` */
import type { ManagedResource } from '../../api/managed.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { sayWhere, removeNamed, type Sure } from '../remove.ts';
import type { Session } from '../session.ts';
import { harmless, say } from '../terminal.ts';
import { printManaged } from './show.ts';

const step =
  (verb: 'pause' | 'resume', doing: string) =>
  async (session: Session, options: Asking, name: string): Promise<void> => {
    const path = `/managed/${encodeURIComponent(name)}/${verb}`;
    const managed = await withClient(session, options, (client: Client) => {
      sayWhere(session.terminal, client, `${doing} the managed certificate ${harmless(name)}`);
      return client.post<ManagedResource>(path, undefined);
    });
    await printManaged(session, options, managed);
  };

export const pause = step('pause', 'pausing');
export const resume = step('resume', 'resuming');

export async function remove(session: Session, options: Sure, name: string): Promise<void> {
  await removeNamed(session, options, {
    what: 'the managed certificate',
    name,
    path: `/managed/${encodeURIComponent(name)}`,
    consequence: 'never renew it again',
  });
  say(session.terminal, 'what is served stays where it is');
}
