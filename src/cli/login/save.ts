/** Where a login is kept: a pair in `~/.config/chancery/logins/<context>/`, and the context that names it. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { IssuedCertificate } from '../../api/certificates.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Context } from '../context.ts';
import { fileError, readTextFileIfThere, writeFiles } from '../files.ts';
import type { Terminal } from '../terminal.ts';
import { readUserConfig, userConfigPath } from '../user-config.ts';

export interface Place {
  /** Name of the context. */
  readonly name: string;
  readonly config: string;
  readonly certificate: string;
  readonly key: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Throws `usage` for a name that stands for another server: its login would be lost. */
export async function findPlace(name: string, context: Context, terminal: Terminal): Promise<Place> {
  if (!NAME.test(name))
    throw new ChanceryError('usage', {
      message: `${JSON.stringify(name.slice(0, 80))} is no name for a context`,
      rule: 'letters, digits, dots, dashes and underscores, at most 63',
      fix: 'Name one with --save-as.',
    });
  const found = (await readUserConfig(terminal))?.contexts.get(name);
  if (
    found !== undefined &&
    (found.server === undefined || new URL(found.server).href !== context.server.href)
  )
    throw new ChanceryError('usage', {
      message: `the context ${name} is another server: ${found.server ?? found.data ?? ''}`,
      rule: 'a login belongs to its server',
      fix: 'Name another context with --save-as.',
    });
  const config = userConfigPath(terminal);
  const folder = join(dirname(config), 'logins', name);
  return { name, config, certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
}

/** Makes the folder, so that nothing is asked for that could not be kept. */
export async function preparePlace({ key }: Place): Promise<void> {
  const folder = dirname(key);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw fileError('write', folder, cause);
  }
}

/** Key, certificate with its chain, and last the context: it never names what is not there. */
export async function saveLogin(
  place: Place,
  context: Context,
  issued: IssuedCertificate,
  privateKey: string,
): Promise<void> {
  await writeFiles([
    { path: place.key, content: privateKey, mode: 0o600 },
    { path: place.certificate, content: issued.certificate + issued.chain.join(''), mode: 0o600 },
    { path: place.config, content: await withContext(place, context), mode: 0o600 },
  ]);
}

/** The user's configuration with the context in it; comments and everything else stay. */
async function withContext({ name, config, certificate, key }: Place, context: Context): Promise<string> {
  const { isMap, parseDocument } = await import('yaml');
  const document = parseDocument((await readTextFileIfThere(config)) ?? '{}\n');
  const below = (path: string): string => relative(dirname(config), path);
  const server = {
    server: context.server.href.replace(/\/$/, ''),
    roots: context.roots,
    trustDomain: context.trustDomain,
  };
  const known = document.hasIn(['contexts', name]);
  const entry: Record<string, string | undefined> = {
    ...(known ? {} : server),
    certificate: below(certificate),
    key: below(key),
  };
  for (const [field, value] of Object.entries(entry))
    if (value !== undefined) document.setIn(['contexts', name, field], value);
  // the server of a data folder is found without; the first one elsewhere is the one that is meant
  if (context.data === undefined && document.get('current') === undefined) document.set('current', name);
  if (isMap(document.contents)) document.contents.flow = false;
  return document.toString();
}
