/** The newest CRL of each scope, ready to be served: a short one from memory, a long one from its file. */
import { open, readFile } from 'node:fs/promises';
import { SECOND } from '../../base/clock.ts';
import type { CrlScope, PublishedCrl } from '../../domain/revocation/ports.ts';
import type { ServedCrl } from '../../http/status/crl.ts';
import type { CrlFolder } from './files.ts';

const IN_MEMORY = 1024 * 1024;
const PIECE = 256 * 1024;
/** Who has begun to read the file before can end. */
const REMOVE_AFTER = 10 * SECOND;

const keyOf = (generation: string, scope: CrlScope): string => `${generation}/${scope}`;

export class CrlShelf {
  readonly #folder: CrlFolder;
  readonly #crls = new Map<string, PublishedCrl>();
  readonly #bodies = new Map<string, { readonly file: string; readonly octets: Buffer }>();
  /** Scopes whose file is not what its record says. */
  readonly #unsound = new Set<string>();

  constructor(folder: CrlFolder) {
    this.#folder = folder;
  }

  find(generation: string, scope: CrlScope): PublishedCrl | undefined {
    return this.#crls.get(keyOf(generation, scope));
  }

  of(generation: string): readonly PublishedCrl[] {
    return [...this.#crls.values()].filter((crl) => crl.generation === generation);
  }

  isUnsound(generation: string, scope: CrlScope): boolean {
    return this.#unsound.has(keyOf(generation, scope));
  }

  markUnsound({ generation, scope }: PublishedCrl): void {
    this.#unsound.add(keyOf(generation, scope));
  }

  /** Served from now on; the file of the one before is removed a little later. */
  put(crl: PublishedCrl): void {
    const key = keyOf(crl.generation, crl.scope);
    const before = this.#crls.get(key);
    this.#crls.set(key, crl);
    this.#bodies.delete(key);
    this.#unsound.delete(key);
    if (before === undefined) return;
    setTimeout(() => {
      void this.#folder.remove(before).catch(() => undefined);
    }, REMOVE_AFTER).unref();
  }

  /** `lost` hears of a file that cannot be read, before the rejection. */
  async serve(crl: PublishedCrl, lost: (error: unknown) => void): Promise<ServedCrl> {
    const path = this.#folder.path(crl);
    const told = (error: unknown): never => {
      lost(error);
      throw error;
    };
    if (crl.size > IN_MEMORY)
      return {
        ...crl,
        body: async () => (await open(path).catch(told)).createReadStream({ highWaterMark: PIECE }),
      };
    const key = keyOf(crl.generation, crl.scope);
    const known = this.#bodies.get(key);
    if (known?.file === crl.file) return { ...crl, body: known.octets };
    const octets = await readFile(path).catch(told);
    if (this.#crls.get(key)?.file === crl.file) this.#bodies.set(key, { file: crl.file, octets });
    return { ...crl, body: octets };
  }
}
