/** Pairs as files of this host. */
import { createSecureContext } from 'node:tls';
import { hasCode } from '../../base/error-code.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Pair, Receipt, Target } from '../../domain/renewal/ports.ts';
import { Folder } from './folder.ts';
import {
  adopt,
  currentGeneration,
  holds,
  link,
  matches,
  type Modes,
  storedIdentity,
  swap,
  sweep,
  writeGeneration,
} from './generation.ts';
import { LAYOUT_FILES, type Layout, layOut } from './layout.ts';
import { seenByReaders } from './seen.ts';
import { type Commands, reload, type Reload } from './reload.ts';

export { LAYOUTS, type Layout } from './layout.ts';
export { RELOAD_SIGNALS, type Reload } from './reload.ts';

export interface FilesOptions {
  /** Absolute, in or below one of `paths`. */
  readonly directory: string;
  readonly layout: Layout;
  readonly modes: Modes;
  /** Of the PKCS#12 file. */
  readonly password: () => Promise<string | undefined>;
  readonly reload: Reload | undefined;
  /** `delivery.paths` and `delivery.commands` of this host. */
  readonly paths: readonly string[];
  readonly commands: Commands;
}

export class FilesTarget implements Target {
  readonly #options: FilesOptions;

  constructor(options: FilesOptions) {
    this.#options = options;
  }

  deliver(pair: Pair): Promise<Receipt> {
    const { directory, layout, modes, paths } = this.#options;
    return this.#inside(async (folder) => {
      const names = LAYOUT_FILES[layout];
      const before = await seenByReaders(folder, names, paths);
      const same = before.length === 0 && (await storedIdentity(folder)) === pair.fingerprint;
      const password = await this.#options.password();
      // a keystore is another one each time that it is written: it is enough that it is there, and opens
      const isThere = same && layout === 'java' && (await holdsKeystore(folder, names, modes, password));
      const files = isThere ? undefined : await layOut(layout, pair, password);
      const whole =
        files === undefined || (same && layout !== 'java' && (await matches(folder, files, modes)));
      // what a kill -9 cut off after the swap is done now: names, and a service that was not told
      const stored = whole && !(await link(folder, names));
      if (!whole) {
        await adopt(folder, before, modes);
        const previous = await currentGeneration(folder);
        const generation = await writeGeneration(folder, pair, files, modes);
        await swap(folder, generation, names);
        if (!(await matches(folder, files, modes)))
          throw new ChanceryError('delivery_failed', {
            message: `what is read back from ${directory} is not what was written`,
            rule: 'a pair is stored when it was read back and compared',
            fix: 'See who else writes there, and what the file system says.',
          });
        await sweep(folder, previous === undefined ? [generation] : [generation, previous]);
      }
      const told = this.#options.reload && (await reload(this.#options.reload, this.#options.commands));
      return { outcome: stored ? 'unchanged' : 'stored', location: directory, reload: told ?? null };
    });
  }

  stored(): Promise<string | undefined> {
    return this.#inside(storedIdentity);
  }

  forgetPrevious(): Promise<void> {
    return this.#inside((folder) => sweep(folder, []));
  }

  rehearse(pair: Pair): Promise<string> {
    const { directory, layout, modes, paths } = this.#options;
    return this.#inside(async (folder) => {
      await seenByReaders(folder, LAYOUT_FILES[layout], paths);
      const files = await layOut(layout, pair, await this.#options.password());
      const generation = await writeGeneration(folder, pair, files, modes);
      await folder.remove(generation);
      await folder.sync();
      return `${files.map(({ name }) => name).join(', ')} can be written to ${directory}`;
    });
  }

  async #inside<T>(act: (folder: Folder) => Promise<T>): Promise<T> {
    const { directory, paths, modes } = this.#options;
    let folder: Folder | undefined;
    try {
      folder = await Folder.open(directory, paths, modes.folder);
      return await act(folder);
    } catch (error) {
      if (error instanceof ChanceryError) throw error;
      const code = hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO')
        ? (error as NodeJS.ErrnoException).code
        : 'it failed';
      throw new ChanceryError(
        'delivery_failed',
        {
          message: `${directory} cannot be written: ${String(code)}`,
          rule: 'the server writes the folders of its targets',
          fix: 'Look at owner, mode and room of the folder; it is tried again.',
        },
        { cause: error },
      );
    } finally {
      await folder?.close();
    }
  }
}

const holdsKeystore = (
  folder: Folder,
  names: readonly string[],
  modes: Modes,
  passphrase = '',
): Promise<boolean> =>
  holds(folder, names, modes, (pfx) => {
    try {
      createSecureContext({ pfx, passphrase });
      return true;
    } catch {
      return false;
    }
  });
