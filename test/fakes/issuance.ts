/** The ports of issuance in memory. Each notes in a journal what happened to it, so that tests see the order of effects. */
import { ChanceryError } from '../../src/base/errors.ts';
import type { Bytes } from '../../src/x509/bytes.ts';
import { type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { Generation, IssuerPolicy } from '../../src/domain/issuance/issuer.ts';
import type {
  IssuerDirectory,
  LeafSigner,
  Ledger,
  Recording,
  RecordingResult,
  StoredCertificate,
} from '../../src/domain/issuance/ports.ts';
import type { PreparedCertificate } from '../../src/domain/issuance/prepared.ts';
import { MemoryStore } from './memory-store.ts';

/** What happened, in order. */
export type Journal = string[];

/** A ledger in memory that can be slow, and that shows what was recorded. */
export class MemoryLedger implements Ledger {
  readonly store = new MemoryStore();
  /** What the audit log got, in order. */
  readonly audit: AuditDraft[] = [];
  /** While set, recordings wait for it: the disk is slow. */
  hold: Promise<void> | undefined;
  readonly #journal: Journal;

  constructor(journal: Journal = []) {
    this.#journal = journal;
  }

  async record(recording: Recording): Promise<RecordingResult> {
    const { certificate, audit } = recording;
    const what = [
      ...(certificate === undefined ? [] : ['certificate']),
      ...audit.map(({ event }) => event),
    ].join(' + ');
    this.#journal.push(`recording ${what}`);
    await this.hold;
    const result = await this.store.ledger.record(recording);
    if (result.kind !== 'recorded') return result;
    this.audit.push(...audit);
    this.#journal.push(`recorded ${what}`);
    return result;
  }

  findClaim(principal: string, key: string): ReturnType<Ledger['findClaim']> {
    return this.store.ledger.findClaim(principal, key);
  }

  findCertificate(serial: string): StoredCertificate | undefined {
    return this.store.ledger.findCertificate(serial);
  }

  findRevocation(serial: string): ReturnType<Ledger['findRevocation']> {
    return this.store.ledger.findRevocation(serial);
  }

  isKeyBlocked(keyFingerprint: string): boolean {
    return this.store.ledger.isKeyBlocked(keyFingerprint);
  }
}

/** Signs with real keys, by the id of the key. */
export class SoftwareLeafSigner implements LeafSigner {
  readonly keys: Map<string, KeyPair>;
  readonly #journal: Journal;

  constructor(keys: Iterable<readonly [string, KeyPair]>, journal: Journal = []) {
    this.keys = new Map(keys);
    this.#journal = journal;
  }

  spki({ keyId }: Generation): Bytes {
    return this.#key(keyId).publicKey.spki;
  }

  sign(prepared: PreparedCertificate): { readonly tbs: Bytes; readonly signature: Bytes } {
    this.#journal.push('signed');
    const tbs = prepared.redeem();
    return { tbs, signature: signWith(this.#key(prepared.generation.keyId), tbs) };
  }

  #key(keyId: string): KeyPair {
    const pair = this.keys.get(keyId);
    if (pair === undefined) throw new ChanceryError('not_found', `there is no key ${keyId}`);
    return pair;
  }
}

/** Issuers of one generation each. */
export class MemoryIssuers implements IssuerDirectory {
  readonly #issuers: Map<string, { readonly policy: IssuerPolicy; current: Generation | undefined }>;
  readonly #journal: Journal;

  constructor(
    issuers: readonly { readonly policy: IssuerPolicy; readonly current: Generation | undefined }[],
    journal: Journal = [],
  ) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.policy.name, { ...issuer }]));
    this.#journal = journal;
  }

  find(
    issuer: string,
  ): { readonly policy: IssuerPolicy; readonly current: Generation | undefined } | undefined {
    return this.#issuers.get(issuer);
  }

  withProfile(profile: string): readonly string[] {
    return [...this.#issuers.values()]
      .filter(({ policy }) => policy.profiles.includes(profile))
      .map(({ policy }) => policy.name);
  }

  stop(generation: string, reason: string): Promise<void> {
    this.#journal.push(`stopped ${generation}`);
    for (const issuer of this.#issuers.values())
      if (issuer.current?.id === generation) issuer.current = { ...issuer.current, stopped: reason };
    return Promise.resolve();
  }
}
