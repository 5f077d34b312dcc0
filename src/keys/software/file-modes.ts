/** Whether private files are still private: judged at every start, before a key is opened. */
import { existsSync, lstatSync, readdirSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';

/** The private folders of a data folder. */
export const PRIVATE_FOLDERS = ['keys', 'admin', 'db'] as const;

export interface FileFault {
  readonly path: string;
  readonly found: string;
  readonly needed: string;
  /** What mends it. */
  readonly command: string;
}

const OTHERS = 0o077;

const octal = (mode: number): string => `0${(mode & 0o7777).toString(8).padStart(3, '0')}`;

/** The argument as a shell takes it. */
const quote = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;

/** What is wrong with a private file or folder, `undefined` when nothing is. Tighter modes than 0600 and 0700 pass. */
export function entryFault(
  path: string,
  stats: Stats,
  uid: number | undefined = process.geteuid?.(),
): FileFault | undefined {
  if (stats.isSymbolicLink())
    return {
      path,
      found: 'a symbolic link',
      needed: 'the file or folder itself',
      command: `ls -l ${quote(path)}`,
    };
  if (uid !== undefined && stats.uid !== uid)
    return {
      path,
      found: `owner ${stats.uid}`,
      needed: `owner ${uid}`,
      command: `chown ${uid} ${quote(path)}`,
    };
  const folder = stats.isDirectory();
  // a file that its owner may execute is odd, but private
  if ((stats.mode & OTHERS) === 0) return undefined;
  const needed = folder ? '0700' : '0600';
  return {
    path,
    found: `mode ${octal(stats.mode)}`,
    needed: `mode ${needed}`,
    command: `chmod ${needed} ${quote(path)}`,
  };
}

export function unsafeFiles(faults: readonly FileFault[]): ChanceryError {
  return new ChanceryError('unsafe_files', {
    message: faults.map(({ path, found, needed }) => `${path}: found ${found}, needed ${needed}`).join('; '),
    rule: 'private folders have mode 0700, private files 0600; both belong to the user that runs the server, none is a symbolic link',
    fix: `Find out who may have read them, then: ${faults.map(({ command }) => command).join(' && ')}`,
    errors: faults.map(({ path, found, needed }) => ({
      field: path,
      message: `found ${found}, needed ${needed}`,
    })),
  });
}

/**
 * Checks the folders `keys`, `admin` and `db` of a data folder, everything in `keys`, and the key files in `admin`
 * (its certificates are no secret). The files of a database are as private as their folder. What is not there is
 * passed over. Throws `unsafe_files` with every fault and the commands that mend them.
 */
export function checkPrivateFiles(data: string, uid: number | undefined = process.geteuid?.()): void {
  const faults = privateFileFaults(data, uid);
  if (faults.length > 0) throw unsafeFiles(faults);
}

/** The same, for who wants to tell them one by one. */
export function privateFileFaults(
  data: string,
  uid: number | undefined = process.geteuid?.(),
): readonly FileFault[] {
  return PRIVATE_FOLDERS.flatMap((name) => {
    const folder = join(data, name);
    const own = faultOf(folder, uid);
    if (own.length > 0 || name === 'db') return own; // what lies in a folder that is not private is in anybody's hands
    return listFiles(folder)
      .filter((path) => name === 'keys' || /key/i.test(basename(path)))
      .flatMap((path) => faultOf(path, uid));
  });
}

function faultOf(path: string, uid: number | undefined): FileFault[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  const fault = stats === undefined ? undefined : entryFault(path, stats, uid);
  return fault === undefined ? [] : [fault];
}

const listFiles = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((name) => join(folder, name))
    : [];
