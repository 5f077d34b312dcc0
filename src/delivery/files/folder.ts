/**
 * A folder that a target may write to, held open. Everything below goes through its descriptor, so that a symlink that
 * somebody puts into the way between a check and its use leads nowhere.
 */
import { constants } from 'node:fs';
import {
  chmod,
  chown,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { hasCode } from '../../base/error-code.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Bytes } from '../../x509/bytes.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

export interface Ownership {
  readonly mode: number;
  /** Left as the process makes it where absent. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** The largest file that is read back. */
const MOST = 1 << 20;

export class Folder {
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Opens `path`, made where it is missing. Throws `delivery_refused` outside of `allowed` and for a symlink below it. */
  static async open(path: string, allowed: readonly string[], made: Ownership): Promise<Folder> {
    const root = await allowedRoot(path, allowed);
    const steps = relative(root, path).split(sep).filter(Boolean);
    let folder = new Folder(root, await openFolder(await realpath(root)));
    for (const step of steps) {
      const above = folder;
      try {
        folder = await above.#enter(step, made);
      } finally {
        await above.close();
      }
    }
    return folder;
  }

  /**
   * Opens the folder at this real path; `undefined` where there is none. Throws `delivery_refused` outside of `allowed`
   * and for a symlink below it.
   */
  static async find(path: string, allowed: readonly string[]): Promise<Folder | undefined> {
    const real = await Promise.all(allowed.map((one) => realpath(one).catch(() => one)));
    const root = await allowedRoot(path, real);
    let folder = new Folder(root, await openFolder(root));
    for (const step of relative(root, path).split(sep).filter(Boolean)) {
      const above = folder;
      try {
        if ((await above.link(step)) !== undefined)
          throw refused(
            `${join(above.path, step)} is a symlink`,
            'below an allowed path nothing is followed',
          );
        const below = await above.enter(step);
        if (below === undefined) return undefined;
        folder = below;
      } finally {
        await above.close();
      }
    }
    return folder;
  }

  async #enter(name: string, made: Ownership): Promise<Folder> {
    await mkdir(this.at(name), { mode: 0o700 })
      .then(() => this.own(name, made))
      .catch((error: unknown) => {
        if (!hasCode(error, 'EEXIST')) throw error;
      });
    const path = join(this.path, name);
    try {
      return new Folder(path, await openFolder(this.at(name)));
    } catch (error) {
      if (hasCode(error, 'ELOOP', 'ENOTDIR'))
        throw refused(`${path} is no folder, or a symlink`, 'below an allowed path nothing is followed');
      throw error;
    }
  }

  /** Without any symlink in it. */
  realPath = (): Promise<string> => readlink(`/proc/self/fd/${this.#handle.fd}`);

  /** A path that leads through the open descriptor. */
  at = (name: string): string => {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
      throw refused(`${JSON.stringify(name)} is no file name`, 'one path segment');
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  };

  /** A folder of its own below, which must not exist. */
  async make(name: string, made: Ownership): Promise<Folder> {
    await mkdir(this.at(name), { mode: 0o700 });
    await this.own(name, made);
    return new Folder(join(this.path, name), await openFolder(this.at(name)));
  }

  async enter(name: string): Promise<Folder | undefined> {
    try {
      return new Folder(join(this.path, name), await openFolder(this.at(name)));
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** Writes a file that must not exist: owned and durable before the promise resolves. */
  async write(name: string, content: Bytes | string, { mode, uid, gid }: Ownership): Promise<void> {
    const file = await open(this.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(content);
      if (uid !== undefined || gid !== undefined) await file.chown(uid ?? -1, gid ?? -1);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** The content of a regular file; `undefined` where there is none. */
  async read(name: string): Promise<Buffer | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ELOOP', 'ENXIO')) return undefined;
      throw error;
    }
    try {
      const facts = await file.stat();
      // a pipe would let us wait for its writer
      if (!facts.isFile())
        throw refused(`${join(this.path, name)} is no regular file`, 'a pair lies in files');
      const { size } = facts;
      if (size > MOST) throw refused(`${join(this.path, name)} has ${size} octets`, `at most ${MOST}`);
      return await readFile(file);
    } finally {
      await file.close();
    }
  }

  /** Where a symlink points; `undefined` for anything else. */
  link = (name: string): Promise<string | undefined> =>
    readlink(this.at(name)).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT', 'EINVAL')) return undefined;
      throw error;
    });

  /** Puts a symlink in place of whatever has that name, in one step. */
  async point(name: string, to: string): Promise<void> {
    const temporary = `${name}.tmp`;
    await rm(this.at(temporary), { force: true, recursive: true });
    await symlink(to, this.at(temporary));
    await rename(this.at(temporary), this.at(name));
  }

  async own(name: string, { mode, uid, gid }: Ownership): Promise<void> {
    const path = this.at(name);
    if (uid !== undefined || gid !== undefined) {
      const facts = await lstat(path);
      await chown(path, uid ?? facts.uid, gid ?? facts.gid);
    }
    await chmod(path, mode);
  }

  /** Whether mode and owner are as wished. */
  async isOwned(name: string, { mode, uid, gid }: Ownership): Promise<boolean> {
    const facts = await lstat(this.at(name));
    return (
      (facts.mode & 0o7777) === mode &&
      (uid === undefined || facts.uid === uid) &&
      (gid === undefined || facts.gid === gid)
    );
  }

  names = async (): Promise<string[]> => (await readdir(`/proc/self/fd/${this.#handle.fd}`)).sort();
  remove = (name: string): Promise<void> => rm(this.at(name), { force: true, recursive: true });
  sync = (): Promise<void> => this.#handle.sync();
  close = (): Promise<void> => this.#handle.close();
}

const openFolder = (path: string): Promise<FileHandle> => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

const refused = (message: string, rule: string): ChanceryError =>
  new ChanceryError('delivery_refused', {
    message,
    rule,
    fix: 'Name a folder below delivery.paths of the configuration of that host.',
  });

const isPlain = (path: string): boolean =>
  isAbsolute(path) && !path.includes('\0') && !path.split(sep).includes('..');

const rootOf = (path: string, allowed: readonly string[]): string | undefined =>
  allowed
    .filter(
      (candidate) =>
        path === candidate || path.startsWith(candidate.endsWith(sep) ? candidate : candidate + sep),
    )
    .sort((a, b) => b.length - a.length)[0];

/** Whether `path`, as it is written, is in or below one of `allowed`; links are looked at when it is opened. */
export const isBelow = (path: string, allowed: readonly string[]): boolean =>
  isPlain(path) && rootOf(path, allowed) !== undefined;

/** The allowed path that `path` is in or below. What stands above it is the operator's own. */
async function allowedRoot(path: string, allowed: readonly string[]): Promise<string> {
  if (!isPlain(path))
    throw refused(`${JSON.stringify(path)} is no absolute path`, 'no relative path, no ".."');
  const root = rootOf(path, allowed);
  if (root === undefined)
    throw refused(
      `${path} is outside of what this host lets targets write`,
      allowed.length === 0 ? 'delivery.paths is empty' : `delivery.paths: ${allowed.join(', ')}`,
    );
  try {
    await realpath(root);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new ChanceryError('delivery_failed', {
      message: `${root} of delivery.paths does not exist`,
      rule: 'the folders of delivery.paths are made by whoever runs the host',
      fix: 'Make it, or mount it.',
    });
  }
  return root;
}
