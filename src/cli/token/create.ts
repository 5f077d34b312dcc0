/** `chancery token create` */
import type { CreatedToken, TokenRequest } from '../../api/tokens.ts';
import { flatten, type NameOptions, readNameLists, readNames, requireNames } from '../cert/names.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { writeFiles } from '../files.ts';
import { shellWord } from '../next-command.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { print, say } from '../terminal.ts';

export interface CreateOptions extends Asking, NameOptions {
  readonly profile: string;
  readonly issuer?: string;
  readonly uses: number;
  readonly ttl: string;
  readonly maxTtl?: string;
  readonly owner?: string;
  readonly out?: string;
}

/** With `--out` the secret goes to that file and nowhere else; without it, it is the only thing on stdout. */
export async function create(session: Session, options: CreateOptions): Promise<void> {
  const { profile, issuer, uses, ttl, maxTtl, owner, out, output } = options;
  const { terminal } = session;
  const created = await withClient(session, options, async (client) => {
    requireNames(await readNames(options, client));
    const body: TokenRequest = {
      profile,
      names: await readNameLists(options, client),
      uses,
      expiresIn: ttl,
      ...(issuer && { issuer }),
      ...(maxTtl && { maxTtl }),
      ...(owner && { owner }),
    };
    return client.post<CreatedToken>('/tokens', body);
  });
  const { token, ...resource } = created;
  if (out === undefined) {
    if (output === 'table' || output === 'wide' || output === 'name') print(terminal, `${token}\n`);
    else
      await printSheet(terminal, output, {
        resource: created,
        name: created.id,
        heading: created.id,
        fields: [],
      });
    say(
      terminal,
      `token ${created.id} for ${flatten(created.names).join(', ')}, until ${created.expiresAt}: keep it secret`,
    );
    return;
  }
  await writeFiles([{ path: out, content: `${token}\n`, mode: 0o600 }]);
  await printSheet(terminal, output, {
    resource: { ...resource, file: out },
    name: created.id,
    heading: `token ${created.id}`,
    fields: [
      ['for', flatten(created.names)],
      ['uses', String(created.uses)],
      ['expires', timeWithDistance(created.expiresAt, terminal.now())],
      ['file', out],
    ],
  });
  if (output === 'table' || output === 'wide')
    say(
      terminal,
      `next, where the certificate is wanted: chancery cert issue --token-file ${shellWord(out)} --out DIR`,
    );
}
