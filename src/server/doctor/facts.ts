/** What the checks look at, gathered once: the data folder as it is, whether its server runs, and what opens the keys. */
import { statfs } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Configuration } from '../../config/index.ts';
import { isLocked } from '../../db/sqlite/data-lock.ts';
import { type StoreView, viewStore } from '../../db/sqlite/view.ts';
import { type Keyring, openKeyring, SoftwareKeys } from '../../keys/software/index.ts';
import { type DataPaths, dataPaths } from '../data.ts';
import { packageVersion } from '../package.ts';
import { systemClock, systemRandom } from '../world.ts';

/** What a check cannot get from the data folder. Tests plant faults here that a machine does not have on demand. */
export interface Surroundings {
  readonly clock: Clock;
  /** Milliseconds that only ever grow. */
  readonly monotonic: () => number;
  readonly nodeVersion: string;
  readonly version: string;
  readonly space: (path: string) => Promise<Space>;
  /** Addresses of a host; rejects when it has none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

export interface Space {
  /** Octets that this user can still write. */
  readonly free: number;
  readonly total: number;
  /** Files that can still be made; `undefined` where the file system sets no limit. */
  readonly files: number | undefined;
}

/** A value, or why there is none. */
export type Attempt<T> = { readonly value: T } | { readonly error: Error };

export interface Facts extends Surroundings {
  readonly config: Configuration;
  readonly paths: DataPaths;
  /** A server works in the folder. */
  readonly running: boolean;
  readonly store: Attempt<StoreView>;
  readonly keys: Attempt<{ readonly keyring: Keyring; readonly keys: SoftwareKeys }>;
}

export const surroundings = (): Surroundings => ({
  clock: systemClock,
  monotonic: () => performance.now(),
  nodeVersion: process.versions.node,
  version: packageVersion(),
  async space(path) {
    const { bavail, blocks, bsize, ffree, files } = await statfs(path);
    return { free: bavail * bsize, total: blocks * bsize, files: files === 0 ? undefined : ffree };
  },
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
});

export async function gather(config: Configuration, around: Surroundings): Promise<Facts> {
  const paths = dataPaths(config.data);
  return {
    ...around,
    config,
    paths,
    running: isLocked(join(paths.run, 'lock')),
    store: await attempt(() => viewStore(config.database.sqlite)),
    keys: await attempt(async () => {
      const keyring = await openKeyring(paths.keys, config.keys.passphrase);
      return { keyring, keys: new SoftwareKeys({ folder: paths.keys, keyring, random: systemRandom() }) };
    }),
  };
}

export async function attempt<T>(make: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await make() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}
