/** All grants that decide now: what the server grants itself, the file's, and those made through the API. */
import { ChanceryError } from '../../base/errors.ts';
import type { AuditDraft } from '../audit/entry.ts';
import { type Grant, type GrantSpec, parseGrant } from './grant.ts';
import type { GrantStore, StoredGrant } from './ports.ts';
import type { Principal } from './principal.ts';
import { grantsOf } from './token-login.ts';
import type { TrustDomain } from './spiffe-id.ts';

export interface BookedGrant {
  readonly grant: Grant;
  readonly stored: StoredGrant | undefined;
}

export class GrantBook {
  readonly #fixed: readonly Grant[];
  readonly #store: GrantStore;
  readonly #trustDomain: TrustDomain;
  #booked: readonly BookedGrant[] = [];
  #grants: readonly Grant[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  /** `fixed`: built-in grants and those of the file. */
  constructor(fixed: readonly Grant[], store: GrantStore, trustDomain: TrustDomain) {
    this.#fixed = fixed;
    this.#store = store;
    this.#trustDomain = trustDomain;
    this.#reload();
  }

  #reload(): void {
    const made = this.#store.list().map((stored) => ({
      grant: parseGrant(stored.spec, 'api', stored.name, this.#trustDomain),
      stored,
    }));
    this.#booked = [...this.#fixed.map((grant) => ({ grant, stored: undefined })), ...made];
    this.#grants = this.#booked.map(({ grant }) => grant);
  }

  all(): readonly Grant[] {
    return this.#grants;
  }

  /** The grants that decide for a principal. */
  of(principal: Principal): readonly Grant[] {
    return grantsOf(principal, this.#grants);
  }

  booked(): readonly BookedGrant[] {
    return this.#booked;
  }

  /** Throws `not_found`. */
  find(name: string): BookedGrant {
    const found = this.#booked.find(({ grant }) => grant.name === name);
    if (found !== undefined) return found;
    throw new ChanceryError('not_found', {
      message: `there is no grant ${JSON.stringify(name)}`,
      rule: 'grants are built in, in the file, or made through the API',
      fix: 'See `chancery grant list`.',
    });
  }

  /** Parses a grant that is not in the book yet. */
  parse(spec: GrantSpec & { readonly name: string }): Grant {
    return parseGrant(spec, 'api', spec.name, this.#trustDomain);
  }

  /** Throws `already_exists`, also for the name of a fixed grant. */
  async add(stored: StoredGrant, audit: readonly AuditDraft[]): Promise<void> {
    if (this.#grants.some(({ name }) => name === stored.name))
      throw new ChanceryError('already_exists', {
        message: `there is a grant ${JSON.stringify(stored.name)} already`,
        rule: 'names of grants are unique',
        fix: 'Choose another name, or delete that one first.',
      });
    await this.#store.add(stored, audit);
    this.#reload();
  }

  /** A grant that can be changed here. Throws `not_found` or `read_only`. */
  findMade(name: string): BookedGrant & { readonly stored: StoredGrant } {
    const { grant, stored } = this.find(name);
    if (stored !== undefined) return { grant, stored };
    throw new ChanceryError('read_only', {
      message: `the grant ${JSON.stringify(name)} is ${grant.source === 'file' ? 'declared in the configuration file' : 'built in'}`,
      rule: 'what a file declares is read-only in the API',
      fix:
        grant.source === 'file'
          ? 'Change it in the file and restart the server.'
          : 'It can be neither changed nor deleted.',
    });
  }

  /** Changes come one after another, so that what was looked at before one still holds when it is made. */
  inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(change);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Throws `not_found` or `read_only`, as the next one does. */
  async replace(stored: StoredGrant, audit: readonly AuditDraft[]): Promise<void> {
    this.findMade(stored.name);
    await this.#store.replace(stored, audit);
    this.#reload();
  }

  async remove(name: string, audit: readonly AuditDraft[]): Promise<void> {
    this.findMade(name);
    await this.#store.remove(name, audit);
    this.#reload();
  }
}
