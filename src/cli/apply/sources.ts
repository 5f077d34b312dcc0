/** What `-f` names: a file, a folder of YAML files, or `-` for stdin. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import { fileError, readBinaryFile } from '../files.ts';

export interface Source {
  /** As people know it: `wishes.yaml`. */
  readonly name: string;
  /** What relative paths start from, absolute. */
  readonly folder: string;
  readonly text: string;
}

const MAX_OCTETS = 1024 * 1024;
const RULE = 'a file is YAML in UTF-8, at most 1 MiB';

/** Throws `usage`. */
export async function readSources(names: readonly string[]): Promise<Source[]> {
  const sources: Source[] = [];
  for (const name of names) {
    if (name === '-') sources.push({ name: 'stdin', folder: process.cwd(), text: await readStdin() });
    else for (const path of await filesOf(name)) sources.push(await readSource(path));
  }
  return sources;
}

async function filesOf(name: string): Promise<string[]> {
  try {
    if (!(await stat(name)).isDirectory()) return [name];
    const found = (await readdir(name)).filter((file) => /^[^.].*\.ya?ml$/.test(file)).sort();
    if (found.length > 0) return found.map((file) => join(name, file));
  } catch (cause) {
    throw fileError('read', name, cause);
  }
  throw new ChanceryError('usage', {
    message: `there is no YAML file in ${name}`,
    rule: 'of a folder, files that end in .yaml or .yml are read; folders in it are not',
    fix: 'Name the files, or another folder.',
  });
}

async function readSource(path: string): Promise<Source> {
  return { name: path, folder: dirname(resolve(path)), text: decode(path, await readBinaryFile(path)) };
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets <= MAX_OCTETS) chunks.push(chunk);
    else break;
  }
  return decode('stdin', Buffer.concat(chunks), octets);
}

function decode(name: string, content: Buffer, octets = content.length): string {
  const wrong = (message: string): ChanceryError =>
    new ChanceryError('usage', { message: `${name} ${message}`, rule: RULE, fix: 'Name another file.' });
  if (octets > MAX_OCTETS) throw wrong('is over 1 MiB long');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw wrong('is no UTF-8');
  }
}
