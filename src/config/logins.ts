/** Login providers of the file. */
import { resolve as resolvePath } from 'node:path';
import { parseDuration } from '../base/clock.ts';
import type { LoginConfiguration } from './configuration.ts';
import { type Fault, formatPath, formatValue, type SettingPath } from './faults.ts';
import type { ConfigurationFile } from './schema.ts';

type Declared = ConfigurationFile['logins'];
type FolderOf = (path: SettingPath) => string;

export interface Logins {
  readonly logins: readonly LoginConfiguration[];
  readonly faults: readonly Fault[];
}

export function resolveLogins(declared: Declared, folderOf: FolderOf): Logins {
  const faults: Fault[] = [];
  const logins = Object.entries(declared).map(([name, login], i, all): LoginConfiguration => {
    const path = ['logins', name];
    const audience = [login.audience].flat();
    const earlier = all.slice(0, i).find(([, { issuer }]) => issuer === login.issuer)?.[0];
    if (earlier !== undefined) faults.push(sameIssuer(path, earlier));
    if ((login.discovery === undefined) === (login.jwks === undefined)) faults.push(noKeys(path));
    const { client } = login;
    if (client !== undefined && !audience.includes(client.id)) faults.push(otherAudience(path, client.id));
    return {
      name,
      issuer: login.issuer,
      audience,
      keys: keysOf(login.jwks, path, folderOf),
      ca: login.ca && resolvePath(folderOf([...path, 'ca', 'file']), login.ca.file),
      algorithms: login.algorithms,
      subject: login.subject,
      clockSkew: parseDuration(login.clockSkew) ?? 0,
      maxAge: parseDuration(login.maxAge) ?? 0,
      claims: new Map(Object.entries(login.claims).map(([claim, values]) => [claim, [values].flat()])),
      client,
    };
  });
  return { logins, faults };
}

function keysOf(
  jwks: Declared[string]['jwks'],
  path: SettingPath,
  folderOf: FolderOf,
): LoginConfiguration['keys'] {
  if (jwks === undefined) return { kind: 'discovery' };
  if ('url' in jwks) return { kind: 'url', url: jwks.url };
  return { kind: 'file', file: resolvePath(folderOf([...path, 'jwks', 'file']), jwks.file) };
}

const sameIssuer = (path: SettingPath, earlier: string): Fault => ({
  path: [...path, 'issuer'],
  message: `${formatPath(path)} has the issuer of logins.${earlier}`,
  rule: 'a token leads to one provider by its iss',
  fix: 'List every audience with one of the two.',
});

const noKeys = (path: SettingPath): Fault => ({
  path,
  atKey: true,
  message: `${formatPath(path)} has to say in one way where the keys are`,
  rule: 'either discovery: true, or jwks with file or url',
  fix: 'Write one of the two.',
});

const otherAudience = (path: SettingPath, id: string): Fault => ({
  path: [...path, 'client', 'id'],
  message: `${formatPath([...path, 'client', 'id'])} is ${formatValue(id)}, which is not in the audience`,
  rule: 'OIDC Core 2: the aud of an ID token is the client that asked for it',
  fix: 'Add it to the audience.',
});

/** As the file writes them, with absolute paths. */
export const plainLogins = (
  declared: Declared,
  logins: readonly LoginConfiguration[],
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    logins.map(({ name, keys, ca }) => [
      name,
      {
        ...declared[name],
        ...(keys.kind === 'file' && { jwks: { file: keys.file } }),
        ...(ca !== undefined && { ca: { file: ca } }),
      },
    ]),
  );
