/** Whether private files are private: what the server refuses to start on, told file by file. */
import { lstatSync } from 'node:fs';
import { privateFileFaults } from '../../keys/software/index.ts';
import type { Facts } from './facts.ts';
import { critical, orOk, type Said, warning } from './finding.ts';

export function lookAtModes({ config, paths }: Facts): readonly Said[] {
  const { uid, mode } = lstatSync(paths.data);
  // root looks for the user that the server runs as
  const owner = process.geteuid?.() === 0 ? uid : process.geteuid?.();
  const faults: Said[] = privateFileFaults(paths.data, owner).map(({ path, found, needed, command }) =>
    critical(`${path}: found ${found}, needed ${needed}`, `Find out who may have read it, then: ${command}`),
  );
  if ((mode & 0o022) !== 0)
    faults.push(
      critical(
        `${paths.data}: found mode 0${(mode & 0o777).toString(8)}, others may replace what is in it`,
        `chmod go-w ${paths.data}`,
      ),
    );
  const database = lstatSync(config.database.sqlite, { throwIfNoEntry: false });
  if (database !== undefined && (database.mode & 0o077) !== 0)
    faults.push(
      warning(
        `${config.database.sqlite}: found mode 0${(database.mode & 0o777).toString(8)}, needed mode 0600`,
        `chmod 0600 ${config.database.sqlite}`,
      ),
    );
  return orOk(faults, 'private folders are 0700, private files 0600, all of one owner');
}
