/** The ports of issuance in memory. Each notes in a journal what happened to it, so that tests see the order of effects. */
import { ChanceryError, type ErrorCode } from '../../src/base/errors.ts';
import type { Bytes } from '../../src/x509/bytes.ts';
import { type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import type { AuditDraft } from '../../src/domain/audit/entry.ts';
import type { Generation, IssuerPolicy } from '../../src/domain/issuance/issuer.ts';
import type {
  IdempotencyClaim,
  IssuerDirectory,
  LeafSigner,
  Ledger,
  Recording,
  RecordingResult,
  StoredCertificate,
} from '../../src/domain/issuance/ports.ts';
import type { PreparedCertificate } from '../../src/domain/issuance/prepared.ts';

/** What happened, in order. */
export type Journal = string[];

/** Everything of a recording is kept together or not at all; nothing is kept before `hold` resolves. */
export class MemoryLedger implements Ledger {
  readonly certificates = new Map<string, StoredCertificate>();
  readonly audit: AuditDraft[] = [];
  readonly blockedKeys = new Set<string>();
  /** While set, recordings wait for it: the disk is slow. */
  hold: Promise<void> | undefined;
  /** While set, recordings are rejected with it: the disk is full. */
  failWith: ErrorCode | undefined;
  readonly #claims = new Map<string, { readonly serial: string; readonly requestHash: string }>();
  readonly #journal: Journal;

  constructor(journal: Journal = []) {
    this.#journal = journal;
  }

  async record({ certificate, claim, audit }: Recording): Promise<RecordingResult> {
    const what = [
      ...(certificate === undefined ? [] : ['certificate']),
      ...audit.map(({ event }) => event),
    ].join(' + ');
    this.#journal.push(`recording ${what}`);
    await this.hold;
    if (this.failWith !== undefined) throw new ChanceryError(this.failWith, 'the disk is full');
    const winner = claim && this.findClaim(claim.principal, claim.key);
    if (winner !== undefined) return { kind: 'claimed', ...winner };
    if (certificate !== undefined) {
      if (this.certificates.has(certificate.serial))
        throw new ChanceryError('store_unavailable', `the serial ${certificate.serial} is taken`);
      this.certificates.set(certificate.serial, { ...certificate, revokedAt: null, revocationReason: null });
      if (claim !== undefined)
        this.#claims.set(keyOf(claim), { serial: certificate.serial, requestHash: claim.requestHash });
    }
    this.audit.push(...audit);
    this.#journal.push(`recorded ${what}`);
    return { kind: 'recorded' };
  }

  findClaim(
    principal: string,
    key: string,
  ): { readonly serial: string; readonly requestHash: string } | undefined {
    return this.#claims.get(keyOf({ principal, key }));
  }

  findCertificate(serial: string): StoredCertificate | undefined {
    return this.certificates.get(serial);
  }

  isKeyBlocked(keyFingerprint: string): boolean {
    return this.blockedKeys.has(keyFingerprint);
  }
}

const keyOf = ({ principal, key }: Pick<IdempotencyClaim, 'principal' | 'key'>): string =>
  JSON.stringify([principal, key]);

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
