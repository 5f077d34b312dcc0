/** Private files: exact modes whatever the umask, whole and durable before they can be seen, never through a symlink. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { chmod, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '../../base/error-code.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { entryFault, unsafeFiles } from './file-modes.ts';

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** Makes a folder with exactly this mode; parents that are missing get 0755. One that is there stays as it is. */
export async function makeFolder(path: string, mode: number = PRIVATE_FOLDER): Promise<void> {
  if (dirname(path) !== path) await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (hasCode(error, 'EEXIST') && (await lstat(path)).isDirectory()) return;
    throw error;
  }
  await chmod(path, mode); // the umask may have taken bits away
  await syncFolder(dirname(path));
}

export interface WriteOptions {
  readonly mode?: number;
  /** Replaces a file that is there, in one step. Without it, one that is there makes the call throw `already_exists`. */
  readonly replace?: boolean;
}

/** Writes a file that readers see whole or not at all, and that survives a power failure once the promise resolves. */
export async function writePrivateFile(
  path: string,
  content: Bytes | string,
  options: WriteOptions = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeTemporary(temporary, content, options.mode ?? PRIVATE_FILE);
    if (options.replace === true) await rename(temporary, path);
    else await linkNew(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

async function writeTemporary(path: string, content: Bytes | string, mode: number): Promise<void> {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    await file.chmod(mode);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces files of one folder that belong together: all are durable beside their places before the first is moved there. */
export async function replacePrivateFiles(
  files: readonly { readonly path: string; readonly content: Bytes | string }[],
): Promise<void> {
  const suffix = `${randomBytes(6).toString('hex')}.tmp`;
  const temporary = (path: string): string => join(dirname(path), `.${basename(path)}.${suffix}`);
  try {
    for (const { path, content } of files) await writeTemporary(temporary(path), content, PRIVATE_FILE);
    for (const { path } of files) await rename(temporary(path), path);
  } catch (error) {
    for (const { path } of files) await unlink(temporary(path)).catch(() => undefined);
    throw error;
  }
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await syncFolder(folder);
}

/** Unlike rename, link fails where the name is taken. */
async function linkNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw new ChanceryError('already_exists', {
      message: `${path} is there already`,
      rule: 'keys are never overwritten',
      fix: 'Choose another name, or move the file away if you are sure.',
    });
  }
  await unlink(temporary);
}

/** Removes a file; durable once the promise resolves, also where there was none. */
export async function removePrivateFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, O_RDONLY | O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a private file, `undefined` when there is none. What is checked is what is read. Throws `unsafe_files` for a
 * symlink, another owner or a mode beyond 0600.
 */
export function readPrivateFile(path: string): Buffer | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (hasCode(error, 'ELOOP', 'EMLINK'))
      throw unsafeFiles([
        { path, found: 'a symbolic link', needed: 'the file itself', command: `ls -l ${path}` },
      ]);
    throw error;
  }
  try {
    const fault = entryFault(path, fstatSync(descriptor));
    if (fault !== undefined) throw unsafeFiles([fault]);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
