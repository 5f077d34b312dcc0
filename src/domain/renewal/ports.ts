/** What the loop needs of the world. */
import type { Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { ManagedCertificate } from './managed.ts';
import type { Version } from './version.ts';

/** A key pair on its way to a target. */
export interface Pair {
  readonly managed: string;
  readonly version: number;
  /** DER of the leaf. */
  readonly certificate: Bytes;
  /** SHA-256 of the leaf, hexadecimal: what two pairs are compared by. */
  readonly fingerprint: string;
  /** DER, issuing CA first; no root. */
  readonly chain: readonly Bytes[];
  /** DER of the anchors that the chain leads to, where they are known. */
  readonly roots: readonly Bytes[];
  /** PKCS#8. */
  readonly privateKey: Bytes;
}

export interface Receipt {
  /** `unchanged`: this pair was there already. */
  readonly outcome: 'stored' | 'unchanged';
  /** Where it is, for people: a path, a version id. */
  readonly location: string;
  /** What was done so that the service takes it; `null` for nothing. */
  readonly reload: string | null;
}

/**
 * A place for pairs. Every adapter runs the same contract suite: a pair is stored as one, or not at all; the same pair
 * again changes nothing; what was stored is read back and compared before the promise resolves.
 */
export interface Target {
  /** Throws `delivery_refused` (no retry helps: policy, layout) or `delivery_failed` (it is tried again). */
  deliver(pair: Pair): Promise<Receipt>;
  /** SHA-256 of the leaf that is stored; `undefined` where there is none. */
  stored(): Promise<string | undefined>;
  /** Forgets every pair but the one that is stored. */
  forgetPrevious(): Promise<void>;
  /** Everything up to the swap, with a throw-away pair; what is served stays as it is. */
  rehearse(pair: Pair): Promise<string>;
}

/** What one endpoint serves. */
export interface Sight {
  /** `192.0.2.1:443` */
  readonly address: string;
  /** DER of the leaf; `undefined`: unreachable, or no certificate. */
  readonly certificate: Bytes | undefined;
  /** Why not, or what is wrong with it although it came. */
  readonly fault: string | undefined;
}

/** Looks at every instance behind a probe. Never throws for what it sees. */
export interface Probe {
  look(signal: AbortSignal): Promise<readonly Sight[]>;
}

export interface Seen extends Sight {
  readonly probe: string;
  readonly at: Instant;
}

/** What of a version is too large or too secret for its facts. Sealed parts were sealed by the caller. */
export interface Material {
  /** PKCS#8, sealed; `null` once it is forgotten. */
  readonly sealedKey: Bytes | null;
  /** DER, leaf first; empty until it is issued. */
  readonly certificates: readonly Bytes[];
  /** Where its order stands at a public CA. */
  readonly order: OrderProgress | null;
}

export interface OrderProgress {
  readonly authority: string;
  readonly intendedAt: Instant | null;
  readonly orderUrl: string | null;
}

/** A managed certificate in somebody's hands: whoever has a newer token took it over. */
export interface Claim {
  readonly name: string;
  readonly token: number;
}

export interface Progress {
  /** Made to the wish as it is then: people may have changed it meanwhile. */
  readonly managed?: (now: ManagedCertificate) => ManagedCertificate;
  /** Replaced by number, or added. */
  readonly versions?: readonly Version[];
  /** What is left out stays as it is. */
  readonly materials?: readonly ({ readonly version: number } & Partial<Material>)[];
  readonly audit: readonly AuditDraft[];
}

export interface ManagedQuery {
  readonly set?: string | null;
  readonly limit: number;
  /** Names after this one. */
  readonly after?: string | undefined;
}

/**
 * Wishes and their versions. Changes are durable, with their audit entries. Who works on one has claimed it; what a
 * stale holder reports is refused (`claim_lost`), for the token is compared in the write.
 */
export interface ManagedStore {
  find(name: string): ManagedCertificate | undefined;
  list(query: ManagedQuery): readonly ManagedCertificate[];
  count(): number;
  /** Versions that are not over, by number. */
  living(name: string): readonly Version[];
  /** All versions, newest first. */
  history(name: string, limit: number): readonly Version[];
  material(name: string, version: number): Material | undefined;
  /**
   * Adds or changes a wish and makes it due at once. `make` gets it as it is in the transaction, `undefined` where there
   * is none; what it throws is thrown, and nothing was changed. Throws `already_exists` for a place that is another's.
   */
  put(
    name: string,
    make: (before: ManagedCertificate | undefined) => ManagedCertificate,
    audit: readonly AuditDraft[],
  ): Promise<ManagedCertificate>;
  /** With all its versions. Throws `not_found`. */
  remove(name: string, audit: readonly AuditDraft[]): Promise<void>;
  /** Makes it due at once. */
  wake(names: readonly string[], now: Instant): Promise<void>;
  /** Takes what is due and nobody holds, the longest due first. */
  claim(now: Instant, limit: number, until: Instant): Promise<readonly Claim[]>;
  /** Holds on. Throws `claim_lost`. */
  extend(claim: Claim, until: Instant): Promise<void>;
  /** Throws `claim_lost`. */
  record(claim: Claim, progress: Progress): Promise<void>;
  /** Lets go of it until `dueAt`. Throws `claim_lost`. */
  release(claim: Claim, dueAt: Instant): Promise<void>;
  /** When the next one is due; `undefined` when none will ever be. */
  nextDue(): Instant | undefined;
  /** Wishes of which a version that is not over has this serial: to be woken when it is revoked. */
  holding(serial: string): readonly string[];
}

/** What is asked of whoever signs. */
export interface CertificateAsk {
  readonly managed: ManagedCertificate;
  readonly version: Version;
  /** PKCS#8 of the key to be certified. */
  readonly privateKey: Bytes;
  /** DER of the leaf that it takes the place of. */
  readonly replaces: Bytes | undefined;
  readonly progress: OrderProgress | null;
  /** Durable when the promise resolves. */
  readonly save: (progress: OrderProgress) => Promise<void>;
  /** What happens, for people who watch. */
  readonly report: (message: string) => void;
  readonly signal: AbortSignal;
}

export interface Obtained {
  /** DER, leaf first. */
  readonly certificates: readonly Bytes[];
  /** A generation of ours, or the name of a public CA. */
  readonly issuedBy: string;
  readonly window: { readonly start: Instant; readonly end: Instant } | null;
}

/** Ours through the pipeline, public ones through an order; both go on where they were cut off. */
export interface CertificateSource {
  /** Throws `OrderFault`. */
  obtain(ask: CertificateAsk): Promise<Obtained>;
  /** Asks the CA when it wants the certificate renewed (RFC 9773); `undefined`: it does not say. */
  window(
    issuedBy: string,
    leaf: Bytes,
  ): Promise<{ readonly start: Instant; readonly end: Instant; readonly askAgainAt: Instant } | undefined>;
  /** Reason superseded. */
  revoke(issuedBy: string, leaf: Bytes): Promise<void>;
}

/** Why no certificate came. `over`: this order is lost, another one may be made after the ladder. */
export class OrderFault extends Error {
  override readonly name = 'OrderFault';
  readonly over: boolean;
  readonly retryAt: Instant | undefined;

  constructor(message: string, over: boolean, retryAt?: Instant, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.over = over;
    this.retryAt = retryAt;
  }
}

/** What people and machines are told of a managed certificate. */
export const RENEWAL_EVENTS = [
  'ordered',
  'renewed',
  'staged',
  'verified',
  'not-served',
  'rolled-back',
  'degraded',
  'retired',
  'order-failed',
  'delivery-failed',
] as const;

export interface RenewalEvent {
  readonly type: (typeof RENEWAL_EVENTS)[number];
  readonly time: Instant;
  readonly managed: string;
  readonly version: number;
  readonly owner: string | null;
  readonly serial: string | null;
  /** The cause, where something went wrong. */
  readonly cause: string | null;
  readonly nextTryAt: Instant | null;
  /** Kind of the target, where one failed. */
  readonly target: string | null;
}

/** A public CA as it was declared. */
export interface PublicAuthority {
  readonly name: string;
  readonly set: string | null;
  readonly spec: unknown;
}

/** Our account at a CA, by its directory; the key is sealed. */
export interface PublicAccount {
  readonly directory: string;
  /** `null` until it is registered. */
  readonly url: string | null;
  readonly sealedKey: Bytes;
}

/** Public CAs and our accounts there. Durable, with their audit entries. */
export interface PublicAuthorityStore {
  authorities(): readonly PublicAuthority[];
  putAuthority(authority: PublicAuthority, audit: readonly AuditDraft[]): Promise<void>;
  /** Throws `not_found`. The account stays: its limits at the CA do, too. */
  removeAuthority(name: string, audit: readonly AuditDraft[]): Promise<void>;
  account(directory: string): PublicAccount | undefined;
  putAccount(account: PublicAccount, audit: readonly AuditDraft[]): Promise<void>;
  /** When validations of this name failed there, oldest first, since a time (at most a day ago). */
  failures(directory: string, name: string, since: Instant): readonly Instant[];
  /** Counts one for each name. */
  noteFailure(directory: string, names: readonly string[], at: Instant): Promise<void>;
}
