/**
 * Who answers OCSP for each generation: a key and a short-lived certificate of its own, recorded before it is used, made
 * anew from half of its life on. What cannot be renewed now is tried again; the one that there is goes on meanwhile.
 */
import { ChanceryError, isChanceryError } from '../base/errors.ts';
import { formatInstant, HOUR, type Instant, SECOND } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import { issuanceDraft, issuedDetails } from '../domain/issuance/issuance-audit.ts';
import type { Generation } from '../domain/issuance/issuer.ts';
import { NO_LABELS } from '../domain/issuance/labels.ts';
import type { CertificateRecord, Inventory } from '../domain/issuance/ports.ts';
import type { IssuancePorts } from '../domain/issuance/request.ts';
import {
  PreparedResponder,
  RESPONDER_PRINCIPAL,
  RESPONDER_PROFILE,
  responderIsDue,
  responderValidity,
  signResponder,
} from '../domain/issuance/responder.ts';
import { newSerial } from '../domain/issuance/serial.ts';
import { openResponder, type OcspResponder } from '../domain/revocation/ocsp.ts';
import type { SigningKey, SigningKeys } from '../keys/signing-keys.ts';
import { type Bytes, toHex } from '../x509/bytes.ts';
import { issuerKeysOf } from '../x509/cert-id.ts';
import { certificateFingerprint, formatSerial } from '../x509/certificate.ts';
import type { Authority } from './authority.ts';
import { responderSigner } from './signers.ts';

export interface RespondersOptions {
  readonly ports: Pick<IssuancePorts, 'clock' | 'random' | 'trustDomain' | 'ledger' | 'guard' | 'issuers'>;
  readonly authority: Pick<Authority, 'allGenerations' | 'generation'>;
  readonly keys: SigningKeys;
  readonly inventory: Pick<Inventory, 'search'>;
  readonly log: Log;
  /** Called when others answer. */
  readonly changed: () => void;
}

const PRINCIPAL = systemPrincipal('ocsp');
const RETRY = 10 * SECOND;

/** No name of an issuer has a dot, so that no other key is called so. */
const keyPrefix = (generation: string): string => `ocsp.${generation}.`;

interface Failure {
  readonly at: Instant;
  readonly reason: string;
  readonly saidAt: Instant;
}

export class Responders {
  readonly #options: RespondersOptions;
  readonly #responders = new Map<string, OcspResponder>();
  readonly #failures = new Map<string, Failure>();
  readonly #running = new Map<string, Promise<boolean>>();
  #byIssuerKey: ReadonlyMap<string, string> = new Map();
  #known = 0;

  constructor(options: RespondersOptions) {
    this.#options = options;
    this.#restore();
  }

  responder = (generation: string): OcspResponder | undefined => this.#responders.get(generation);

  /** The generation that CertIDs with this key are about, until its certificate expires. */
  generationOf = (issuerKey: string): string | undefined => {
    const { authority, ports } = this.#options;
    let id = this.#byIssuerKey.get(issuerKey);
    if (id === undefined && this.#refresh()) id = this.#byIssuerKey.get(issuerKey);
    const generation = id === undefined ? undefined : authority.generation(id);
    return generation && generation.certificate.notAfter > ports.clock.now() ? generation.id : undefined;
  };

  /** Renews what is due. True where anybody else answers than before. */
  async tend(): Promise<boolean> {
    const due = this.#options.authority.allGenerations().filter((generation) => this.#isDue(generation));
    const renewed = await Promise.all(due.map((generation) => this.#renewOnce(generation)));
    return renewed.includes(true);
  }

  /** True where there are other generations than before. */
  #refresh(): boolean {
    const generations = this.#options.authority.allGenerations();
    if (generations.length === this.#known) return false;
    this.#known = generations.length;
    this.#byIssuerKey = new Map(
      generations.flatMap(({ id, certificate, publicKey }) =>
        issuerKeysOf({ subject: certificate.subject, keyBits: publicKey.keyBits }).map(
          (key) => [key, id] as const,
        ),
      ),
    );
    return true;
  }

  #isDue(generation: Generation): boolean {
    const now = this.#options.ports.clock.now();
    const { notBefore, notAfter } = generation.certificate;
    if (notBefore > now || notAfter <= now) return false;
    const failure = this.#failures.get(generation.id);
    if (failure !== undefined && Math.abs(now - failure.at) < RETRY) return false;
    const current = this.#responders.get(generation.id)?.certificate;
    // not valid yet: a clock that had leapt ahead is right again, and nobody would believe its answers
    if (current === undefined || current.notBefore > now || this.#isRevoked(current)) return true;
    return responderIsDue(current, now) && responderValidity(generation, now).notAfter > current.notAfter;
  }

  /** Nobody asks about a responder, so that revoking one means to take another. While nobody knows, it goes on. */
  #isRevoked({ serial }: OcspResponder['certificate']): boolean {
    try {
      return typeof this.#options.ports.ledger.findRevocation(formatSerial(serial)) === 'number';
    } catch {
      return false;
    }
  }

  #renewOnce({ id }: Generation): Promise<boolean> {
    let running = this.#running.get(id);
    if (running === undefined) {
      running = this.#attempt(id).finally(() => this.#running.delete(id));
      this.#running.set(id, running);
    }
    return running;
  }

  async #attempt(id: string): Promise<boolean> {
    const { log } = this.#options;
    try {
      const responder = await this.#renew(id);
      this.#responders.set(id, responder);
      this.#failures.delete(id);
      this.#options.changed();
      log.info('an OCSP responder answers with a new certificate', {
        generation: id,
        notAfter: formatInstant(responder.certificate.notAfter),
      });
      await this.#forgetOthers(id, responder.keyId);
      return true;
    } catch (error) {
      this.#failed(id, error);
      return false;
    }
  }

  /** Key, certificate, record; nothing answers with it before all three are durable. */
  async #renew(id: string): Promise<OcspResponder> {
    const { ports, keys } = this.#options;
    ports.guard();
    const key = await keys.generate(this.#nextKeyId(id), 'ecdsa-p256');
    try {
      return await this.#certify(id, key);
    } catch (error) {
      // it is tried again and again, and each time would leave one behind
      await keys.forget(key.id).catch(() => undefined);
      throw error;
    }
  }

  async #certify(id: string, key: SigningKey): Promise<OcspResponder> {
    const { ports, authority } = this.#options;
    const generation = authority.generation(id); // again: somebody may have stopped it meanwhile
    if (generation === undefined) throw new ChanceryError('not_found', `there is no generation ${id}`);
    const now = ports.clock.now();
    const serial = newSerial(ports.random);
    const { publicKey } = key;
    const { trustDomain } = ports;
    const prepared = PreparedResponder.of({ serial, generation, publicKey, trustDomain, now });
    const der = await this.#sign(prepared);
    const record = recordOf(prepared, key, serial, der, now);
    const proof = { makeHere: () => Promise.resolve(publicKey) };
    const request = { principal: PRINCIPAL, door: DOOR, profile: RESPONDER_PROFILE, proof };
    const details = issuedDetails(record, proof);
    const { kind } = await ports.ledger.record({
      certificate: record,
      audit: [issuanceDraft(now, request, 'certificate.issued', 'allowed', details)],
    });
    if (kind !== 'recorded')
      throw new ChanceryError('internal', `a responder's record was not taken: ${kind}`);
    return openResponder(id, key.id, der);
  }

  async #sign(prepared: PreparedResponder): Promise<Bytes> {
    const { ports, keys } = this.#options;
    try {
      return signResponder(responderSigner(keys), prepared);
    } catch (error) {
      if (isChanceryError(error) && error.code === 'self_check_failed')
        await ports.issuers.stop(prepared.generation.id, error.message);
      throw error;
    }
  }

  #nextKeyId(generation: string): string {
    const prefix = keyPrefix(generation);
    const numbers = this.#keyIds(generation).map((id) => Number(id.slice(prefix.length)) || 0);
    return `${prefix}${Math.max(0, ...numbers) + 1}`;
  }

  #keyIds(generation: string): string[] {
    return this.#options.keys.list().filter((id) => id.startsWith(keyPrefix(generation)));
  }

  /** Whose successor is on record, and what was made for none. */
  async #forgetOthers(generation: string, keyId: string): Promise<void> {
    try {
      for (const id of this.#keyIds(generation)) if (id !== keyId) await this.#options.keys.forget(id);
    } catch (error) {
      this.#options.log.warn('an old key of an OCSP responder could not be removed', {
        generation,
        reason: reasonOf(error),
      });
    }
  }

  #failed(generation: string, error: unknown): void {
    const { log, ports } = this.#options;
    const at = ports.clock.now();
    const reason = reasonOf(error);
    const before = this.#failures.get(generation);
    const again = before?.reason === reason && Math.abs(at - before.saidAt) < HOUR;
    this.#failures.set(generation, { at, reason, saidAt: again ? before.saidAt : at });
    if (again) return;
    const notAfter = this.#responders.get(generation)?.certificate.notAfter;
    const until = notAfter === undefined ? 'nobody answers' : `answers until ${formatInstant(notAfter)}`;
    log.error('an OCSP responder was not renewed', { generation, reason, until });
  }

  /** Those on record whose key is here, the newest of each generation. */
  #restore(): void {
    const { inventory, ports } = this.#options;
    this.#refresh();
    const now = ports.clock.now();
    let cursor: string | undefined;
    do {
      const query = { principal: RESPONDER_PRINCIPAL, state: 'valid' } as const;
      const page = inventory.search(query, now, 100, cursor);
      for (const { generation, keyFingerprint, der } of page.certificates) {
        if (this.#responders.has(generation)) continue;
        const keyId = this.#keyIds(generation).find(
          (id) => fingerprintOf(this.#options.keys, id) === keyFingerprint,
        );
        if (keyId !== undefined) this.#responders.set(generation, openResponder(generation, keyId, der));
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

/** `undefined` for a key that cannot be opened: another one takes its place. */
function fingerprintOf(keys: SigningKeys, id: string): string | undefined {
  try {
    return toHex(keys.open(id).publicKey.fingerprint);
  } catch {
    return undefined;
  }
}

const DOOR = { name: 'internal', requestId: 'ocsp' };

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function recordOf(
  { generation, notBefore, notAfter }: PreparedResponder,
  { publicKey }: SigningKey,
  serial: Bytes,
  der: Bytes,
  issuedAt: Instant,
): CertificateRecord {
  return {
    serial: formatSerial(serial),
    generation: generation.id,
    issuer: generation.issuer,
    profile: RESPONDER_PROFILE,
    principal: RESPONDER_PRINCIPAL,
    rule: 'builtin:ocsp',
    names: [],
    notBefore,
    notAfter,
    issuedAt,
    shard: (serial[serial.length - 1] ?? 0) % generation.shards,
    keyFingerprint: toHex(publicKey.fingerprint),
    fingerprint: certificateFingerprint(der),
    renews: null,
    owner: null,
    labels: NO_LABELS,
    der,
  };
}
