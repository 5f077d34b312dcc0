/** `chancery acme eab create`, `list`, `revoke` */
import type { CreatedExternalKey, ExternalKeyList, ExternalKeyRequest } from '../../api/acme.ts';
import { flatten } from '../cert/names.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import type { ContextOptions } from '../context.ts';
import { writeFiles } from '../files.ts';
import { printListing, printSheet, relativeTime, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';

export interface CreateOptions extends Asking {
  readonly issuer: string;
  readonly name?: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly preauthorizeDns?: readonly string[];
  readonly preauthorizeIp?: readonly string[];
  readonly profile?: string;
  readonly uses?: number;
  readonly ttl?: string;
  readonly out?: string;
}

type Patterns = NonNullable<ExternalKeyRequest['names']>;

function patterns(
  dns: readonly string[] | undefined,
  ip: readonly string[] | undefined,
): Patterns | undefined {
  if (dns === undefined && ip === undefined) return undefined;
  return { ...(dns && { dns: [...dns] }), ...(ip && { ip: [...ip] }) };
}

/** With `--out` the secret goes to that file and nowhere else; without it, it is on stdout. */
export async function create(session: Session, options: CreateOptions): Promise<void> {
  const { terminal } = session;
  const { issuer, name, profile, uses, ttl, out, output } = options;
  const names = patterns(options.dns, options.ip);
  const preauthorized = patterns(options.preauthorizeDns, options.preauthorizeIp);
  const body: ExternalKeyRequest = {
    issuer,
    ...(name && { name }),
    ...(names && { names }),
    ...(preauthorized && { preauthorized }),
    ...(profile && { profile }),
    ...(uses && { uses }),
    ...(ttl && { expiresIn: ttl }),
  };
  const created = await withClient(session, options, (client) =>
    client.post<CreatedExternalKey>('/acme/external-keys', body),
  );
  const { hmacKey, ...resource } = created;
  if (out !== undefined)
    await writeFiles([
      { path: out, content: `${JSON.stringify({ kid: created.kid, hmacKey })}\n`, mode: 0o600 },
    ]);
  await printSheet(terminal, output, {
    resource: out === undefined ? created : { ...resource, file: out },
    name: created.kid,
    heading: `external account key ${created.name}`,
    fields: [
      ['kid', created.kid],
      ['hmacKey', out === undefined ? hmacKey : undefined],
      ['file', out],
      ['issuer', created.issuer],
      ['only for', created.names === undefined ? undefined : flatten(created.names)],
      ['no challenge for', created.preauthorized === undefined ? undefined : flatten(created.preauthorized)],
      ['only profile', created.profile],
      ['uses', created.uses === undefined ? 'any number' : String(created.uses)],
      [
        'expires',
        created.expiresAt === undefined ? undefined : timeWithDistance(created.expiresAt, terminal.now()),
      ],
    ],
  });
  if (out === undefined) say(terminal, 'keep hmacKey secret: it is shown this once');
}

export async function list(session: Session, options: Asking): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) =>
    client.get<ExternalKeyList>('/acme/external-keys'),
  );
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.externalKeys,
    columns: [
      { title: 'KID', value: ({ kid }) => kid },
      { title: 'NAME', value: ({ name }) => name },
      { title: 'STATE', value: ({ state }) => state },
      {
        title: 'USED',
        value: ({ used, uses }) => (uses === undefined ? String(used) : `${used} of ${uses}`),
      },
      {
        title: 'EXPIRES',
        value: ({ expiresAt }) =>
          expiresAt === undefined ? 'never' : relativeTime(expiresAt, terminal.now()),
      },
      { title: 'ISSUER', value: ({ issuer }) => issuer },
      {
        title: 'NAMES',
        value: ({ names }) => (names === undefined ? 'as granted' : flatten(names).join(' ')),
      },
      {
        title: 'NO CHALLENGE',
        value: ({ preauthorized }) => (preauthorized === undefined ? '' : flatten(preauthorized).join(' ')),
        wide: true,
      },
      { title: 'CREATED BY', value: ({ createdBy }) => createdBy, wide: true },
    ],
    name: ({ kid }) => kid,
    empty: 'there is no external account key',
  });
}

export async function revoke(session: Session, options: ContextOptions, kid: string): Promise<void> {
  await withClient(session, options, (client) =>
    client.delete(`/acme/external-keys/${encodeURIComponent(kid)}`),
  );
  say(
    session.terminal,
    `the external account key ${kid} is revoked; its accounts live on, within its names and with challenges`,
  );
}
