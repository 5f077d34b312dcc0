/**
 * Keeps one place of publication up to date. Each round: answers of what was revoked, then certificates and CRLs that
 * changed, then the manifest, then a step of the walk over all answers. Nothing waits for it, and what fails is tried
 * again, later and later.
 */
import {
  type Clock,
  HOUR,
  type Instant,
  MINUTE,
  SECOND,
  formatDuration,
  formatInstant,
} from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import {
  MANIFEST,
  publicationOrder,
  type PublishableSerials,
  type PublishedObject,
  SIGNED_AHEAD_LIMIT,
  type SignAhead,
} from '../domain/revocation/publication.ts';
import { sha256, toHex } from '../x509/bytes.ts';
import { Answers } from './answers.ts';
import {
  encodeManifest,
  MANIFEST_INTERVAL,
  MAX_MANIFEST,
  type Manifest,
  optionalTime,
  readManifest,
} from './manifest.ts';
import type { PublicationTarget } from './target.ts';

export interface PublisherOptions {
  readonly target: PublicationTarget;
  readonly clock: Clock;
  readonly log: Log;
  readonly trustDomain: string;
  /** What is to be published now. */
  readonly objects: () => Promise<readonly PublishedObject[]>;
  readonly generations: () => readonly string[];
  readonly serials: PublishableSerials;
  /** `undefined`: no answers are signed ahead. */
  readonly signer: SignAhead | undefined;
  /** Whether answers are signed ahead; `undefined`: up to `SIGNED_AHEAD_LIMIT` certificates. */
  readonly signAhead: boolean | undefined;
}

/** What is in place at a path. */
interface Known {
  readonly version: string;
  readonly sha256: string;
}

/** What is told about a place. */
export interface PublicationHealth {
  readonly target: string;
  /** When everything was last in place; `undefined`: not since the start. */
  readonly succeededAt: Instant | undefined;
  readonly failures: number;
}

const SLOWEST = 5 * MINUTE;
/** Somebody may tidy the folder up: once an hour it is looked at. */
const LOOK = HOUR;
const ALARM = 5 * MINUTE;
const FOLDERS = ['issuers/', 'crl/'];

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #answers: Answers | undefined;
  #known = new Map<string, Known>();
  #lookedAt: Instant | undefined;
  #manifest: { readonly at: Instant; readonly signing: boolean } | undefined;
  #crowded = false;
  #countedAt: Instant | undefined;
  #succeededAt: Instant | undefined;
  readonly #startedAt: Instant;
  #failures = 0;
  #inARow = 0;
  #notBefore = -Infinity;
  #alarmedAt = -Infinity;
  readonly #unsignedAt = new Map<string, Instant>();
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: PublisherOptions) {
    const { target, clock, serials, signer } = options;
    this.#options = options;
    this.#startedAt = clock.now();
    this.#answers =
      signer &&
      new Answers({
        ...{ target, clock, serials, signer },
        unsigned: (generation, error) => this.#unsigned(generation, error),
      });
  }

  health = (): PublicationHealth => ({
    target: this.#options.target.name,
    succeededAt: this.#succeededAt,
    failures: this.#failures,
  });

  /** Begins a round where none runs and none has just failed; returns at once. */
  tick(): void {
    const now = this.#options.clock.now();
    this.#watch(now);
    // a clock that was set back does not hold it up
    const waits = now < this.#notBefore && this.#notBefore - now <= SLOWEST;
    if (this.#stopped || this.#running !== undefined || waits) return;
    this.#running = this.round()
      .then(
        () => this.#succeeded(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => (this.#running = undefined));
  }

  /** Ends after the round at hand, or after `patience` milliseconds. */
  async stop(patience: number = 2 * SECOND): Promise<void> {
    this.#stopped = true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#running, new Promise((resolve) => (timer = setTimeout(resolve, patience)))]);
    clearTimeout(timer);
    this.#options.target.close();
  }

  async round(): Promise<void> {
    const { clock, objects, generations } = this.#options;
    const now = clock.now();
    const overdue = this.#lookedAt === undefined || Math.abs(now - this.#lookedAt) >= LOOK;
    if (overdue) await this.#look(now);
    // before the answers: what these CRLs say of a certificate, an answer then says as well
    const wanted = await objects();
    let changed = false;
    const signing = this.#answers !== undefined && this.#signsAhead(now);
    if (signing) changed = (await this.#answers?.answerRevoked(generations())) === true;
    else await this.#answers?.withdraw();
    changed = (await this.#publish(wanted)) || changed;
    await this.#writeManifest(wanted, signing, changed);
    if (signing) await this.#answers?.step();
  }

  /** What an earlier run, or somebody else, left there. */
  async #look(now: Instant): Promise<void> {
    const { target } = this.#options;
    const octets = await target.read(MANIFEST, MAX_MANIFEST).catch(() => undefined);
    const manifest = octets && readManifest(octets);
    const there = new Map<string, Known>();
    for (const folder of FOLDERS)
      for await (const path of target.list(folder)) {
        const sha256 = manifest?.files[path]?.sha256 ?? '';
        there.set(path, { version: sha256, sha256 });
      }
    await this.#answers?.takeUp(manifest?.ocsp?.covers ?? {});
    this.#known = there;
    this.#lookedAt = now;
  }

  async #publish(wanted: readonly PublishedObject[]): Promise<boolean> {
    const { target } = this.#options;
    const late = wanted
      .filter(({ path, version }) => version !== undefined && this.#known.get(path)?.version !== version)
      .sort((a, b) => publicationOrder(a.path) - publicationOrder(b.path));
    for (const { path, mediaType, version = '', read } of late) {
      const octets = await read();
      await target.write(path, octets, mediaType);
      this.#known.set(path, { version, sha256: toHex(sha256(octets)) });
    }
    const paths = new Set(wanted.map(({ path }) => path));
    const over = [...this.#known.keys()].filter((path) => !paths.has(path));
    for (const path of over) {
      await target.remove(path);
      this.#known.delete(path);
    }
    return late.length + over.length > 0;
  }

  async #writeManifest(
    wanted: readonly PublishedObject[],
    signing: boolean,
    changed: boolean,
  ): Promise<void> {
    const { target, clock, trustDomain } = this.#options;
    const now = clock.now();
    const last = this.#manifest;
    const fresh = last !== undefined && Math.abs(now - last.at) < MANIFEST_INTERVAL;
    if (fresh && !changed && last.signing === signing) return;
    const answers = signing ? this.#answers : undefined;
    const manifest: Manifest = {
      version: 1,
      trustDomain,
      writtenAt: formatInstant(now),
      files: Object.fromEntries(
        wanted.flatMap(({ path, thisUpdate, nextUpdate }) => {
          const known = this.#known.get(path);
          if (known === undefined) return [];
          const times = {
            ...optionalTime('thisUpdate', thisUpdate),
            ...optionalTime('nextUpdate', nextUpdate),
          };
          return [[path, { sha256: known.sha256, ...times }] as const];
        }),
      ),
      ...(answers && {
        ocsp: {
          certificates: answers.size,
          ...optionalTime('nextUpdate', answers.firstNextUpdate()),
          covers: answers.covers(),
        },
      }),
    };
    await target.write(MANIFEST, encodeManifest(manifest), 'application/json');
    this.#manifest = { at: now, signing };
  }

  /** With some slack, so that it does not go to and fro. Counted once a minute. */
  #signsAhead(now: Instant): boolean {
    const { signAhead, serials, log, target } = this.#options;
    if (signAhead !== undefined) return signAhead;
    if (this.#countedAt !== undefined && Math.abs(now - this.#countedAt) < MINUTE) return !this.#crowded;
    this.#countedAt = now;
    const limit = this.#crowded ? SIGNED_AHEAD_LIMIT * 0.8 : SIGNED_AHEAD_LIMIT;
    const crowded = serials.countUnexpired(now, SIGNED_AHEAD_LIMIT + 1) > limit;
    if (crowded && !this.#crowded)
      log.warn('there are too many certificates to sign OCSP answers ahead: only CRLs are published', {
        target: target.name,
        limit: SIGNED_AHEAD_LIMIT,
        fix: 'ocsp: true signs them all the same',
      });
    this.#crowded = crowded;
    return !crowded;
  }

  #succeeded(): void {
    const { log, target, clock } = this.#options;
    if (this.#inARow > 0) log.info('the publication goes on', { target: target.name });
    this.#inARow = 0;
    this.#notBefore = -Infinity;
    this.#succeededAt = clock.now();
  }

  #failed(error: unknown): void {
    const { log, target, clock } = this.#options;
    this.#failures++;
    this.#inARow++;
    const wait = Math.min(SLOWEST, SECOND * 2 ** Math.min(this.#inARow - 1, 10));
    this.#notBefore = clock.now() + wait;
    this.#lookedAt = undefined; // whatever was half done is looked at anew
    const reason = reasonOf(error);
    if (this.#inARow === 1)
      log.warn('a publication failed and is tried again', { target: target.name, reason });
    else
      log.debug('a publication failed again', { target: target.name, reason, again: formatDuration(wait) });
  }

  /** Said once an hour for each generation. */
  #unsigned(generation: string, error: unknown): void {
    const { log, clock, target } = this.#options;
    const now = clock.now();
    if (Math.abs(now - (this.#unsignedAt.get(generation) ?? -Infinity)) < HOUR) return;
    this.#unsignedAt.set(generation, now);
    log.warn('an OCSP answer could not be signed ahead and is tried again', {
      target: target.name,
      generation,
      reason: reasonOf(error),
    });
  }

  /** The alarm, at most once an hour. */
  #watch(now: Instant): void {
    const { log, target } = this.#options;
    const since = this.#succeededAt ?? this.#startedAt;
    if (now - since < ALARM || Math.abs(now - this.#alarmedAt) < HOUR) return;
    this.#alarmedAt = now;
    log.error('a publication is out of date: relying parties that use it do not see new revocations', {
      target: target.name,
      since: formatInstant(since),
      failures: this.#failures,
    });
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
