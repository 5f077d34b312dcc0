/** `chancery grant create` */
import type { GrantRequest, GrantResource } from '../../api/grants.ts';
import { completeUris } from '../cert/names.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import type { Session } from '../session.ts';
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
  const { principal, verb, issuer, profile, uri, dns, ip, email, maxTtl, owner } = options;
  const grant = await withClient(session, options, async (client) => {
    const body: GrantRequest = {
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
    return client.post<GrantResource>('/grants', body);
  });
  await printGrant(session, options, grant);
}
