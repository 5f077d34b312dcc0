/** The configuration file: where it is, and its text. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ChanceryError } from '../base/errors.ts';
import type { SettingSource } from './configuration.ts';
import type { Environment } from './data-folder.ts';
import { readDocument } from './document.ts';
import { refuseFaults } from './faults.ts';

export interface ConfigurationPath {
  /** Absolute. */
  readonly path: string;
  readonly source: SettingSource;
  readonly origin: string;
}

const MAX_OCTETS = 1024 * 1024;

/** What `init` leaves for whoever names the data folder alone. */
const CLIENT_FILE = 'client.yaml';

/** `undefined` when nobody names a file: then everything is on its default. */
export function findFile(
  flag: string | undefined,
  env: Environment,
  cwd: string,
  data: string,
): ConfigurationPath | undefined {
  if (flag !== undefined) return { path: resolve(cwd, flag), source: 'flag', origin: '--config' };
  const variable = env['CHANCERY_CONFIG'];
  if (variable !== undefined && variable !== '')
    return { path: resolve(cwd, variable), source: 'environment', origin: 'CHANCERY_CONFIG' };
  const client = join(data, CLIENT_FILE);
  const remembered = existsSync(client) ? rememberedBy(client) : undefined;
  return remembered === undefined
    ? undefined
    : { path: resolve(data, remembered), source: 'file', origin: client };
}

function rememberedBy(client: string): string | undefined {
  const { value, faults } = readDocument(readText(client), client);
  refuseFaults(faults, ({ where }) => where ?? client);
  const said =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? value['configuration'] : undefined;
  return typeof said === 'string' && said !== '' ? said : undefined;
}

const unreadable = (path: string, message: string, fix: string): ChanceryError =>
  new ChanceryError('invalid_configuration', {
    message: `${path}: ${message}`,
    rule: 'the configuration is one YAML file in UTF-8, at most 1 MiB',
    fix,
  });

/** Throws `invalid_configuration`. */
export function readText(path: string): string {
  const content = readAtMost(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw unreadable(path, 'it is not UTF-8', 'Save it as UTF-8.');
  }
}

function readAtMost(path: string): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    if (fstatSync(descriptor).size > MAX_OCTETS) throw tooLarge(path);
    const content = Buffer.alloc(MAX_OCTETS + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < content.length; length += read)
      read = readSync(descriptor, content, length, content.length - length, null);
    if (length > MAX_OCTETS) throw tooLarge(path);
    return content.subarray(0, length);
  } catch (error) {
    if (error instanceof ChanceryError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a folder'
          : `it cannot be read (${code})`;
    throw unreadable(path, message, 'Name the file with --config or CHANCERY_CONFIG.');
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

const tooLarge = (path: string): ChanceryError =>
  unreadable(path, `it has over ${MAX_OCTETS} octets`, 'Name the right file.');
