/** What revocation needs of the world. */
import type { Instant } from '../../base/clock.ts';
import type { CrlReason } from '../../x509/crl.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { StoredCrl } from './crl.ts';

/** The newest CRL of each root. */
export interface CrlStore {
  crls(): readonly StoredCrl[];
  /**
   * Replaces the one that there was; durable with its audit entries. `added` is what it revokes and the one before did
   * not: the journal is told, with the name of the root as the generation. Throws `already_exists` where the number does
   * not rise.
   */
  put(crl: StoredCrl, audit: readonly AuditDraft[], added?: readonly Revocation[]): Promise<void>;
  /** What the journal says that a root revoked, whether its newest CRL on record names it or not. */
  journaled(root: string): readonly Revocation[];
}

/** That a certificate of a generation is revoked. It is never taken back; only its reason can become keyCompromise. */
export interface Revocation {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly generation: string;
  readonly shard: number;
  /** End of the certificate: its entry leaves the CRL after it. */
  readonly notAfter: Instant;
  readonly revokedAt: Instant;
  readonly reason: CrlReason;
}

export interface StoredRevocation extends Revocation {
  /** Rises within the generation with every record: what a CRL covers is said by the highest one in it. */
  readonly sequence: number;
  readonly recordedAt: Instant;
  /** When our own probe saw it published; `null` until then. */
  readonly crlSeenAt: Instant | null;
  readonly ocspSeenAt: Instant | null;
}

export interface RevocationOrder {
  readonly revocation: Revocation;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal: no later request gets a certificate for this key. */
  readonly blockKey: string | undefined;
  /** Recorded with it, unless it was revoked already with a reason that stays. */
  readonly audit: readonly AuditDraft[];
}

/**
 * `raised`: it was revoked already, and its reason is keyCompromise from now on. `blocked`: nothing about it is new but
 * that its key is blocked from now on. `already`: nothing is, and nothing was recorded.
 */
export type RevocationResult = 'revoked' | 'raised' | 'blocked' | 'already';

/** A key that no later request gets a certificate for, whether it has certificates or not. */
export interface KeyBlock {
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly key: string;
  readonly blockedAt: Instant;
}

/** What is revoked. A resolved promise means durable, with the audit entries; each order is O(1). */
export interface RevocationStore {
  /** All orders in one transaction; one result each, in order. */
  revoke(orders: readonly RevocationOrder[], recordedAt: Instant): Promise<readonly RevocationResult[]>;
  /** False where the key was blocked already: nothing was recorded. */
  block(key: KeyBlock, audit: readonly AuditDraft[]): Promise<boolean>;
  find(generation: string, serial: string): StoredRevocation | undefined;
  /** What OCSP says: `unknown` for a serial that the generation never gave out. */
  status(generation: string, serial: string): SerialStatus;
  /** Revocations that our own probe has not seen yet, oldest first. */
  unseen(limit: number): readonly StoredRevocation[];
  seen(marks: readonly SeenMark[]): Promise<void>;
  /** Serials of certificates that are not on record here: of an imported issuer, or from the journal. */
  addKnown(serials: readonly KnownSerial[], audit: readonly AuditDraft[]): Promise<void>;
  findKnown(generation: string, serial: string): KnownSerial | undefined;
}

export type SerialStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly revokedAt: Instant; readonly reason: CrlReason }
  | { readonly kind: 'unknown' };

export interface SeenMark {
  readonly generation: string;
  readonly serial: string;
  readonly crlSeenAt?: Instant;
  readonly ocspSeenAt?: Instant;
}

export interface KnownSerial {
  readonly generation: string;
  readonly serial: string;
  readonly shard: number;
  readonly notAfter: Instant;
}

/** What a CRL of a generation covers: everything (`full`, without issuingDistributionPoint), or one shard. */
export type CrlScope = 'full' | number;

/** The newest CRL of a scope, as it is on record; its octets are a file in the data folder. */
export interface PublishedCrl {
  readonly generation: string;
  readonly scope: CrlScope;
  readonly number: bigint;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** The highest `sequence` of a revocation that it takes into account; 0 for none. */
  readonly covers: number;
  readonly entries: number;
  /** Name of the file, unique for this number. */
  readonly file: string;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
  readonly size: number;
}

/** The newest CRL of each scope of each generation. */
export interface PublishedCrlStore {
  published(): readonly PublishedCrl[];
  /** Replaces those of the same scopes, all or none; throws `already_exists` where a number does not rise. */
  publish(crls: readonly PublishedCrl[], audit: readonly AuditDraft[]): Promise<void>;
  /** The highest `sequence` of a revocation of the generation, of one shard or of all; 0 for none. */
  latestSequence(generation: string, scope: CrlScope): number;
  /** Puts back what a published CRL names and the records have lost; those that are there stay. Says how many. */
  putBack(
    revocations: readonly Revocation[],
    recordedAt: Instant,
    audit: readonly AuditDraft[],
  ): Promise<number>;
}

/**
 * What the journal at a second place is told before the store commits: enough to forget nothing when an older backup is
 * restored. A record there without its commit takes effect all the same.
 */
export type JournalRecord =
  | ({ readonly kind: 'issued' } & KnownSerial)
  | ({
      readonly kind: 'revoked';
      readonly recordedAt: Instant;
      readonly blockKey: string | null;
    } & Revocation)
  | {
      readonly kind: 'crl';
      /** Of a root, its name. */
      readonly generation: string;
      readonly scope: CrlScope;
      readonly number: bigint;
      readonly thisUpdate: Instant;
    }
  /** A key that was blocked without a revocation. */
  | { readonly kind: 'blocked'; readonly key: string; readonly blockedAt: Instant };
