/** Lines of the journal into the store, some thousand records at a time: whatever is there already stays as it is. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Store } from '../db/sqlite/index.ts';
import type { JournalLine, JournalPosition } from '../domain/revocation/journal.ts';
import {
  type Replay,
  replayedBlock,
  replayedDraft,
  replayedRevocation,
  sumUp,
} from '../domain/revocation/replay.ts';

export interface ReplayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the journal. */
  readonly name: string;
}

const RECORDS = 10_000;
const RECORDS_PER_TRANSACTION = 1000;

export class JournalReplay {
  readonly #options: ReplayOptions;
  #lines: JournalLine[] = [];
  #records = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  async take(line: JournalLine): Promise<void> {
    this.#lines.push(line);
    this.#records += line.records.length;
    if (this.#records >= RECORDS) await this.finish();
  }

  /** The place in the journal goes last: what is cut off before that is done again, and changes nothing. */
  async finish(): Promise<void> {
    const lines = this.#lines;
    const [first] = lines;
    const last = lines.at(-1);
    if (first === undefined || last === undefined) return;
    this.#lines = [];
    this.#records = 0;
    const { store, clock, log, name } = this.#options;
    const replay = sumUp(lines);
    const replayed = {
      from: first.end.sequence,
      to: last.end.sequence,
      serials: await this.#know(replay),
      revocations: await this.#revoke(replay),
      blockedKeys: await this.#block(replay),
      crls: replay.floors.length,
      unknownGenerations: this.#unknownGenerations(replay),
    };
    const position: JournalPosition = { journal: last.journal, ...last.end };
    const found = replayed.serials + replayed.revocations + replayed.blockedKeys + replayed.crls > 0;
    await store.journal.advance(
      position,
      replay.floors,
      found ? [replayedDraft(name, replayed, clock.now())] : [],
    );
    if (found) log.warn('took over from the journal what the database did not know', { ...replayed });
    if (replayed.unknownGenerations.length > 0)
      log.error(
        'the journal knows certificates of generations that are not here: nobody can sign CRLs for them',
        {
          generations: replayed.unknownGenerations,
        },
      );
  }

  async #know({ known }: Replay): Promise<number> {
    const { store } = this.#options;
    const missing = known.filter(
      ({ generation, serial }) => store.revocations.status(generation, serial).kind === 'unknown',
    );
    for (const some of inParts(missing)) await store.revocations.addKnown(some, []);
    return missing.length;
  }

  async #revoke({ revoked }: Replay): Promise<number> {
    const { store, clock } = this.#options;
    let count = 0;
    for (const some of inParts(revoked)) {
      const now = clock.now();
      const orders = some.map(({ kind, recordedAt, blockKey, ...revocation }) => ({
        revocation,
        blockKey: blockKey ?? undefined,
        audit: [replayedRevocation(revocation, now)],
      }));
      const results = await store.revocations.revoke(orders, now);
      count += results.filter((result) => result !== 'already').length;
    }
    return count;
  }

  async #block({ blocked }: Replay): Promise<number> {
    const { store, clock } = this.#options;
    let count = 0;
    for (const { key, blockedAt } of blocked)
      if (await store.revocations.block({ key, blockedAt }, [replayedBlock(key, clock.now())])) count += 1;
    return count;
  }

  #unknownGenerations({ known, revoked, floors }: Replay): string[] {
    const { authorities } = this.#options.store;
    const here = new Set([
      ...authorities.generations().map(({ id }) => id),
      ...authorities.roots().map(({ name }) => name),
    ]);
    const named = new Set([...known, ...revoked, ...floors].map(({ generation }) => generation));
    return [...named].filter((generation) => !here.has(generation)).sort();
  }
}

function* inParts<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += RECORDS_PER_TRANSACTION)
    yield all.slice(at, at + RECORDS_PER_TRANSACTION);
}
