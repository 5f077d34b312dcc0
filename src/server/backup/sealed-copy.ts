/** A sealed copy of the database before each migration, and the way back: `server unseal-copy`. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { formatInstant } from '../../base/clock.ts';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { checkDatabase } from '../../db/sqlite/snapshot.ts';
import { type Keyring, openKeyring, openSealedFile, SealedWriter } from '../../keys/software/index.ts';
import { dataPaths } from '../data.ts';
import { type ProgramOptions, resolveConfiguration } from '../options.ts';
import { packageVersion } from '../package.ts';
import { systemClock } from '../world.ts';

const NAME = /^before-schema-(\d+)\.db\.sealed$/;
/** How many copies stay, besides those of the migrations that run together with this one. */
const KEPT = 3;

/**
 * Copies the file, which holds everything, to before-schema-<to>.db.sealed beside it. `first` is the `to` of the first
 * migration of this start: what there was before it stays, however many follow. Throws what the system says.
 */
export function sealCopy(
  file: string,
  { sealingKey }: Keyring,
  random: Random,
  from: number,
  to: number,
  first = to,
): string {
  const path = join(dirname(file), `before-schema-${to}.db.sealed`);
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true }); // of a migration that was cut off
  const facts = { created: formatInstant(systemClock.now()), version: packageVersion(), schema: from };
  const writer = new SealedWriter(temporary, 'database-copy', facts, { key: sealingKey }, random);
  try {
    copyInto(writer, file);
    writer.finish();
  } catch (error) {
    writer.abandon();
    rmSync(temporary, { force: true });
    throw error;
  }
  renameSync(temporary, path);
  forgetOldCopies(dirname(file), first);
  return path;
}

function copyInto(writer: SealedWriter, file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(1024 * 1024);
    for (let read = -1; read !== 0;) {
      read = readSync(descriptor, buffer, 0, buffer.length, null);
      writer.write(buffer.subarray(0, read));
    }
  } finally {
    closeSync(descriptor);
  }
}

function forgetOldCopies(folder: string, first: number): void {
  const numberOf = (name: string): number => Number(NAME.exec(name)?.[1]);
  const copies = readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort((a, b) => numberOf(b) - numberOf(a));
  for (const name of copies.slice(KEPT))
    if (numberOf(name) < first) rmSync(join(folder, name), { force: true });
}

export interface UnsealOptions extends ProgramOptions {
  readonly file: string;
  readonly out: string;
}

export interface Unsealed {
  readonly file: string;
  readonly schema: number;
  readonly created: string;
}

/** Writes the database as it was, private. Throws `already_exists`, `damaged_backup`, `wrong_passphrase`, `usage`. */
export async function unsealCopy(options: UnsealOptions): Promise<Unsealed> {
  const config = await resolveConfiguration(options);
  const { keys } = dataPaths(config.data);
  const [file, out] = [resolve(options.cwd, options.file), resolve(options.cwd, options.out)];
  if (existsSync(out))
    throw new ChanceryError('already_exists', {
      message: `${out} is there already`,
      rule: 'a database is never overwritten',
      fix: 'Choose another name, and move the file into its place yourself, with the server stopped.',
    });
  const { sealingKey } = await openKeyring(keys, config.keys.passphrase);
  const temporary = join(dirname(out), `.${basename(out)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const sealed = await openSealedFile(file, 'database-copy', { sealingKey });
    const descriptor = openSync(temporary, 'wx', 0o600);
    try {
      for (const piece of sealed.text())
        for (let at = 0; at < piece.length;) at += writeSync(descriptor, piece, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    checkDatabase(temporary);
    renameSync(temporary, out);
    return { file: out, schema: Number(sealed.facts['schema']), created: String(sealed.facts['created']) };
  } catch (error) {
    rmSync(temporary, { force: true });
    if (isChanceryError(error)) throw error;
    throw new ChanceryError(
      'usage',
      {
        message: `${file} cannot be read, or ${out} not be written: ${(error as Error).message}`,
        fix: 'Check both paths.',
      },
      { cause: error },
    );
  }
}
