/** Keeps the CRLs of all generations published: before the server is ready, after revocations, on schedule. */
import { ChanceryError } from '../base/errors.ts';
import { type Duration, formatInstant, SECOND } from '../base/clock.ts';
import type { Generation } from '../domain/issuance/issuer.ts';
import { publishesCrls, scopeIsDue, scopesOf } from '../domain/revocation/issuer-crl.ts';
import type { CrlScope, PublishedCrl } from '../domain/revocation/ports.ts';
import type { Actor, IssuerCrlActions, IssuerCrlView } from '../http/admin/ports.ts';
import type { ServedCrl } from '../http/status/crl.ts';
import { CrlShelf } from './crl/shelf.ts';
import type { IssuerCrlsOptions } from './crl/options.ts';
import { draft, heldBackError, isRefusal } from './crl/publisher.ts';
import { CrlRests } from './crl/rests.ts';
import { missing } from './hierarchy-words.ts';

const SCHEDULE: Actor = { principal: 'system:schedule', door: 'internal', requestId: 'crl' };
/** Revocations within it share a CRL. */
const DEBOUNCE = SECOND / 2;
const LOOK_EVERY = 5 * SECOND;

const FILE_IS_LOST: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EIO']);

interface Job {
  readonly generation: Generation;
  readonly scope: CrlScope;
}

const keyOf = (generation: string, scope: CrlScope): string => `${generation}/${scope}`;

export class IssuerCrls implements IssuerCrlActions {
  readonly #options: IssuerCrlsOptions;
  readonly #shelf: CrlShelf;
  readonly #rests = new CrlRests();
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #wakesAt = 0;
  #lookedAt = -Infinity;
  #closed = false;
  #builds = { count: 0, seconds: 0, refused: 0 };

  constructor(options: IssuerCrlsOptions) {
    this.#options = options;
    this.#shelf = new CrlShelf(options.folder);
  }

  /** Sweeps the folder, finds files that are not what their records say, and publishes what is due. */
  async open(): Promise<void> {
    const { store, folder, authority, log } = this.#options;
    const published = store.published();
    for (const crl of published) this.#shelf.put(crl);
    const swept = await folder.sweep(published);
    if (swept > 0) log.info('removed CRL files that no record names', { count: swept });
    for (const crl of published) {
      const generation = authority.generation(crl.generation);
      if (generation === undefined || !this.#publishes(generation) || (await this.#isAsRecorded(crl)))
        continue;
      this.#shelf.markUnsound(crl);
      log.warn('a CRL is not what its record says and is built anew', {
        generation: crl.generation,
        scope: String(crl.scope),
      });
    }
    await this.publishDue();
  }

  /** A revocation was recorded; returns at once. */
  revoked = (): void => {
    this.#wake(DEBOUNCE);
  };

  /** All scopes of a generation are published. Rejects with why not. */
  async ensure(id: string): Promise<void> {
    const generation = this.#generation(id);
    if (this.#options.heldBack(id)) throw heldBackError(id);
    await this.#exclusively(async () => {
      for (const scope of scopesOf(generation))
        if (this.#shelf.find(id, scope) === undefined)
          await this.#publish({ generation, scope }, SCHEDULE, false);
    });
  }

  /** Called every second. */
  tick(): void {
    const now = this.#options.clock.now();
    if (Math.abs(now - this.#lookedAt) < LOOK_EVERY) return;
    this.#lookedAt = now;
    this.#wake(0);
  }

  /** Everything that is due, shards before complete lists. What fails is said, and tried again later. */
  publishDue(): Promise<void> {
    return this.#exclusively(async () => {
      for (let next = this.#nextDue(); next !== undefined && !this.#closed; next = this.#nextDue())
        await this.#attempt(next);
    });
  }

  /** All scopes anew. With `acceptClock` dated by the clock as it is, although an earlier one lies in the future. */
  publish(id: string, acceptClock: boolean, actor: Actor): Promise<readonly PublishedCrl[]> {
    const generation = this.#generation(id);
    if (this.#options.heldBack(id)) return Promise.reject(heldBackError(id));
    return this.#exclusively(async () => {
      if (acceptClock) await this.#acceptClock(generation, actor);
      const crls: PublishedCrl[] = [];
      for (const scope of scopesOf(generation))
        crls.push(await this.#publish({ generation, scope }, actor, acceptClock));
      return crls;
    });
  }

  /** For the status listener. Never one that has run out: it is built anew, or rejects with `not_ready`. */
  async serve(id: string, scope: CrlScope): Promise<ServedCrl | undefined> {
    const generation = this.#options.authority.generation(id);
    const key = keyOf(id, scope);
    if (generation === undefined || !scopesOf(generation).includes(scope)) return undefined;
    const usable = (): PublishedCrl | undefined => {
      const crl = this.#shelf.find(id, scope);
      const good =
        crl !== undefined && this.#options.clock.now() < crl.nextUpdate && !this.#shelf.isUnsound(id, scope);
      return good ? crl : undefined;
    };
    if (usable() === undefined && this.#publishes(generation) && !this.#options.heldBack(id))
      await this.#exclusively(async () => {
        if (usable() === undefined && !this.#rests.hasJustFailed(key, this.#options.clock.now()))
          await this.#attempt({ generation, scope });
      });
    const crl = usable();
    if (crl !== undefined) return this.#shelf.serve(crl, (error) => this.#lost(crl, error));
    throw new ChanceryError('not_ready', {
      message: `no CRL ${scope} of ${id} is valid now`,
      rule: 'RFC 5280 5.1.2.5: a CRL is not used after its nextUpdate',
      fix: 'Ask again soon.',
      retryAfter: 10,
    });
  }

  /** Every scope of every generation that publishes. */
  view(): readonly IssuerCrlView[] {
    return this.#jobs().map(({ generation: { id }, scope }) => ({
      generation: id,
      scope,
      url: scope === 'full' ? this.#options.urls.crlFull(id) : this.#options.urls.crlShard(id, scope),
      crl: this.#shelf.find(id, scope),
      problem: this.#options.heldBack(id) ? heldBackError(id).message : this.#rests.problem(keyOf(id, scope)),
    }));
  }

  /** Built since the start, how long that took, and what was refused. */
  builds = (): { readonly count: number; readonly seconds: number; readonly refused: number } => this.#builds;

  /** Scopes that relying parties cannot use now. */
  unusable(): readonly string[] {
    const now = this.#options.clock.now();
    return this.#jobs()
      .filter(({ generation }) => !this.#options.heldBack(generation.id))
      .filter(
        ({ generation: { id }, scope }) =>
          this.#shelf.isUnsound(id, scope) || (this.#shelf.find(id, scope)?.nextUpdate ?? 0) <= now,
      )
      .map(({ generation: { id }, scope }) => keyOf(id, scope));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#turn;
    await this.#options.close();
  }

  #wake(after: Duration): void {
    const at = performance.now() + after;
    if (this.#closed || (this.#timer !== undefined && this.#wakesAt <= at)) return;
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.publishDue().catch((error: unknown) => {
        if (!this.#closed)
          this.#options.log.error('CRLs could not be looked after', { reason: String(error) });
      });
    }, after);
    this.#timer.unref();
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      if (this.#closed)
        throw new ChanceryError('shutting_down', { message: 'the server stops', retryAfter: 5 });
      return work();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The file of what is served is gone or cannot be read: another one takes its place. */
  #lost(crl: PublishedCrl, error: unknown): void {
    const { generation, scope } = crl;
    // too many open files, for one, pass without it
    if (!FILE_IS_LOST.has((error as NodeJS.ErrnoException).code ?? '')) return;
    if (this.#shelf.find(generation, scope) !== crl || this.#shelf.isUnsound(generation, scope)) return;
    this.#shelf.markUnsound(crl);
    this.#options.log.warn('the file of a CRL cannot be read, and it is built anew', {
      generation,
      scope: String(scope),
      reason: String(error),
    });
    this.#wake(0);
  }

  #publishes(generation: Generation): boolean {
    return publishesCrls(generation, this.#options.clock.now());
  }

  #jobs(): Job[] {
    return this.#options.authority
      .allGenerations()
      .filter((generation) => this.#publishes(generation))
      .flatMap((generation) => scopesOf(generation).map((scope) => ({ generation, scope })));
  }

  #nextDue(): Job | undefined {
    const due = this.#jobs().filter((job) => this.#isDue(job));
    return due.find(({ scope }) => scope !== 'full') ?? due[0];
  }

  #isDue({ generation: { id }, scope }: Job): boolean {
    const { store, clock, heldBack } = this.#options;
    const key = keyOf(id, scope);
    if (heldBack(id) || this.#rests.hasJustFailed(key, clock.now())) return false;
    const last = this.#shelf.find(id, scope);
    if (this.#shelf.isUnsound(id, scope) || scopeIsDue(last, 0, clock.now())) return true;
    return !this.#rests.isPaused(key) && scopeIsDue(last, store.latestSequence(id, scope), clock.now());
  }

  async #attempt(job: Job): Promise<void> {
    const { clock, log, record } = this.#options;
    const key = keyOf(job.generation.id, job.scope);
    try {
      await this.#publish(job, SCHEDULE, false);
    } catch (error) {
      const reason = this.#rests.failed(key, error, clock.now());
      if (reason === undefined) return;
      const facts = { generation: job.generation.id, scope: String(job.scope), reason };
      log.error('a CRL was not published; the one before it stays served', facts);
      if (!isRefusal(error)) return;
      this.#builds = { ...this.#builds, refused: this.#builds.refused + 1 };
      await record([draft(clock.now(), SCHEDULE, 'crl.refused', facts, 'refused')]).catch(() => undefined);
    }
  }

  async #publish(job: Job, actor: Actor, acceptClock: boolean): Promise<PublishedCrl> {
    const { publisher } = this.#options;
    const { generation, scope } = job;
    const key = keyOf(generation.id, scope);
    const published = this.#shelf.of(generation.id);
    const started = performance.now();
    const crl = await publisher.publish({ generation, scope, published, acceptClock, actor });
    const took = performance.now() - started;
    this.#shelf.put(crl);
    this.#rests.succeeded(key);
    this.#builds = {
      ...this.#builds,
      count: this.#builds.count + 1,
      seconds: this.#builds.seconds + took / SECOND,
    };
    if (scope === 'full') this.#wake(this.#rests.pauseAfter(key, took));
    return crl;
  }

  async #acceptClock(generation: Generation, actor: Actor): Promise<void> {
    const { clock, record } = this.#options;
    const now = clock.now();
    const latest = Math.max(0, ...this.#shelf.of(generation.id).map(({ thisUpdate }) => thisUpdate));
    if (latest <= now) return;
    const details = { generation: generation.id, before: formatInstant(latest), now: formatInstant(now) };
    await record([draft(now, actor, 'crl.clock.accepted', details)]);
  }

  /** Its octets are those of the record, and it names the URL that certificates name now. */
  async #isAsRecorded(crl: PublishedCrl): Promise<boolean> {
    const { folder, urls } = this.#options;
    if (!(await folder.isSound(crl))) return false;
    return crl.scope === 'full' || folder.names(crl, urls.crlShard(crl.generation, crl.scope));
  }

  #generation(id: string): Generation {
    return this.#options.authority.generation(id) ?? missing('generation', id);
  }
}
