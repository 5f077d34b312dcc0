/** Whether what seals the keys opens them, and what it is worth. */
import { readdirSync, statSync } from 'node:fs';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { refuseDevelopmentKey } from '../../config/index.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, plural, type Said, warning } from './finding.ts';

export function lookAtKeyFiles(facts: Facts): readonly Said[] {
  const { config, paths, keys: opened } = facts;
  if ('error' in opened && isUnsafe(opened.error)) return [info(notPrivate(paths.data))];
  if ('error' in opened)
    return [critical(opened.error.message, fixOf(opened.error) ?? 'Restore the keys folder from a backup.')];
  const { keyring, keys } = opened.value;
  const faults: Said[] = [];
  const ids = keys.list();
  for (const id of ids) {
    try {
      keys.open(id);
    } catch (error) {
      if (isUnsafe(error)) continue; // told by another check
      faults.push(
        critical(
          error instanceof Error ? error.message : String(error),
          fixOf(error) ?? 'Restore the keys folder from a backup.',
        ),
      );
    }
  }
  if (keyring.development) faults.push(developmentFault(facts));
  else for (const text of keyring.warnings) faults.push(warning(text, 'chmod 0600 it.'));
  const passphrase = config.keys.passphrase?.kind === 'file' ? config.keys.passphrase.file : undefined;
  if (passphrase?.startsWith(`${paths.data}/`) === true)
    faults.push(
      warning(
        `the passphrase file ${passphrase} lies in the data folder: whoever copies the folder has both`,
        'Keep it elsewhere, e.g. in /etc/chancery or a systemd credential.',
      ),
    );
  const strays = readdirSync(paths.keys).filter((name) => name.endsWith('.tmp'));
  if (strays.length > 0)
    faults.push(
      warning(
        `${paths.keys} holds ${plural(strays.length, 'file')} of a write that was cut off: ${strays.join(', ')}`,
        'Remove them while the server is stopped.',
      ),
    );
  return orOk(
    faults,
    `the keyring opens, and so ${ids.length === 1 ? 'does the key' : `do all ${ids.length} keys`} under it`,
  );
}

/** root reads everything, but takes keys only for its own. */
const notPrivate = (data: string): string =>
  process.geteuid?.() !== statSync(data).uid
    ? `not checked: the keys belong to user ${statSync(data).uid}; run it as that user`
    : 'not checked: a key file is not private (see modes)';

function developmentFault({ config, paths }: Facts): Said {
  const found = `the keys are sealed under the development file ${paths.keys}/kek, which lies beside them`;
  const fix = 'For production, make the authority with `chancery init --passphrase-file FILE`.';
  try {
    refuseDevelopmentKey(config);
    return warning(`${found}: good for trying, not for production`, fix);
  } catch (error) {
    if (!(error instanceof ChanceryError)) throw error;
    return critical(`${error.message}: the server does not start`, error.detail.fix ?? fix);
  }
}

const isUnsafe = (error: unknown): boolean => isChanceryError(error) && error.code === 'unsafe_files';

const fixOf = (error: unknown): string | undefined => (isChanceryError(error) ? error.detail.fix : undefined);
