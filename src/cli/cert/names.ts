/** The names that the flags give, checked here so that a slip costs no round trip. */
import type { ServerInfo } from '../../api/authority.ts';
import type { SignRequest } from '../../api/certificates.ts';
import { ChanceryError } from '../../base/errors.ts';
import { type Name, parseNames } from '../../domain/identity/names.ts';
import type { Client } from '../client.ts';

type ApiNames = NonNullable<SignRequest['names']>;

export interface NameOptions {
  readonly uri?: readonly string[];
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
}

/** Canonical and sorted. `--uri /app` is completed with the trust domain of the server. */
export async function readNames(options: NameOptions, client: Client): Promise<Name[]> {
  const { uri = [], dns = [], ip = [], email = [] } = options;
  // what needs no server is judged before one is asked
  parseNames({ uri: uri.filter((text) => !text.startsWith('/')), dns, ip, email });
  return parseNames({ uri: await completeUris(uri, client), dns, ip, email });
}

/** As the API takes them. */
export async function readNameLists(options: NameOptions, client: Client): Promise<ApiNames> {
  const lists: ApiNames = {};
  for (const { kind, value } of await readNames(options, client)) (lists[kind] ??= []).push(value);
  return lists;
}

/** `/app` becomes `spiffe://<trust domain>/app`. */
export async function completeUris(uris: readonly string[], client: Client): Promise<string[]> {
  if (!uris.some((text) => text.startsWith('/'))) return [...uris];
  const trustDomain = client.context.trustDomain ?? (await client.get<ServerInfo>('/server')).trustDomain;
  return uris.map((text) => (text.startsWith('/') ? `spiffe://${trustDomain}${text}` : text));
}

/** Something has to be named. */
export function requireNames(names: readonly Name[]): void {
  if (names.length > 0) return;
  throw new ChanceryError('usage', {
    message: 'no name is given',
    rule: 'a certificate is about names: --uri, --dns, --ip, --email',
    fix: 'Add one, e.g. --uri /app.',
  });
}

/** All names in one list, SPIFFE ID first. */
export const flatten = ({ uri = [], dns = [], ip = [], email = [] }: ApiNames): string[] => [
  ...uri,
  ...dns,
  ...ip,
  ...email,
];
