/** Room for records, and whether they can be written at all. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Facts } from './facts.ts';
import { critical, ok, type Said, warning } from './finding.ts';

const MIB = 2 ** 20;
const ALARM = 100 * MIB;
const WARN = 1024 * MIB;
const FEW_FILES = 1000;

export async function lookAtDisk({ config, paths, space }: Facts): Promise<readonly Said[]> {
  const folder = dirname(config.database.sqlite);
  const faults: Said[] = [];
  for (const path of [paths.data, folder, paths.run]) {
    try {
      await access(path, constants.W_OK | constants.X_OK);
    } catch (error) {
      faults.push(
        critical(
          `${path} cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
          'Mount it for writing, and run the server as the user that it belongs to.',
        ),
      );
    }
  }
  const { free, total, files } = await space(folder);
  const database = await sizeOf(config.database.sqlite);
  const room = `${size(free)} of ${size(total)} are free at ${folder}; the database has ${size(database)}`;
  const fix = 'Make room, or move the data folder to a larger disk. When it is full, requests are refused.';
  if (free < ALARM) faults.push(critical(room, fix));
  // a migration and a backup each make a copy first
  else if (free < WARN || free < 2 * database) faults.push(warning(room, fix));
  if (files !== undefined && files < FEW_FILES)
    faults.push(
      warning(
        `only ${files} more files can be made at ${folder}`,
        'Remove files, or make a larger file system.',
      ),
    );
  return faults.length > 0 ? faults : [ok(room)];
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0; // that it is missing is told by another check
  }
}

const size = (octets: number): string =>
  octets >= 1024 * MIB ? `${(octets / 1024 / MIB).toFixed(1)} GiB` : `${(octets / MIB).toFixed(1)} MiB`;
