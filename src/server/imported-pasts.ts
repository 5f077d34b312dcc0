/** What imported issuers did elsewhere, taken over: serial numbers, revocations and the number of the last CRL. */
import type { Clock } from '../base/clock.ts';
import { ChanceryError } from '../base/errors.ts';
import type { Store } from '../db/sqlite/index.ts';
import type { Generation } from '../domain/issuance/issuer.ts';
import { type ImportedPast, type PastMaterial, readPast } from '../domain/revocation/imported-past.ts';
import { fromUtf8, sha256, toHex } from '../x509/bytes.ts';
import type { Actor, ImportedCounts, PastActions } from '../http/admin/ports.ts';
import type { Authority } from './authority.ts';
import type { Hierarchy } from './hierarchy.ts';
import { missing } from './hierarchy-words.ts';

export interface ImportedPastsOptions {
  readonly clock: Clock;
  readonly authority: Authority;
  readonly store: Pick<Store, 'revocations' | 'journal' | 'authorities'>;
  readonly hierarchy: Hierarchy;
  /** Called when CRLs may be published. */
  readonly changed: () => Promise<void>;
}

const PER_TRANSACTION = 1000;

export class ImportedPasts implements PastActions {
  readonly #options: ImportedPastsOptions;

  constructor(options: ImportedPastsOptions) {
    this.#options = options;
  }

  /** Held back no longer is the last step: what is cut off before is given again, and finds what is there. */
  import(id: string, material: PastMaterial, actor: Actor): Promise<ImportedCounts> {
    const { authority, clock, hierarchy, changed } = this.#options;
    return hierarchy.exclusively(async () => {
      const generation = authority.generation(id) ?? missing('generation', id);
      if (generation.crlsHeldBack !== true) throw notHeldBack(id);
      const past = readPast(generation, material, clock.now());
      await this.#record(past);
      const released = material.crl !== undefined || material.noPreviousCrl;
      const draft = hierarchy.draft(actor, 'generation.history-imported', {
        ...{ generation: id, known: past.known.length, revocations: past.revocations.length },
        crlNumber: past.floor === undefined ? null : String(past.floor.number),
        crlSha256: material.crl === undefined ? null : toHex(sha256(material.crl)),
        indexSha256: material.index === undefined ? null : toHex(sha256(fromUtf8(material.index))),
        ...{ noPreviousCrl: material.noPreviousCrl, released },
      });
      await this.#conclude(generation, past, released, draft);
      authority.reload();
      if (released) await changed();
      return {
        generation: authority.generation(id) ?? generation,
        known: past.known.length,
        revocations: past.revocations.length,
        crlNumber: past.floor?.number,
      };
    });
  }

  async #record({ known, revocations }: ImportedPast): Promise<void> {
    const { store, clock } = this.#options;
    for (const some of inParts(known)) await store.revocations.addKnown(some, []);
    // the entry below stands for all of them: it names what they were read from
    for (const some of inParts(revocations))
      await store.revocations.revoke(
        some.map((revocation) => ({ revocation, blockKey: undefined, audit: [] })),
        clock.now(),
      );
  }

  async #conclude(
    { id }: Generation,
    { floor }: ImportedPast,
    released: boolean,
    draft: ReturnType<Hierarchy['draft']>,
  ): Promise<void> {
    const { store } = this.#options;
    await store.journal.raise(floor === undefined ? [] : [floor], released ? [] : [draft]);
    if (released) await store.authorities.releaseCrls(id, [draft]);
  }
}

function* inParts<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += PER_TRANSACTION) yield all.slice(at, at + PER_TRANSACTION);
}

const notHeldBack = (id: string): ChanceryError =>
  new ChanceryError('not_ready', {
    message: `the past of ${id} is known`,
    rule: 'history is imported for an imported issuer, before its first CRL here',
    fix: 'Revoke what has to be revoked with `chancery cert revoke`.',
  });
