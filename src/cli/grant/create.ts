/** `chancery grant create`, `replace` */
import type { GrantRequest, GrantResource } from '../../api/grants.ts';
import { completeUris } from '../cert/names.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';
import { printGrant } from './show.ts';

export interface CreateOptions extends Asking {
  readonly principal: string;
  readonly verb: GrantRequest['verbs'];
  readonly issuer: string;
  readonly profile: string[];
  readonly uri?: string[];
  readonly dns?: string[];
  readonly ip?: string[];
  readonly email?: string[];
  readonly maxTtl?: string;
  readonly owner?: string;
}

export async function create(session: Session, options: CreateOptions, name: string): Promise<void> {
  const grant = await withClient(session, options, async (client) =>
    client.post<GrantResource>('/grants', await requestOf(name, options, client)),
  );
  await printGrant(session, options, grant);
}

export async function replace(session: Session, options: CreateOptions, name: string): Promise<void> {
  const { terminal } = session;
  const grant = await withClient(session, options, async (client) => {
    const body = await requestOf(name, options, client);
    const { server, origin } = client.context;
    say(terminal, `replacing the grant ${name} at ${server.origin} (${origin})`);
    return client.put<GrantResource>(`/grants/${encodeURIComponent(name)}`, body);
  });
  await printGrant(session, options, grant);
}

async function requestOf(name: string, options: CreateOptions, client: Client): Promise<GrantRequest> {
  const { principal, verb, issuer, profile, uri, dns, ip, email, maxTtl, owner } = options;
  return {
    name,
    principal,
    verbs: verb,
    issuer,
    profiles: profile,
    ...(uri && { uri: await completeUris(uri, client) }),
    ...(dns && { dns }),
    ...(ip && { ip }),
    ...(email && { email }),
    ...(maxTtl && { maxTtl }),
    ...(owner && { owner }),
  };
}
