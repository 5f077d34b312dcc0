/** Which server is spoken to, and as whom: flag > environment > file > default. */
import { join, resolve } from 'node:path';
import { ChanceryError } from '../base/errors.ts';
import { resolveDataFolder } from '../config/data-folder.ts';
import { parseClientFile } from './client-file.ts';
import { readTextFileIfThere } from './files.ts';
import { nearestWord } from './nearest-word.ts';
import type { Terminal } from './terminal.ts';
import { readUserConfig, type UserConfig } from './user-config.ts';

/** What `--data`, `--server` and `--context` said. */
export interface ContextOptions {
  readonly data?: string;
  readonly server?: string;
  readonly context?: string;
}

/** Paths of PEM files. */
export interface Login {
  readonly certificate: string;
  readonly key: string;
  /** Issuing CAs, where the certificate's own file does not hold them; it may be missing. */
  readonly chain?: string;
}

export interface Context {
  /** Where it comes from, to be said: `context staging`, a path. */
  readonly origin: string;
  /** The data folder, where the server is one of this host. */
  readonly data?: string;
  readonly server: URL;
  /** PEM file; absent: the roots that Node brings. */
  readonly roots?: string;
  /** The roots themselves, where no file holds them. */
  readonly rootsPem?: string;
  readonly login?: Login;
  /** A token that is sent with every request instead of a login. Never printed. */
  readonly bearer?: string;
  /** Where the token says by itself what is asked for. */
  readonly brings?: 'profile and names';
  readonly trustDomain?: string;
}

type Choice = { readonly data: string } | { readonly context: string } | undefined;

/** Finds the server. Throws `usage`, `no_authority` or `invalid_configuration`. */
export async function findContext(options: ContextOptions, terminal: Terminal): Promise<Context> {
  if (options.data !== undefined && options.context !== undefined)
    throw new ChanceryError('usage', {
      message: `--data ${options.data} and --context ${options.context} both name a server`,
      fix: 'Leave one of them out.',
    });
  const environment = environmentOptions(terminal);
  const byFlag = chosen(options);
  // a server in the environment does not redirect what a flag named
  const server = options.server ?? (byFlag === undefined ? environment.server : undefined);
  const found = await lookUp(byFlag ?? chosen(environment), server !== undefined, terminal);
  if (server !== undefined) return elsewhere(found, server, options.server === undefined);
  if (found !== undefined) return found;
  throw new ChanceryError('no_authority', {
    message: `no client.yaml in ${defaultData()}, and no server is named`,
    fix: 'Make an authority with `chancery init`, or name one with --data, --context or --server.',
  });
}

/** Roots and login of what was found, at another address; so it is not the server of the data folder. */
function elsewhere(found: Context | undefined, server: string, byEnvironment: boolean): Context {
  const { data: _, ...rest } = found ?? {};
  return { ...rest, server: parseServerUrl(server), origin: byEnvironment ? 'CHANCERY_SERVER' : '--server' };
}

function environmentOptions({ environment }: Terminal): ContextOptions {
  const value = (name: string): string | undefined => environment[name] || undefined;
  const [data, server, context] = [
    value('CHANCERY_DATA'),
    value('CHANCERY_SERVER'),
    value('CHANCERY_CONTEXT'),
  ];
  return { ...(data && { data }), ...(server && { server }), ...(context && { context }) };
}

const chosen = ({ data, context }: ContextOptions): Choice =>
  context !== undefined ? { context } : data !== undefined ? { data } : undefined;

async function lookUp(
  choice: Choice,
  mayBeMissing: boolean,
  terminal: Terminal,
): Promise<Context | undefined> {
  if (choice !== undefined && 'data' in choice) return dataContext(resolve(choice.data), mayBeMissing);
  const config = await readUserConfig(terminal);
  const name = choice?.context ?? config?.current;
  if (name !== undefined) return namedContext(name, config);
  // nothing is named: the default folder, if there is an authority in it
  return dataContext(defaultData(), true);
}

async function dataContext(data: string, mayBeMissing: boolean): Promise<Context | undefined> {
  const path = join(data, 'client.yaml');
  const text = await readTextFileIfThere(path);
  if (text === undefined) {
    if (mayBeMissing) return undefined;
    throw new ChanceryError('no_authority', {
      message: `no client.yaml in ${data}`,
      rule: '`chancery init` writes it',
      fix: `Run \`chancery init --data ${data}\`, or name another folder.`,
    });
  }
  const { server, roots, certificate, key, trustDomain } = await parseClientFile(path, text);
  return context(path, { server, roots, certificate, key, trustDomain }, data);
}

async function namedContext(name: string, config: UserConfig | undefined): Promise<Context | undefined> {
  const { path, contexts } = config ?? { path: undefined, contexts: new Map<string, never>() };
  const found = contexts.get(name);
  if (found === undefined) {
    const near = nearestWord(name, [...contexts.keys()]);
    throw new ChanceryError('usage', {
      message: `there is no context "${name}"${path === undefined ? '' : ` in ${path}`}`,
      rule: `contexts: ${[...contexts.keys()].join(', ') || 'none'}`,
      fix: near === undefined ? 'Add it to the file, or use --data or --server.' : `Did you mean ${near}?`,
    });
  }
  if (found.data !== undefined) return dataContext(found.data, false);
  const { server = '', ...rest } = found;
  return context(`context ${name}`, { server, ...rest });
}

interface Values {
  readonly server: string;
  readonly roots?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly trustDomain?: string | undefined;
}

function context(
  origin: string,
  { server, roots, certificate, key, trustDomain }: Values,
  data?: string,
): Context {
  if ((certificate === undefined) !== (key === undefined))
    throw new ChanceryError('invalid_configuration', {
      message: `${origin} names a ${certificate === undefined ? 'key without a certificate' : 'certificate without a key'}`,
      fix: 'Name both, or neither.',
    });
  return {
    origin,
    server: parseServerUrl(server),
    ...(data !== undefined && { data }),
    ...(roots !== undefined && { roots }),
    ...(certificate !== undefined && key !== undefined && { login: { certificate, key } }),
    ...(trustDomain !== undefined && { trustDomain }),
  };
}

export function parseServerUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' && url.username === '' && url.search === '' && url.hash === '') return url;
  throw new ChanceryError('usage', {
    message: `${JSON.stringify(text)} is not the URL of a server`,
    rule: 'an https URL without user, query and fragment',
    fix: 'Write it as https://host:port.',
  });
}

const defaultData = (): string => resolveDataFolder(undefined, {}, '/').path;
