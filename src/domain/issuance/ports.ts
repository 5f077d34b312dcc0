/** What issuance needs of the world. */
import type { Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { Name } from '../identity/names.ts';
import type { Label, Labels } from './labels.ts';
import type { Generation, GenerationFacts, IssuerPolicy, PendingGeneration, RootFacts } from './issuer.ts';
import type { PreparedCertificate } from './prepared.ts';

/** An issued certificate, as it is stored. */
export interface CertificateRecord {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly generation: string;
  readonly issuer: string;
  readonly profile: string;
  /** Canonical id of who asked. */
  readonly principal: string;
  /** The grant that allowed it. */
  readonly rule: string;
  readonly names: readonly Name[];
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly issuedAt: Instant;
  readonly shard: number;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly keyFingerprint: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
  /** Serial of the certificate that this one renews. */
  readonly renews: string | null;
  /** Who answers for it. */
  readonly owner: string | null;
  readonly labels: Labels;
  readonly der: Bytes;
}

export interface StoredCertificate extends CertificateRecord {
  readonly revokedAt: Instant | null;
  readonly revocationReason: number | null;
  /** When it last logged in here, to half a minute; `null` for never. */
  readonly presentedAt: Instant | null;
}

/** An Idempotency-Key, claimed in the transaction that records what it stands for. */
export interface IdempotencyClaim {
  readonly principal: string;
  readonly key: string;
  /** SHA-256 of the request, hexadecimal: another request under the same key is refused. */
  readonly requestHash: string;
  readonly claimedAt: Instant;
}

export interface Recording {
  readonly certificate?: CertificateRecord;
  readonly claim?: IdempotencyClaim;
  /** A use of this enrolment token is claimed. */
  readonly token?: { readonly id: string; readonly at: Instant };
  /** The ACME order that the certificate is for: who finalizes it first has it. */
  readonly order?: string;
  readonly audit: readonly AuditDraft[];
}

/**
 * `claimed`: another request won the Idempotency-Key; `spent`: others used up the token; `fulfilled`: the order has a
 * certificate already; `revoked`: the certificate that is renewed was revoked meanwhile; `blocked`: the key was blocked.
 * Nothing of this one was recorded.
 */
export type RecordingResult =
  | { readonly kind: 'recorded' }
  | { readonly kind: 'claimed'; readonly serial: string; readonly requestHash: string }
  | { readonly kind: 'spent' }
  | { readonly kind: 'fulfilled' }
  | { readonly kind: 'revoked'; readonly at: Instant }
  | { readonly kind: 'blocked' };

/**
 * The log of record. A resolved promise means that everything of the recording is durable, together; a rejected one
 * (`store_unavailable`, `audit_unavailable`) that the caller must not answer. Recordings of several requests share a
 * transaction; one that fails does not harm its neighbours.
 */
export interface Ledger {
  record(recording: Recording): Promise<RecordingResult>;
  findClaim(
    principal: string,
    key: string,
  ): { readonly serial: string; readonly requestHash: string } | undefined;
  findCertificate(serial: string): StoredCertificate | undefined;
  /** When the certificate was revoked, `null` for never; `undefined` for a serial that was never recorded. */
  findRevocation(serial: string): Instant | null | undefined;
  isKeyBlocked(keyFingerprint: string): boolean;
}

/** Signs leaves and nothing else: it takes no octets, only a `PreparedCertificate`. */
export interface LeafSigner {
  /** DER of the SubjectPublicKeyInfo whose private half would sign for this generation, as the key backend knows it. */
  spki(generation: Generation): Bytes;
  sign(prepared: PreparedCertificate): { readonly tbs: Bytes; readonly signature: Bytes };
}

export interface IssuerDirectory {
  /** `undefined` when there is no such issuer. `current` is absent while none is active. */
  find(
    issuer: string,
  ): { readonly policy: IssuerPolicy; readonly current: Generation | undefined } | undefined;
  /** All issuers that issue with this profile. */
  withProfile(profile: string): readonly string[];
  /** Nothing is signed under this generation any more. Durable, audited. */
  stop(generation: string, reason: string): Promise<void>;
}

/** `valid`: neither expired nor revoked. Computed from facts and now. */
export const CERTIFICATE_STATES = ['valid', 'expired', 'revoked'] as const;
export type CertificateState = (typeof CERTIFICATE_STATES)[number];

export function certificateState(
  { revokedAt, notAfter }: Pick<StoredCertificate, 'revokedAt' | 'notAfter'>,
  now: Instant,
): CertificateState {
  if (revokedAt !== null) return 'revoked';
  return now > notAfter ? 'expired' : 'valid';
}

/** All conditions hold together. `name` matches any name of any kind exactly (canonical value). */
export interface CertificateQuery {
  readonly name?: string;
  readonly serial?: string;
  readonly fingerprint?: string;
  readonly keyFingerprint?: string;
  readonly issuer?: string;
  readonly profile?: string;
  readonly principal?: string;
  readonly owner?: string;
  readonly label?: Label;
  readonly state?: CertificateState;
  readonly expiresBefore?: Instant;
}

/** Newest first. `cursor` is opaque: it comes from the page before. */
export interface CertificatePage {
  readonly certificates: readonly StoredCertificate[];
  readonly cursor: string | undefined;
}

export interface LivingCertificates {
  readonly count: number;
  /** notAfter of the last that expires; `undefined` when none lives. */
  readonly latest: Instant | undefined;
}

/** What was issued, for people and for logins. */
export interface Inventory {
  /** Throws `invalid_cursor`. `limit` is 1 to 500. */
  search(query: CertificateQuery, now: Instant, limit: number, cursor?: string): CertificatePage;
  /** notAfter of the first certificate that is valid now; `undefined` when there is none. */
  firstExpiry(now: Instant): Instant | undefined;
  /** The certificates of a generation that are neither expired nor revoked, without its own OCSP responders. */
  living(generation: string, now: Instant): LivingCertificates;
  count(): number;
  /** The newest certificate that renewed this one. */
  renewal(serial: string): { readonly serial: string; readonly issuedAt: Instant } | undefined;
  /** Remembers when certificates logged in; a time never goes back. What is not on record is passed over. */
  presented(marks: readonly PresentedMark[]): Promise<void>;
}

export interface PresentedMark {
  readonly serial: string;
  readonly at: Instant;
}

/** Roots and generations go from `next` to `current` to `retired`; each step is taken once. */
export interface HierarchyStep {
  readonly of: 'root' | 'generation';
  readonly id: string;
  readonly to: 'current' | 'retired';
  readonly at: Instant;
}

/** Roots and generations. Changes are durable, together with their audit entries. */
export interface AuthorityStore {
  /** In the order in which they were made. */
  roots(): readonly RootFacts[];
  generations(): readonly GenerationFacts[];
  /** Generations that wait for the signature of an offline root. */
  pending(): readonly PendingGeneration[];
  /** Throws `already_exists`, as the next two do. */
  addRoot(root: RootFacts, audit: readonly AuditDraft[]): Promise<void>;
  /** The pending generation of the same id is over. */
  addGeneration(generation: GenerationFacts, audit: readonly AuditDraft[]): Promise<void>;
  addPending(pending: PendingGeneration, audit: readonly AuditDraft[]): Promise<void>;
  /** Throws `not_found`. */
  advance(step: HierarchyStep, audit: readonly AuditDraft[]): Promise<void>;
  stopGeneration(id: string, reason: string, audit: readonly AuditDraft[]): Promise<void>;
  /** The past of an imported generation is on record: its CRLs are held back no longer. Throws `not_found`. */
  releaseCrls(id: string, audit: readonly AuditDraft[]): Promise<void>;
}

/** Seals secrets at rest. */
export interface SecretBox {
  seal(secret: Bytes, context: string): Bytes;
  /** `undefined` when it was not sealed here, or under another context. */
  open(sealed: Bytes, context: string): Bytes | undefined;
}
