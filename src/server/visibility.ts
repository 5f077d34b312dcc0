/**
 * When a revocation became visible to relying parties: seen at the public URLs by our own probe, not assumed. One CRL
 * serves all of its shard, one OCSP request sixteen serial numbers; what is done in a round is bounded.
 */
import { setImmediate } from 'node:timers/promises';
import { type Clock, formatDuration, HOUR, type Instant, MINUTE, SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Generation, StatusUrls } from '../domain/issuance/issuer.ts';
import { verifyOcspResponse } from '../domain/revocation/ocsp-verify.ts';
import type { RevocationStore, SeenMark, StoredRevocation } from '../domain/revocation/ports.ts';
import { fromHex } from '../x509/bytes.ts';
import { encodeCertId } from '../x509/cert-id.ts';
import { formatSerial } from '../x509/certificate.ts';
import { type CertificateList, readCertificateList, revokedCertificates } from '../x509/crl.ts';
import { encodeOcspRequest, MAX_CERT_IDS } from '../x509/ocsp-request.ts';
import { readOcspResponse } from '../x509/ocsp-response.ts';
import { verifySignature } from '../x509/signature.ts';

export interface VisibilityOptions {
  readonly clock: Clock;
  /** What answers are dated by: they are in time by it. */
  readonly dated?: Clock;
  readonly log: Log;
  readonly store: Pick<RevocationStore, 'unseen' | 'seen'>;
  readonly generation: (id: string) => Generation | undefined;
  readonly urls: StatusUrls;
  readonly probe: {
    crl(
      url: string,
      etag?: string,
    ): Promise<{ readonly der: Uint8Array; readonly etag: string | undefined } | 'unchanged'>;
    ocsp(url: string, request: Uint8Array): Promise<Uint8Array>;
    close(): void;
  };
  readonly seen: (via: 'crl' | 'ocsp', seconds: number) => void;
}

/** Revocations in a round. */
const BATCH = 1600;
/** Entries of a CRL between two breaths of the server. */
const STRIDE = 2000;
const ALARM = MINUTE;
const SLOWEST = 30 * SECOND;
/** A certificate that was over when it was revoked is in no CRL. */
const GIVE_UP = HOUR;

export class Visibility {
  readonly #options: VisibilityOptions;
  readonly #etags = new Map<string, string>();
  /** Serials that were looked for in the CRL with that tag already. */
  readonly #looked = new Map<string, Set<string>>();
  readonly #givenUp = new Set<string>();
  #oldest: Instant | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #failures = 0;
  #notBefore = -Infinity;
  #alarmedAt = -Infinity;
  #reason = '';

  constructor(options: VisibilityOptions) {
    this.#options = options;
  }

  /** When the oldest revocation that nobody has seen yet was recorded; `undefined`: all were seen. */
  oldest = (): Instant | undefined => this.#oldest;

  /** Begins a round where none runs; returns at once. */
  tick(): void {
    const now = this.#options.clock.now();
    const waits = now < this.#notBefore && this.#notBefore - now <= SLOWEST;
    if (this.#stopped || this.#running !== undefined || waits) return;
    this.#running = this.round()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#running = undefined));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.probe.close();
    await this.#running;
  }

  async round(): Promise<void> {
    const { store } = this.#options;
    const unseen = store
      .unseen(BATCH + this.#givenUp.size)
      .filter((revocation) => !this.#givenUp.has(keyOf(revocation)))
      .slice(0, BATCH);
    this.#oldest = unseen[0]?.recordedAt;
    if (unseen.length === 0) {
      this.#etags.clear();
      this.#looked.clear();
      this.#failures = 0;
      return;
    }
    const faults: Error[] = [];
    const attempt = async (look: () => Promise<void>): Promise<void> => {
      try {
        await look();
      } catch (error) {
        faults.push(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const inCrl = Map.groupBy(
      unseen.filter(({ crlSeenAt }) => crlSeenAt === null),
      ({ generation, shard }) => `${generation} ${shard}`,
    );
    for (const group of inCrl.values()) await attempt(() => this.#lookIntoCrl(group));
    const inOcsp = Map.groupBy(
      unseen.filter(({ ocspSeenAt }) => ocspSeenAt === null),
      ({ generation }) => generation,
    );
    for (const group of inOcsp.values())
      for (let i = 0; i < group.length && !this.#stopped; i += MAX_CERT_IDS)
        await attempt(() => this.#askOcsp(group.slice(i, i + MAX_CERT_IDS)));
    this.#watch();
    const [fault] = faults;
    if (fault !== undefined) throw fault;
    this.#failures = 0;
  }

  async #lookIntoCrl(group: readonly StoredRevocation[]): Promise<void> {
    const [{ generation: id, shard } = { generation: '', shard: 0 }] = group;
    const { probe, urls, clock, generation } = this.#options;
    const issuer = generation(id);
    if (issuer === undefined) return this.#giveUp(group);
    const url = urls.crlShard(id, shard);
    const looked = this.#looked.get(url);
    // the same list again says nothing new of those that were not in it
    const etag = group.every(({ serial }) => looked?.has(serial)) ? this.#etags.get(url) : undefined;
    const answer = await probe.crl(url, etag);
    const now = clock.now();
    if (answer === 'unchanged') return this.#giveUpExpired(group, now);
    const list = readCertificateList(answer.der);
    const { outerSignatureAlgorithm, tbs, signature } = list;
    if (!verifySignature(outerSignatureAlgorithm, tbs, signature, issuer.publicKey))
      throw new Error(`${url}: the CRL does not verify`);
    const found = await present(list, new Set(group.map(({ serial }) => serial)));
    if (answer.etag !== undefined) this.#etags.set(url, answer.etag);
    this.#looked.set(url, new Set(group.map(({ serial }) => serial)));
    const seen = group.filter(({ serial }) => found.has(serial));
    await this.#mark('crl', seen, now);
    this.#giveUpExpired(
      group.filter(({ serial }) => !found.has(serial)),
      now,
    );
  }

  async #askOcsp(group: readonly StoredRevocation[]): Promise<void> {
    const { probe, urls, clock, dated = clock, generation } = this.#options;
    const issuer = generation(group[0]?.generation ?? '');
    if (issuer === undefined) return this.#giveUp(group);
    const { certificate, publicKey } = issuer;
    const named = { subject: certificate.subject, keyBits: publicKey.keyBits };
    const certIds = group.map(({ serial }) =>
      encodeCertId('sha1', named, fromHex(serial) ?? new Uint8Array(0)),
    );
    const der = await probe.ocsp(urls.ocsp, encodeOcspRequest(certIds));
    const now = clock.now();
    const [certId = new Uint8Array(0)] = certIds;
    const at = dated.now();
    const verdict = verifyOcspResponse(der, { certId, issuer, nonce: undefined, now: at });
    if (!verdict.believed) throw new Error(`${urls.ocsp}: ${verdict.reason}`);
    // one signature stands for all of them
    const revoked = revokedIn(der, at);
    const seen = group.filter(({ serial }) => revoked.has(serial));
    await this.#mark('ocsp', seen, now);
  }

  async #mark(via: 'crl' | 'ocsp', seen: readonly StoredRevocation[], now: Instant): Promise<void> {
    if (seen.length === 0) return;
    const marks = seen.map(({ generation, serial }): SeenMark =>
      via === 'crl' ? { generation, serial, crlSeenAt: now } : { generation, serial, ocspSeenAt: now },
    );
    await this.#options.store.seen(marks);
    for (const { recordedAt } of seen) this.#options.seen(via, Math.max(0, now - recordedAt) / SECOND);
  }

  #giveUp(group: readonly StoredRevocation[]): void {
    for (const revocation of group) this.#givenUp.add(keyOf(revocation));
  }

  #giveUpExpired(group: readonly StoredRevocation[], now: Instant): void {
    this.#giveUp(group.filter(({ notAfter, ocspSeenAt }) => ocspSeenAt !== null && notAfter + GIVE_UP < now));
  }

  /** The alarm, once in ten minutes. */
  #watch(): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    if (this.#oldest === undefined || now - this.#oldest <= ALARM) return;
    if (Math.abs(now - this.#alarmedAt) < 10 * MINUTE) return;
    this.#alarmedAt = now;
    log.error('a revocation is not visible to relying parties', {
      for: formatDuration(now - this.#oldest),
      lookedAt: this.#options.urls.ocsp.replace(/\/ocsp$/, ''),
      ...(this.#reason !== '' && { reason: this.#reason }),
    });
  }

  #failed(error: unknown): void {
    const { log, clock } = this.#options;
    this.#failures++;
    this.#notBefore = clock.now() + Math.min(SLOWEST, SECOND * 2 ** Math.min(10, this.#failures - 1));
    this.#reason = error instanceof Error ? error.message : String(error);
    const said = { reason: this.#reason };
    if (this.#failures === 3) log.warn('whether revocations are visible could not be seen', said);
    this.#watch();
  }
}

const keyOf = ({ generation, serial }: StoredRevocation): string => `${generation} ${serial}`;

/** Those of the serials that the list names. A long list is walked with pauses. */
async function present(list: CertificateList, wanted: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>();
  let count = 0;
  for (const { serial } of revokedCertificates(list)) {
    const text = formatSerial(serial);
    if (wanted.has(text)) found.add(text);
    if (++count % STRIDE === 0) await setImmediate();
  }
  return found;
}

/** Serials that a response, which was believed, calls revoked now. */
function revokedIn(der: Uint8Array, now: Instant): Set<string> {
  const response = readOcspResponse(der);
  const singles = response.status === 'successful' ? response.basic.singles : [];
  return new Set(
    singles
      .filter(({ status, nextUpdate = 0 }) => status.kind === 'revoked' && nextUpdate > now)
      .map(({ certId }) => formatSerial(certId.serial)),
  );
}
