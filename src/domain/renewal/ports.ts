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
  readonly managed?: ManagedCertificate;
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
  /** Adds or replaces a wish and makes it due at once. `expected`: its revision before, `undefined` for a new one; throws `precondition_failed`. */
  put(managed: ManagedCertificate, expected: number | undefined, audit: readonly AuditDraft[]): Promise<void>;
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
  /** Wishes whose current certificate has this serial: to be woken when it is revoked. */
  holding(serial: string): readonly string[];
}
