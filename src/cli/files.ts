/** Files of the command line: failures name the path and what to do; what is written is there whole or not at all. */
import { randomBytes } from 'node:crypto';
import { chmod, constants, mkdir, open, readFile, rename, rm, access } from 'node:fs/promises';
import { dirname, join, basename } from 'node:path';
import { ChanceryError } from '../base/errors.ts';

const CAUSES: Readonly<Record<string, readonly [cause: string, fix: string]>> = {
  ENOENT: ['there is no such file or folder', 'Check the path.'],
  EACCES: ['permission is denied', 'Run it as the user that the file belongs to.'],
  EPERM: ['permission is denied', 'Run it as the user that the file belongs to.'],
  EISDIR: ['it is a folder', 'Name a file.'],
  ENOTDIR: ['a part of its path is not a folder', 'Check the path.'],
  EEXIST: ['something else has this name', 'Check the path.'],
  ENOSPC: ['the disk is full', 'Make room and run it again.'],
  EROFS: ['the file system is read-only', 'Name another place.'],
};

/** A file-system failure as a usage error: exit 1. */
export function fileError(verb: 'read' | 'write', path: string, cause: unknown): ChanceryError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const [why, fix] = CAUSES[code] ?? [`it fails with ${code || String(cause)}`, 'Check the path.'];
  return new ChanceryError('usage', { message: `cannot ${verb} ${path}: ${why}`, fix }, { cause });
}

export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

export async function readTextFile(path: string): Promise<string> {
  return (await readBinaryFile(path)).toString('utf8');
}

export async function readBinaryFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** `undefined` when there is none. */
export async function readTextFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw fileError('read', path, cause);
  }
}

/** Makes the folder (0755) where it is missing, and makes sure that files can be put there before anything is issued. */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o755 });
    if (made !== undefined) await chmod(folder, 0o755); // whatever the umask
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw fileError('write', folder, cause);
  }
}

export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
  /** User and group, where they are not the caller's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Writes all of them beside their places, durably, and only then moves them there, in this order. */
export async function writeFiles(files: readonly NewFile[]): Promise<void> {
  const suffix = `.${randomBytes(6).toString('hex')}.new`;
  const temporary = (path: string): string => join(dirname(path), `.${basename(path)}${suffix}`);
  let current = '';
  try {
    for (const file of files) {
      current = file.path;
      await writeDurably(temporary(file.path), file);
    }
    for (const { path } of files) {
      current = path;
      await rename(temporary(path), path);
    }
    for (const folder of new Set(files.map(({ path }) => dirname(path)))) await syncFolder(folder);
  } catch (cause) {
    for (const { path } of files) await rm(temporary(path), { force: true }).catch(() => undefined);
    throw fileError('write', current, cause);
  }
}

async function writeDurably(path: string, { content, mode, owner }: NewFile): Promise<void> {
  const handle = await open(path, 'wx', mode);
  try {
    await handle.chmod(mode); // whatever the umask
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
