/**
 * OCSP answers of one place, signed ahead. One walk over the certificates is also the schedule: what is met and due is
 * signed and written at once, a bounded number each time. What is revoked does not wait for the walk.
 */
import { type Clock, type Instant, MINUTE } from '../base/clock.ts';
import {
  answerIsDueAt,
  answerPath,
  type PublishableCursor,
  type PublishableSerials,
  type SignAhead,
  type SignedAnswer,
} from '../domain/revocation/publication.ts';
import type { Covered } from './manifest.ts';
import type { PublicationTarget } from './target.ts';

export interface AnswersOptions {
  readonly target: PublicationTarget;
  readonly clock: Clock;
  readonly serials: PublishableSerials;
  readonly signer: SignAhead;
  /** An answer could not be signed; it is tried again, and nothing else waits for it. */
  readonly unsigned: (generation: string, error: unknown) => void;
}

const PAGE = 500;
/** Certificates for each step of the walk: some ten milliseconds of signing. */
const STEP = 50;
/** Writes that wait for their disk or bucket at the same time. */
const WIDTH = 8;
const OCSP = 'application/ocsp-response';
const RETRY = MINUTE;

interface Published {
  readonly notAfter: Instant;
  /** `undefined`: there is no answer. */
  readonly nextUpdate: Instant | undefined;
  readonly dueAt: Instant;
  /** Who signed it. */
  readonly responder: string | undefined;
  readonly paths: readonly string[];
}

export class Answers {
  readonly #options: AnswersOptions;
  readonly #published = new Map<string, Published>();
  readonly #covers = new Map<string, Covered>();
  /** Paths found in the place that nobody has written again yet. */
  #strays = new Set<string>();
  #garbage = new Set<string>();
  #cursor: PublishableCursor | undefined;
  #walkedOnce = false;
  #listed = false;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#published.size;
  }

  covers = (): Record<string, Covered> => Object.fromEntries(this.#covers);

  /** When the first of them runs out; `undefined` where there are none. */
  firstNextUpdate(): Instant | undefined {
    let first: Instant | undefined;
    for (const { nextUpdate } of this.#published.values())
      if (nextUpdate !== undefined && (first === undefined || nextUpdate < first)) first = nextUpdate;
    return first;
  }

  /** What an earlier run left: `covered` is believed where the store has the same revocation under that sequence. */
  async takeUp(covered: Readonly<Record<string, Covered>>): Promise<void> {
    if (this.#listed) return;
    const { target, serials } = this.#options;
    for (const [generation, { sequence, serial }] of Object.entries(covered)) {
      const [found] = serials.revokedSince(generation, sequence - 1, 0, 1);
      if (found?.sequence === sequence && found.serial === serial)
        this.#covers.set(generation, { sequence, serial });
    }
    this.#strays = new Set();
    for await (const path of target.list('ocsp/')) this.#strays.add(path);
    this.#listed = true;
  }

  /** All of them go away, some at each call: none are signed ahead any more. */
  async withdraw(): Promise<void> {
    await this.takeUp({});
    for (const path of this.#strays) this.#garbage.add(path);
    for (const { paths } of this.#published.values()) for (const path of paths) this.#garbage.add(path);
    this.#strays.clear();
    this.#published.clear();
    this.#covers.clear();
    await this.#sweepUp();
  }

  /** Signs what was revoked since the last time, before a CRL may say so: no reader finds an older `good` beside it. */
  async answerRevoked(generations: readonly string[]): Promise<boolean> {
    const { serials, clock } = this.#options;
    let changed = false;
    for (const generation of generations)
      for (;;) {
        const since = this.#covers.get(generation)?.sequence ?? 0;
        const page = serials.revokedSince(generation, since, clock.now(), PAGE);
        await inParallel(page, (revoked) => this.#publish(generation, revoked, true));
        const last = page.at(-1);
        if (last === undefined) break;
        this.#covers.set(generation, { sequence: last.sequence, serial: last.serial });
        changed = true;
      }
    return changed;
  }

  /** One step of the walk. */
  async step(): Promise<void> {
    const { serials, signer, clock } = this.#options;
    const now = clock.now();
    const { serials: page, next } = serials.unexpired(now, PAGE, this.#cursor);
    const due = page.filter(({ generation, serial }) => {
      const published = this.#published.get(keyOf(generation, serial));
      const byOther = published?.responder !== signer.responder(generation);
      return published === undefined || published.dueAt <= now || byOther;
    });
    await inParallel(due.slice(0, STEP), (one) => this.#publish(one.generation, one));
    // the rest of the page is met again by the next step
    if (due.length <= STEP) {
      this.#cursor = next;
      if (next === undefined) this.#finishWalk(now);
    }
    await this.#sweepUp();
  }

  async #publish(
    generation: string,
    { serial, notAfter }: { readonly serial: string; readonly notAfter: Instant },
    revoked = false,
  ): Promise<void> {
    const { signer, target, clock, unsigned } = this.#options;
    const signedAt = clock.now();
    const key = keyOf(generation, serial);
    const responder = signer.responder(generation);
    let answers: readonly SignedAnswer[];
    try {
      answers = await signer.answers(generation, serial);
    } catch (error) {
      unsigned(generation, error);
      const paths = signer.paths(generation, serial);
      // better none than one that says good
      if (revoked) for (const path of paths) await target.remove(path);
      const nextUpdate = revoked ? undefined : this.#published.get(key)?.nextUpdate;
      this.#published.set(key, { notAfter, nextUpdate, dueAt: signedAt + RETRY, responder, paths });
      return;
    }
    const paths: string[] = [];
    let nextUpdate = Infinity;
    for (const answer of answers) {
      const path = answerPath(answer.hash, answer.issuerKeyHash, serial);
      await target.write(path, answer.octets, OCSP);
      this.#strays.delete(path);
      // it had expired by a clock that is right again
      this.#garbage.delete(path);
      paths.push(path);
      nextUpdate = Math.min(nextUpdate, answer.nextUpdate);
    }
    this.#published.set(key, {
      ...{ notAfter, nextUpdate, responder, paths },
      dueAt: answerIsDueAt(serial, signedAt, nextUpdate),
    });
  }

  #finishWalk(now: Instant): void {
    if (!this.#walkedOnce) {
      this.#walkedOnce = true;
      for (const path of this.#strays) this.#garbage.add(path);
      this.#strays.clear();
    }
    for (const [key, { notAfter, paths }] of this.#published)
      if (notAfter < now) {
        this.#published.delete(key);
        for (const path of paths) this.#garbage.add(path);
      }
  }

  async #sweepUp(): Promise<void> {
    const some = [...this.#garbage].slice(0, STEP * 2);
    await inParallel(some, (path) => this.#options.target.remove(path));
    for (const path of some) this.#garbage.delete(path);
  }
}

const keyOf = (generation: string, serial: string): string => `${generation} ${serial}`;

/** A few at a time; the first that fails is told when the others that run have ended. */
async function inParallel<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  const lane = async (): Promise<void> => {
    for (const one of rest) await act(one);
  };
  const lanes = await Promise.allSettled(Array.from({ length: WIDTH }, lane));
  const failed = lanes.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
