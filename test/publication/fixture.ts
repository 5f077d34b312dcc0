/** A publisher with everything around it in memory: places that fail on demand, answers that name what they say. */
import { createHash } from 'node:crypto';
import { HOUR, type Instant } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import type { PublishedObject, SignAhead } from '../../src/domain/revocation/publication.ts';
import { answerPath } from '../../src/domain/revocation/publication.ts';
import { Publisher, type PublisherOptions } from '../../src/publication/publisher.ts';
import { type PublicationTarget, requirePublishedPath } from '../../src/publication/target.ts';
import { FakeClock } from '../fakes/clock.ts';
import { memoryPublishable } from '../fakes/memory-publishable.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { certificateRecord, NOON } from '../support/records.ts';

export class MemoryTarget implements PublicationTarget {
  readonly name = 'memory:';
  readonly objects = new Map<string, Uint8Array>();
  /** Every write and removal, in order. */
  readonly events: string[] = [];
  /** While set, every write rejects. */
  failure: string | undefined;
  /** Called before each write. */
  before: (path: string) => void | Promise<void> = () => undefined;

  async write(path: string, octets: Uint8Array): Promise<void> {
    requirePublishedPath(path);
    await this.before(path);
    if (this.failure !== undefined) throw new Error(this.failure);
    this.objects.set(path, octets);
    this.events.push(`write ${path}`);
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.objects.get(path));
  }

  remove(path: string): Promise<void> {
    requirePublishedPath(path);
    if (this.objects.delete(path)) this.events.push(`remove ${path}`);
    return Promise.resolve();
  }

  async *list(folder: string): AsyncGenerator<string, void, undefined> {
    for (const path of await Promise.resolve([...this.objects.keys()]))
      if (path.startsWith(folder)) yield path;
  }

  close(): void {
    this.events.push('close');
  }

  text = (path: string): string | undefined => {
    const octets = this.objects.get(path);
    return octets && Buffer.from(octets).toString();
  };

  manifest(): {
    files: Record<string, { sha256: string; nextUpdate?: string }>;
    ocsp?: Record<string, unknown>;
    writtenAt: string;
  } {
    return JSON.parse(this.text('manifest.json') ?? '{}') as ReturnType<MemoryTarget['manifest']>;
  }
}

export const object = (path: string, content: string, nextUpdate?: Instant): PublishedObject => ({
  path,
  mediaType: 'application/pkix-crl',
  version: createHash('sha256').update(content).digest('hex'),
  ...(nextUpdate !== undefined && { thisUpdate: NOON, nextUpdate }),
  read: () => Promise.resolve(Buffer.from(content)),
});

export const HASH = 'ab'.repeat(20);
export const pathOf = (serial: string): string => answerPath('sha1', HASH, serial);

export interface Bench {
  readonly publisher: Publisher;
  readonly target: MemoryTarget;
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly said: string[];
  /** What is to be published; tests change it. */
  objects: PublishedObject[];
  /** How many answers were signed. */
  signed: number;
  /** While set, signing rejects. */
  unable: string | undefined;
  /** Who signs. */
  responder: string;
  revoke(n: number): Promise<void>;
  issue(count: number): Promise<void>;
  /** Another publisher for the same place and store, as after a restart. */
  restart(fields?: Partial<PublisherOptions>): Publisher;
}

export function bench(fields: Partial<PublisherOptions> = {}, target = new MemoryTarget()): Bench {
  const clock = new FakeClock(NOON);
  const store = new MemoryStore();
  const said: string[] = [];
  const say = (message: string): void => void said.push(message);
  const log: Log = { debug: () => undefined, info: say, warn: say, error: say };
  const signer: SignAhead = {
    answers(generation, serial) {
      if (self.unable !== undefined) return Promise.reject(new Error(self.unable));
      self.signed++;
      const { kind } = store.revocations.status(generation, serial);
      const octets = Buffer.from(`${kind} ${clock.now()}`);
      return Promise.resolve([
        { hash: 'sha1', issuerKeyHash: HASH, octets, nextUpdate: clock.now() + 24 * HOUR },
      ]);
    },
    responder: () => self.responder,
    paths: (_, serial) => [pathOf(serial)],
  };
  const options = (): PublisherOptions => ({
    target,
    clock,
    log,
    trustDomain: 'example.test',
    objects: () => Promise.resolve(self.objects),
    generations: () => ['servers-1'],
    serials: memoryPublishable(store),
    signer,
    signAhead: true,
    ...fields,
  });
  const self: Bench = {
    publisher: new Publisher(options()),
    target,
    store,
    clock,
    said,
    objects: [],
    signed: 0,
    unable: undefined,
    responder: 'first',
    async revoke(n) {
      const { serial, generation, shard, notAfter } = certificateRecord(n);
      const revocation = { serial, generation, shard, notAfter, revokedAt: clock.now() };
      await store.revocations.revoke(
        [{ revocation: { ...revocation, reason: 'superseded' }, blockKey: undefined, audit: [] }],
        clock.now(),
      );
    },
    async issue(count) {
      const first = store.certificates.length + 1;
      for (let n = first; n < first + count; n++)
        await store.ledger.record({ certificate: certificateRecord(n), audit: [] });
    },
    restart: (more = {}) => new Publisher({ ...options(), ...more }),
  };
  return self;
}
