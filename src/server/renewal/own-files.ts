/** A wish names files of this host: it reaches none of the server's own. */
import { posix } from 'node:path';
import { ChanceryError } from '../../base/errors.ts';
import type { Wish } from '../../domain/renewal/managed.ts';

const KEYS = ['directory', 'certificate', 'key', 'password', 'pidFile', 'file', 'reload'];

/** Throws `delivery_refused` for a path in or below the data folder. */
export function refuseOwnFiles({ targets, probes }: Pick<Wish, 'targets' | 'probes'>, data: string): void {
  for (const { spec } of [...targets, ...probes])
    for (const path of pathsIn(spec)) {
      const plain = posix.normalize(path);
      if (plain !== data && !plain.startsWith(`${data}/`)) continue;
      throw new ChanceryError('delivery_refused', {
        message: `${path} is in the data folder of the server`,
        rule: 'keys, logins and the store of the server are no place for targets and probes',
        fix: 'Name a file elsewhere.',
      });
    }
}

function pathsIn(spec: unknown): string[] {
  return Object.entries(spec as object).flatMap(([key, value]: [string, unknown]) =>
    !KEYS.includes(key)
      ? []
      : typeof value === 'string'
        ? [value]
        : typeof value === 'object' && value !== null
          ? pathsIn(value)
          : [],
  );
}
