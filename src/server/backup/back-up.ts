/**
 * `server backup`: database, sealed keys and public files in one sealed file, while the server runs or not. What opens the
 * keys (keys/kek, the passphrase) and the operator's private key are never in it.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DAY, formatInstant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Configuration } from '../../config/index.ts';
import { appendAuditEntries, snapshotDatabase } from '../../db/sqlite/snapshot.ts';
import { viewStore } from '../../db/sqlite/view.ts';
import { masterOfPassphrase, SealedWriter } from '../../keys/software/index.ts';
import { type DataPaths, dataPaths, requireAuthority } from '../data.ts';
import { localCaller, localPrincipal } from '../local-caller.ts';
import { type ProgramOptions, resolveConfiguration } from '../options.ts';
import { packageVersion } from '../package.ts';
import { syncFolder } from '../sync-folder.ts';
import { systemClock, systemRandom } from '../world.ts';
import { END, renderHead } from './archive.ts';

export interface BackupOptions extends ProgramOptions {
  readonly out: string;
  /** Seals the backup; not what the keys are sealed under. */
  readonly backupPassphraseFile: string | undefined;
}

export interface BackedUp {
  readonly file: string;
  readonly size: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
  readonly schema: number;
  readonly created: string;
  readonly files: readonly string[];
}

/** Throws `usage`, `wrong_passphrase`, `store_unavailable`, or what the system says. Nothing is left behind then. */
export async function backUp(options: BackupOptions): Promise<BackedUp> {
  const config = await resolveConfiguration(options);
  const paths = dataPaths(config.data);
  requireAuthority(paths);
  const out = resolve(options.cwd, options.out);
  refuseExisting(out);
  const random = systemRandom();
  const master = await masterOfPassphrase(
    requirePassphrase(options.backupPassphraseFile, options.cwd),
    random,
  );
  const suffix = randomBytes(6).toString('hex');
  const snapshot = join(dirname(config.database.sqlite), `.backup-${suffix}.db`);
  const temporary = join(dirname(out), `.${basename(out)}.${suffix}.tmp`);
  try {
    forgetLeftovers(dirname(snapshot));
    closeSync(openSync(snapshot, 'wx', 0o600)); // SQLite would make it with the umask
    await snapshotDatabase(config.database.sqlite, snapshot);
    const created = formatInstant(systemClock.now());
    const { schema } = look(snapshot);
    const facts = {
      created,
      version: packageVersion(),
      trustDomain: config.trustDomain,
      schema,
      database: basename(config.database.sqlite),
    };
    const writer = new SealedWriter(temporary, 'backup', facts, master, random);
    const files = writeArchive(writer, sources(config, paths, snapshot));
    const { size } = statSync(temporary);
    const sha256 = await hashOf(temporary);
    // on record before anybody has it
    appendAuditEntries(config.database.sqlite, [
      {
        time: systemClock.now(),
        event: 'server.backed-up',
        outcome: 'allowed',
        principal: localPrincipal(),
        door: 'local',
        requestId: 'server-backup',
        details: { schema, size, sha256, ...localCaller() },
      },
    ]);
    publish(temporary, out);
    return { file: out, size, sha256, schema, created, files };
  } finally {
    for (const path of [snapshot, `${snapshot}-journal`, temporary]) rmSync(path, { force: true });
  }
}

export function requirePassphrase(file: string | undefined, cwd: string): string {
  if (file !== undefined) return resolve(cwd, file);
  throw new ChanceryError('usage', {
    message: 'no passphrase for the backup',
    rule: 'a backup leaves the host, so it is sealed under a passphrase of its own',
    fix: 'Add --passphrase-file FILE; `head -c 32 /dev/urandom | base64 > FILE` makes one.',
  });
}

/** Copies that a backup left when it was killed. One that is at work is younger. */
function forgetLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (/^\.backup-[0-9a-f]{12}\.db/.test(name) && systemClock.now() - statSync(path).mtimeMs > DAY)
      rmSync(path, { force: true });
  }
}

function refuseExisting(out: string): void {
  if (!existsSync(out)) return;
  throw new ChanceryError('already_exists', {
    message: `${out} is there already`,
    rule: 'a backup is never overwritten',
    fix: 'Choose another name, e.g. one with the date.',
  });
}

function look(snapshot: string): { readonly schema: number } {
  const view = viewStore(snapshot);
  view.close();
  return { schema: view.schema };
}

/** The keys are listed after the database was copied: none that it names is missing. */
const sources = (
  config: Configuration,
  { keys, clientFile, rootsFile, auditKeyFile }: DataPaths,
  snapshot: string,
): (readonly [path: string, from: string])[] => [
  ['db/chancery.db', snapshot],
  ...readdirSync(keys)
    .filter((name) => (name.endsWith('.key.json') && !name.startsWith('.')) || name === 'keyring.json')
    .sort()
    .map((name) => [`keys/${name}`, join(keys, name)] as const),
  ['client.yaml', clientFile],
  ['roots.pem', rootsFile],
  ['audit.pub', auditKeyFile],
  ...(config.file === undefined ? [] : [['chancery.yaml', config.file] as const]),
];

function writeArchive(writer: SealedWriter, files: readonly (readonly [string, string])[]): string[] {
  try {
    for (const [path, from] of files) writeFile(writer, path, from);
    writer.write(END);
    writer.finish();
  } catch (error) {
    writer.abandon();
    throw error;
  }
  return files.map(([path]) => path);
}

function writeFile(writer: SealedWriter, path: string, from: string): void {
  const descriptor = openSync(from, 'r');
  try {
    const { size } = fstatSync(descriptor);
    writer.write(renderHead({ path, size }));
    const buffer = Buffer.alloc(1024 * 1024);
    let left = size;
    while (left > 0) {
      const read = readSync(descriptor, buffer, 0, Math.min(buffer.length, left), null);
      if (read === 0) throw new Error(`${from} became shorter while it was read`);
      writer.write(buffer.subarray(0, read));
      left -= read;
    }
  } finally {
    closeSync(descriptor);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const block of createReadStream(path)) hash.update(block as Buffer);
  return hash.digest('hex');
}

/** Unlike rename, link never replaces what somebody else put there meanwhile. */
function publish(temporary: string, out: string): void {
  linkSync(temporary, out);
  unlinkSync(temporary);
  syncFolder(dirname(out));
}
