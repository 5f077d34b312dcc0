/**
 * One CRL of one scope, from the records to what is served. What a kill -9 leaves, step by step:
 *  1 planned, laid out and compared beside the server   nothing
 *  2 what the records had lost is put back              the revocations, with their audit entry; the CRL follows
 *  3 signed                                             nothing: no signature leaves the process before its record
 *  4 written, read back, moved into its place           a file that no record names: removed at the next start
 *  5 recorded, with its audit entry                     the record and its file; served from the next start on
 *  6 what is served is swapped                          the same
 *  7 the file before it is removed, a little later      a file that no record names: removed at the next start
 */
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { type Clock, type Duration, formatInstant, type Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import type { Generation, StatusUrls } from '../../domain/issuance/issuer.ts';
import {
  type IssuerCrlSigner,
  planScope,
  PreparedIssuerCrl,
  type ScopePlan,
} from '../../domain/revocation/issuer-crl.ts';
import type { CrlScope, PublishedCrl, PublishedCrlStore, Revocation } from '../../domain/revocation/ports.ts';
import type { Actor } from '../../http/admin/ports.ts';
import type { CrlFolder } from './files.ts';
import type { LaidOut } from './layout.ts';
import type { CrlPress } from './press.ts';

export interface PublisherOptions {
  readonly clock: Clock;
  readonly store: PublishedCrlStore;
  readonly signer: IssuerCrlSigner;
  readonly urls: Pick<StatusUrls, 'crlShard'>;
  readonly folder: CrlFolder;
  readonly press: CrlPress;
  readonly life: Duration;
  /** What a journal at a second place tells of the CRLs of a generation: none goes below. */
  readonly floor: (
    generation: string,
  ) => { readonly number: bigint; readonly thisUpdate: Instant } | undefined;
}

export interface PublishOrder {
  readonly generation: Generation;
  readonly scope: CrlScope;
  /** The newest one of each scope of the generation. */
  readonly published: readonly PublishedCrl[];
  readonly acceptClock: boolean;
  readonly actor: Actor;
}

/** How often what was lost is put back and laid out again, before that is taken for what it is: not mended. */
const ATTEMPTS = 3;

export class CrlPublisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Rejects with `lint_failed`, `self_check_failed` or `crl_refused` where the CRL must not be published. */
  async publish(order: PublishOrder): Promise<PublishedCrl> {
    const { clock, store, signer, folder, press } = this.#options;
    const { generation, scope, published, acceptClock, actor } = order;
    const last = published.find((crl) => crl.scope === scope);
    const plan = this.#plan(order, last);
    const laidOut = await this.#layOut(order, plan, last);
    if (last !== undefined && !laidOut.compared && laidOut.rows < last.entries)
      throw refused(
        `the last CRL cannot be read, and named ${last.entries} certificates where ${laidOut.rows} are on record`,
      );
    const prepared = PreparedIssuerCrl.of(
      plan,
      generation.publicKey,
      { tbs: laidOut.tbs, entries: laidOut.entryOctets },
      last,
      acceptClock,
    );
    const signature = await signer.sign(generation.keyId, prepared);
    const { number, thisUpdate, nextUpdate, signatureAlgorithm } = plan.template;
    const { file, path } = await folder.place(generation.id, scope, number);
    const { spki } = generation.publicKey;
    const written = await press.write({ path, tbs: laidOut.tbs, signature, signatureAlgorithm, spki });
    const crl: PublishedCrl = {
      generation: generation.id,
      scope,
      number,
      thisUpdate,
      nextUpdate,
      covers: laidOut.covers,
      entries: laidOut.entries,
      file,
      ...written,
    };
    try {
      await store.publish([crl], [draft(clock.now(), actor, 'crl.issued', issuedDetails(crl))]);
    } catch (error) {
      await folder.remove(crl);
      throw error;
    }
    return crl;
  }

  #plan(
    { generation, scope, published, acceptClock }: PublishOrder,
    last: PublishedCrl | undefined,
  ): ScopePlan {
    const { clock, urls, life } = this.#options;
    const floor = this.#options.floor(generation.id);
    return planScope({
      generation,
      scope,
      urls,
      last,
      highestNumber: published.reduce<bigint | undefined>(
        (highest, { number }) => (highest === undefined || number > highest ? number : highest),
        floor?.number,
      ),
      // of what was published since, the dates are known: an operator may have taken a bogus one back
      notBefore:
        last !== undefined && floor !== undefined && last.number > floor.number
          ? undefined
          : floor?.thisUpdate,
      now: clock.now(),
      life,
      acceptClock,
    });
  }

  async #layOut(order: PublishOrder, plan: ScopePlan, last: PublishedCrl | undefined): Promise<LaidOut> {
    const { press, folder } = this.#options;
    const { generation } = order;
    for (let attempt = 1; ; attempt++) {
      const laidOut = await press.layOut({
        plan,
        shards: generation.shards,
        issuerNotAfter: generation.certificate.notAfter,
        last: last && { path: folder.path(last), sha256: last.sha256 },
      });
      if (laidOut.lost.length === 0) return laidOut;
      if (attempt === ATTEMPTS)
        throw refused(`${laidOut.lost.length} entries of the last CRL are gone and could not be put back`);
      await this.#putBack(order, laidOut.lost);
    }
  }

  async #putBack({ generation, scope, actor }: PublishOrder, lost: readonly Revocation[]): Promise<void> {
    const { store, clock } = this.#options;
    const details = {
      generation: generation.id,
      scope: String(scope),
      count: lost.length,
      serials: lost.slice(0, 20).map(({ serial }) => serial),
    };
    await store.putBack(lost, clock.now(), [draft(clock.now(), actor, 'crl.mended', details, 'failed')]);
  }
}

const issuedDetails = (crl: PublishedCrl) => ({
  generation: crl.generation,
  scope: String(crl.scope),
  number: String(crl.number),
  nextUpdate: formatInstant(crl.nextUpdate),
  entries: crl.entries,
});

export const draft = (
  time: Instant,
  actor: Actor,
  event: AuditDraft['event'],
  details: AuditDraft['details'],
  outcome: AuditDraft['outcome'] = 'allowed',
): AuditDraft => ({ time, event, outcome, ...actor, details });

const refused = (message: string): ChanceryError =>
  new ChanceryError('crl_refused', {
    message,
    rule: 'RFC 5280 3.3: an entry stays until a regular CRL after its certificate’s expiry named it',
    fix: 'Restore the newest backup with its journal; until then the last CRL stays published.',
  });

/** Whether the CRL itself is what was wrong, and not the disk or the store. */
export const isRefusal = (error: unknown): boolean =>
  isChanceryError(error) &&
  ['crl_refused', 'lint_failed', 'self_check_failed', 'malformed_der', 'issuer_stopped'].includes(error.code);

export const heldBackError = (id: string): ChanceryError =>
  new ChanceryError('not_ready', {
    message: `no CRL is published for ${id}: it was imported without what was revoked before`,
    rule: 'a CRL names everything that its issuer has revoked',
    fix: 'Give its last CRL: chancery issuer import --crl FILE, or --no-previous-crl where there is none.',
  });
