/**
 * A folder that a web server, rsync or `chancery status serve` hands on. Files are 0644, folders 0755 whatever the umask,
 * written beside their place, synced and moved there. Below the folder no symbolic link is followed.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../base/error-code.ts';
import type { Bytes } from '../x509/bytes.ts';
import { isPublishedPath, type PublicationTarget, requirePublishedPath } from './target.ts';

const FILE = 0o644;
const FOLDER = 0o755;
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Leftovers of a run that was cut off. */
const TEMPORARY = /^\..*\.tmp$/;

/** The folder is made where there is none; its own name may be a symbolic link. */
export function folderTarget(folder: string): PublicationTarget {
  return {
    name: `folder:${folder}`,
    async write(path, octets) {
      requirePublishedPath(path);
      await makeFolder(folder);
      const [parent, name] = await parentOf(await realpath(folder), path, true);
      await replaceFile(parent, name, octets);
    },
    async read(path, maxOctets) {
      const file = await openPublished(folder, path);
      if (file === undefined) return undefined;
      try {
        const { size } = await file.stat();
        if (size > maxOctets) throw new Error(`${path} has over ${maxOctets} octets`);
        return await file.readFile();
      } finally {
        await file.close();
      }
    },
    async remove(path) {
      requirePublishedPath(path);
      try {
        const [parent, name] = await parentOf(await realpath(folder), path, false);
        await unlink(join(parent, name));
        await syncFolder(parent);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    },
    async *list(below) {
      let base: string;
      try {
        base = await realpath(folder);
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return;
        throw error;
      }
      yield* walk(base, below.replace(/\/$/, ''));
    },
    close: () => undefined,
  };
}

/**
 * Opens a file for reading, `undefined` where there is none, or something else than a file on the way: a symbolic
 * link, a pipe, a name that leads elsewhere.
 */
export async function openPublished(folder: string, path: string): Promise<FileHandle | undefined> {
  if (!isPublishedPath(path)) return undefined;
  try {
    const [parent, name] = await parentOf(await realpath(folder), path, false);
    const file = await open(join(parent, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR')) return undefined;
    throw error;
  }
}

/** The folder that a path's last part is in. Every folder on the way has to be one, not a link to one. */
async function parentOf(
  base: string,
  path: string,
  make: boolean,
): Promise<readonly [parent: string, name: string]> {
  const segments = path.split('/');
  const name = segments.pop() ?? '';
  let parent = base;
  for (const segment of segments) {
    parent = join(parent, segment);
    if (make) await makeFolder(parent, false);
    const stats = await lstat(parent);
    if (!stats.isDirectory())
      throw Object.assign(new Error(`${parent} is no folder of its own`), { code: 'ENOTDIR' });
  }
  return [parent, name];
}

async function makeFolder(path: string, recursive = true): Promise<void> {
  try {
    const made = await mkdir(path, { recursive, mode: FOLDER });
    if (recursive && made === undefined) return; // it was there
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    throw error;
  }
  await chmod(path, FOLDER);
  await syncFolder(join(path, '..'));
}

async function replaceFile(parent: string, name: string, octets: Bytes): Promise<void> {
  const temporary = join(parent, `.${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE);
    try {
      await file.chmod(FILE);
      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(parent, name));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(parent);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, O_RDONLY | O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Files below a folder; what is left of an earlier run goes away on the way. */
async function* walk(base: string, below: string): AsyncGenerator<string, void, undefined> {
  let entries;
  try {
    if (!(await lstat(join(base, below))).isDirectory()) return;
    entries = await readdir(join(base, below), { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  for (const entry of entries) {
    const path = `${below}/${entry.name}`;
    if (entry.isDirectory() && isPublishedPath(path)) yield* walk(base, path);
    else if (entry.isFile() && TEMPORARY.test(entry.name))
      await unlink(join(base, path)).catch(() => undefined);
    else if (entry.isFile() && isPublishedPath(path)) yield path;
  }
}
