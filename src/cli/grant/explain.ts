/** `chancery grant explain`: by the code that decides, without the deed. */
import type { Explanation, ExplainRequest } from '../../api/grants.ts';
import { flatten, type NameOptions, readNameLists } from '../cert/names.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printSheet } from '../output.ts';
import type { ExitCode, Session } from '../session.ts';

export interface ExplainOptions extends Asking, NameOptions {
  readonly profile: string;
  readonly issuer?: string;
  readonly verb: ExplainRequest['verb'];
  readonly principal?: string;
  readonly ttl?: string;
}

export async function explain(session: Session, options: ExplainOptions): Promise<ExitCode> {
  const { profile, issuer, verb, principal, ttl, output } = options;
  const answer = await withClient(session, options, async (client) => {
    const body: ExplainRequest = {
      verb,
      profile,
      names: await readNameLists(options, client),
      ...(issuer && { issuer }),
      ...(principal && { principal }),
      ...(ttl && { ttl }),
    };
    return client.post<Explanation>('/grants/explain', body);
  });
  const { request, nearest } = answer;
  await printSheet(session.terminal, output, {
    resource: answer,
    name: answer.rule,
    heading: `${answer.allowed ? 'allowed by' : 'refused by'} ${answer.rule}`,
    fields: [
      ['who', request.principal],
      ['what', `${request.verb} with profile ${request.profile} from ${request.issuer}, for ${request.ttl}`],
      ['names', flatten(request.names)],
      ['nearest grant', nearest?.rule],
      ['falls short', nearest?.lacks.map(({ message }) => message)],
    ],
  });
  return answer.allowed ? 0 : 3;
}
