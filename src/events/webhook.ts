/**
 * Tells one receiver of everything in the audit log that it wants, in order. The log is the outbox: an event is durable
 * in the transaction that made it true, and the place up to which it was told is kept beside it, so that a kill -9 loses
 * none (one may come twice, with the same id). While a receiver is down it is asked ever more seldom, and nothing is
 * skipped.
 */
import { type Clock, type Duration, HOUR, SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { AuditLog, WebhookPlaces } from '../domain/audit/ports.ts';
import { type CloudEvent, cloudEvent, isWanted, MEDIA_TYPE, readEntry, type Told } from './cloud-event.ts';
import { readSecret, signatureHeaders } from './signature.ts';

export interface WebhookOptions {
  readonly url: URL;
  /** For logs and metrics. */
  readonly label: string;
  /** Beginnings of the events that it wants; empty: all. */
  readonly types: readonly string[];
  /** Read for each event, so that it can be exchanged. */
  readonly secret: () => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<AuditLog, 'entries' | 'last'>;
  readonly places: WebhookPlaces;
  readonly trustDomain: string;
  readonly ownerOf: (managed: string) => string | undefined;
  /** Resolves with the status. Rejects with an Error that says what went wrong. */
  readonly post: (
    url: URL,
    headers: Record<string, string>,
    body: string,
    signal: AbortSignal,
  ) => Promise<number>;
}

const PAGE = 500;
const FIRST_WAIT: Duration = 2 * SECOND;
const LONGEST_WAIT: Duration = HOUR;

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #key: string;
  readonly #stop = new AbortController();
  #place: number | undefined;
  #saved = -1;
  #tries = 0;
  #nextTryAt = 0;
  #failures = 0;
  #run: Promise<void> | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#key = options.url.href;
  }

  get state(): { readonly webhook: string; readonly behind: number; readonly failures: number } {
    const last = this.#options.audit.last()?.sequence ?? 0;
    return {
      webhook: this.#options.label,
      behind: Math.max(0, last - (this.#place ?? last)),
      failures: this.#failures,
    };
  }

  /** Goes on where it stands; returns at once. */
  tick(): void {
    const { clock } = this.#options;
    if (this.#run !== undefined || this.#stop.signal.aborted || clock.now() < this.#nextTryAt) return;
    this.#run = this.#tell()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#run = undefined));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#run;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
    if (this.#place !== undefined) await this.#save(this.#place).catch(() => undefined);
  }

  async #tell(): Promise<void> {
    const { audit, places, types } = this.#options;
    // who is new is told of what comes
    this.#place ??= places.place(this.#key) ?? audit.last()?.sequence ?? 0;
    if (this.#saved < 0) await this.#save(this.#place);
    for (;;) {
      const page = audit.entries(this.#place + 1, PAGE);
      for (const entry of page) {
        if (this.#stop.signal.aborted) return;
        const told = readEntry(entry);
        const wanted = isWanted(told.event, types);
        if (wanted) await this.#send(told);
        this.#place = entry.sequence;
        if (wanted) await this.#save(entry.sequence);
      }
      if (page.length < PAGE) break;
      await this.#save(this.#place);
    }
    this.#tries = 0;
  }

  async #send(told: Told): Promise<void> {
    const { url, secret, clock, trustDomain, ownerOf, post } = this.#options;
    const { managed } = told.details;
    const event: CloudEvent = cloudEvent(
      told,
      trustDomain,
      typeof managed === 'string' ? ownerOf(managed) : undefined,
    );
    const headers = {
      ...signatureHeaders(readSecret(secret()), event, Math.floor(clock.now() / SECOND)),
      'content-type': `${MEDIA_TYPE}; charset=utf-8`,
    };
    const status = await post(
      url,
      headers,
      event.body,
      AbortSignal.any([this.#stop.signal, AbortSignal.timeout(15 * SECOND)]),
    );
    if (status < 200 || status > 299) throw new Error(`it answered ${status}`);
    this.#tries = 0;
  }

  async #save(sequence: number): Promise<void> {
    if (sequence === this.#saved) return;
    await this.#options.places.putPlace(this.#key, sequence);
    this.#saved = sequence;
  }

  #failed(error: unknown): void {
    const { clock, log, label, url } = this.#options;
    if (this.#stop.signal.aborted) return;
    this.#failures += 1;
    const wait = Math.min(FIRST_WAIT * 2 ** this.#tries, LONGEST_WAIT);
    this.#tries += 1;
    this.#nextTryAt = clock.now() + wait;
    log.warn('a webhook was not told and is tried again', {
      webhook: label,
      host: url.host,
      reason: error instanceof Error ? error.message : String(error),
      seconds: wait / SECOND,
    });
  }
}
