/** The user's own `~/.config/chancery/config.yaml`: servers by name. */
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ChanceryError } from '../base/errors.ts';
import { readTextFileIfThere } from './files.ts';
import { nearestWord } from './nearest-word.ts';
import type { Terminal } from './terminal.ts';

/** Either a server, or the data folder of one on this host. Paths are absolute. */
export interface UserContext {
  readonly data?: string;
  readonly server?: string;
  readonly roots?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly trustDomain?: string;
}

export interface UserConfig {
  readonly path: string;
  /** The context that is used when nothing else is named. */
  readonly current?: string;
  readonly contexts: ReadonlyMap<string, UserContext>;
}

const PATHS = ['data', 'roots', 'certificate', 'key'] as const;
const CONTEXT_KEYS = [...PATHS, 'server', 'trustDomain'] as const;

export function userConfigPath({ environment }: Terminal): string {
  const base = environment['XDG_CONFIG_HOME'];
  const folder =
    base !== undefined && base.startsWith('/') ? base : join(environment['HOME'] || homedir(), '.config');
  return join(folder, 'chancery', 'config.yaml');
}

/** `undefined` when the user has none. */
export async function readUserConfig(terminal: Terminal): Promise<UserConfig | undefined> {
  const path = userConfigPath(terminal);
  const text = await readTextFileIfThere(path);
  if (text === undefined) return undefined;
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (cause) {
    throw malformed(path, cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause));
  }
  const top = mapOf(path, 'the file', value, ['current', 'contexts']);
  const contexts = new Map<string, UserContext>();
  for (const [name, entry] of Object.entries(mapOf(path, 'contexts', top['contexts'] ?? {})))
    contexts.set(name, contextOf(path, name, entry));
  const current = top['current'];
  if (current === undefined || current === null) return { path, contexts };
  if (typeof current !== 'string') throw malformed(path, 'current is not a name');
  return { path, current, contexts };
}

function contextOf(path: string, name: string, entry: unknown): UserContext {
  const map = mapOf(path, `contexts.${name}`, entry, CONTEXT_KEYS);
  const context: { -readonly [K in keyof UserContext]?: string } = {};
  for (const key of CONTEXT_KEYS) {
    const value = map[key];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string') throw malformed(path, `contexts.${name}.${key} is not a text`);
    context[key] = (PATHS as readonly string[]).includes(key) ? resolve(dirname(path), value) : value;
  }
  if ((context.data === undefined) === (context.server === undefined))
    throw malformed(path, `contexts.${name} has to have either server or data`);
  return context;
}

function mapOf(
  path: string,
  what: string,
  value: unknown,
  keys?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(path, `${what} is not a map`);
  const unknown = keys && Object.keys(value).find((key) => !keys.includes(key));
  if (keys === undefined || unknown === undefined) return value as Record<string, unknown>;
  const near = nearestWord(unknown, keys);
  throw malformed(
    path,
    `${what} has the unknown key "${unknown}"${near === undefined ? '' : `, did you mean ${near}?`}`,
  );
}

const malformed = (path: string, message: string): ChanceryError =>
  new ChanceryError('invalid_configuration', {
    message: `${path} cannot be used: ${message}`,
    rule: 'it has current and contexts; a context has server, roots, certificate, key, trustDomain, or data',
    fix: 'Correct the file.',
  });
