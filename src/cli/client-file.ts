/** `<data>/client.yaml`, which `init` writes: how this host's own operator reaches the server. */
import { dirname, resolve } from 'node:path';
import { ChanceryError } from '../base/errors.ts';

/** Paths are absolute. */
export interface ClientFile {
  readonly server: string;
  readonly roots?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** The server's configuration file. */
  readonly configuration?: string;
  readonly trustDomain?: string;
}

const PATHS = ['roots', 'certificate', 'key', 'configuration'] as const;
const KEYS = ['server', 'trustDomain', ...PATHS] as const;

/** Reads the text of a client.yaml. Keys that we do not know are left alone: a newer `init` may have written them. */
export async function parseClientFile(path: string, text: string): Promise<ClientFile> {
  const values = readFlatYaml(text) ?? (await readYaml(path, text));
  const file: { -readonly [K in keyof ClientFile]?: string } = {};
  for (const key of KEYS) {
    const value = values[key];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string') throw malformed(path, `${key} is not a text`);
    file[key] = (PATHS as readonly string[]).includes(key) ? resolve(dirname(path), value) : value;
  }
  if (file.server === undefined) throw malformed(path, 'it names no server');
  return { ...file, server: file.server };
}

const malformed = (path: string, message: string, cause?: unknown): ChanceryError =>
  new ChanceryError(
    'invalid_configuration',
    {
      message: `${path} cannot be used: ${message}`,
      rule: 'client.yaml has the keys server, roots, certificate, key, configuration, trustDomain',
      fix: 'Correct it, or name the server with --server and --context.',
    },
    { cause },
  );

/**
 * The plain lines that `init` writes (`key: value`, `key: "value"`), without the 30 ms of a YAML parser;
 * `undefined` for anything that could mean more.
 */
export function readFlatYaml(text: string): Record<string, unknown> | undefined {
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-zA-Z]{1,40}): ("(?:[^"\\]|\\["\\])*"|[A-Za-z./][\w./:@+~-]*)$/.exec(line);
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined || key in values) return undefined;
    if (/^(?:true|false|null|yes|no|on|off)$|:$/i.test(value)) return undefined; // not a text to YAML
    values[key] = value.startsWith('"') ? (JSON.parse(value) as string) : value;
  }
  return values;
}

async function readYaml(path: string, text: string): Promise<Record<string, unknown>> {
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw malformed(
      path,
      cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause),
      cause,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(path, 'it is not a map');
  return value as Record<string, unknown>;
}
