/** The folder of the CRLs: `<data>/crl/<generation>/<scope>-<number>.crl`, public as what is served from it. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CrlScope, PublishedCrl } from '../../domain/revocation/ports.ts';
import { issuingDistributionPoint } from '../../x509/distribution-point.ts';
import { makeFolder } from '../../keys/software/index.ts';

const PUBLIC_FOLDER = 0o755;
/** Extensions and signature of a CRL. */
const TAIL = 8 * 1024;
const CRL_FILE = /^\.?(full|\d{1,4})-\d+\.crl(\.tmp)?$/;

export class CrlFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  path = ({ generation, file }: Pick<PublishedCrl, 'generation' | 'file'>): string =>
    join(this.#folder, generation, file);

  /** Where a CRL will be; its folder is there. */
  async place(generation: string, scope: CrlScope, number: bigint): Promise<{ file: string; path: string }> {
    // looked at each time: somebody may have removed it
    if (!existsSync(join(this.#folder, generation))) {
      await makeFolder(this.#folder, PUBLIC_FOLDER);
      await makeFolder(join(this.#folder, generation), PUBLIC_FOLDER);
    }
    const file = `${scope}-${number}.crl`;
    return { file, path: this.path({ generation, file }) };
  }

  async remove(crl: Pick<PublishedCrl, 'generation' | 'file'>): Promise<void> {
    await rm(this.path(crl), { force: true });
  }

  /** Removes what no record names: what a kill left between a file and its record, or between a record and the old file. */
  async sweep(published: readonly PublishedCrl[]): Promise<number> {
    if (!existsSync(this.#folder)) return 0;
    let count = 0;
    for (const generation of await readdir(this.#folder)) {
      const known = new Set(published.filter((crl) => crl.generation === generation).map(({ file }) => file));
      for (const file of await readdir(join(this.#folder, generation)).catch(() => []))
        if (CRL_FILE.test(file) && !known.has(file)) {
          await this.remove({ generation, file });
          count++;
        }
    }
    return count;
  }

  /** Whether the scope of a CRL is that of this URL: it stands in one of the extensions at the end. */
  async names(crl: PublishedCrl, url: string): Promise<boolean> {
    const { value } = issuingDistributionPoint(url);
    const file = await open(this.path(crl));
    try {
      const length = Math.min(crl.size, TAIL);
      const tail = Buffer.alloc(length);
      await file.read(tail, 0, length, crl.size - length);
      return tail.includes(Buffer.from(value));
    } finally {
      await file.close();
    }
  }

  /** Whether the file is there, and what its record says. */
  async isSound(crl: PublishedCrl): Promise<boolean> {
    try {
      if ((await stat(this.path(crl))).size !== crl.size) return false;
      const hash = createHash('sha256');
      for await (const piece of createReadStream(this.path(crl), { highWaterMark: 1024 * 1024 }))
        hash.update(piece as Buffer);
      return hash.digest('hex') === crl.sha256;
    } catch {
      return false;
    }
  }
}
