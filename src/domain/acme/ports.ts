/** What the ACME server needs of the world. */
import type { Instant } from '../../base/clock.ts';
import type { Rate } from '../../base/rate.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { Name } from '../identity/names.ts';
import type { Door, Principal } from '../identity/principal.ts';
import type { AcmeAccount } from './account.ts';
import type { AcmeAuthorization, ChallengeAttempt, ValidationType } from './authorization.ts';
import type { StoredExternalKey } from './external-key.ts';
import type { AcmeOrder, Prunable } from './order.ts';

/** Every change is durable, together with its audit entries, when it resolves. So in all of these stores. */
export interface AccountStore {
  find(id: string): AcmeAccount | undefined;
  findByKey(issuer: string, keyFingerprint: string): AcmeAccount | undefined;
  /** Whether an account of any directory has the key. */
  hasKey(keyFingerprint: string): boolean;
  /**
   * Adds the account and counts the use of its external key. Who comes second with the same key at the same directory
   * gets the account that is there; `spent`: the external key was used up, expired or revoked meanwhile.
   */
  add(account: AcmeAccount, audit: readonly AuditDraft[]): Promise<AcmeAccount | 'spent'>;
  /** Throws `not_found`. */
  change(id: string, change: AccountChange, audit: readonly AuditDraft[]): Promise<AcmeAccount>;
  /** Gives the account another key; the account that has that key already where one does. Throws `not_found`. */
  changeKey(
    id: string,
    key: Pick<AcmeAccount, 'jwk' | 'keyFingerprint'>,
    audit: readonly AuditDraft[],
  ): Promise<AcmeAccount>;
  /** Newest first, those older than `before`. */
  list(issuer: string | undefined, limit: number, before?: string): readonly AcmeAccount[];
}

export interface AccountChange {
  readonly contact?: readonly string[];
  readonly termsAgreedAt?: Instant;
  /** The first time stays. */
  readonly deactivatedAt?: Instant;
}

export interface ExternalKeyStore {
  add(key: StoredExternalKey, audit: readonly AuditDraft[]): Promise<void>;
  find(id: string): StoredExternalKey | undefined;
  /** Newest first. */
  list(limit: number): readonly StoredExternalKey[];
  /** Throws `not_found`. Revoking twice keeps the first time. */
  revoke(id: string, at: Instant, audit: readonly AuditDraft[]): Promise<void>;
}

/** Says of an earlier order whether it still stands: one that failed may be repeated. */
export type Stands = (order: AcmeOrder, authorizations: readonly AcmeAuthorization[]) => boolean;

export interface OrderStore {
  find(id: string): AcmeOrder | undefined;
  findByCertificate(serial: string): AcmeOrder | undefined;
  /** `replaced`: an order that stands replaces the same certificate already; nothing was added. */
  add(
    order: AcmeOrder,
    authorizations: readonly AcmeAuthorization[],
    audit: readonly AuditDraft[],
    stands: Stands,
  ): Promise<'added' | 'replaced'>;
  /** Notes why finalizing was refused. */
  refuse(id: string, refusal: string): Promise<void>;
  /** Newest first, those older than `before`. */
  list(
    query: { readonly account?: string; readonly issuer?: string },
    limit: number,
    before?: string,
  ): readonly AcmeOrder[];
  /** Forgets what nobody needs any more, one batch at most; says how many. */
  prune(what: Prunable): Promise<number>;
}

export interface AuthorizationStore {
  find(id: string): AcmeAuthorization | undefined;
  /** Those of an account for one name, wildcard or not, newest first. */
  findForName(account: string, name: Name, limit: number): readonly AcmeAuthorization[];
  /** Notes that the client answered the challenge; false when one of the authorization was answered before. */
  begin(id: string, type: ValidationType, at: Instant): Promise<boolean>;
  /** Notes how it ended, and that it was begun where nothing is on record of any; the first time stays. */
  settle(id: string, attempt: ChallengeAttempt, audit: readonly AuditDraft[]): Promise<void>;
  /** The first time stays. */
  deactivate(id: string, at: Instant, audit: readonly AuditDraft[]): Promise<void>;
  /** Those with a challenge that was answered and has not ended: a crash left them behind. */
  unsettled(limit: number): readonly AcmeAuthorization[];
}

/** A window that an operator moved for all certificates of an issuer up to then (RFC 9773 4.2). */
export interface MovedWindow {
  readonly id: string;
  readonly issuer: string;
  /** Certificates that were issued up to here. */
  readonly issuedUntil: Instant;
  readonly start: Instant;
  readonly end: Instant;
  readonly explanationUrl: string | null;
}

export interface WindowStore {
  move(window: MovedWindow, audit: readonly AuditDraft[]): Promise<void>;
  /** Newest first. */
  windows(issuer: string): readonly MovedWindow[];
}

export interface RateStore {
  /**
   * Takes one from each of the buckets, or from none: then it says when the fullest one has room again. The keys say
   * what is counted: `order:account:…`. Of a bucket that is only looked at nothing is taken.
   */
  take(
    buckets: readonly { readonly key: string; readonly rate: Rate; readonly look?: boolean }[],
    now: Instant,
  ): Promise<
    { readonly allowed: true } | { readonly allowed: false; readonly key: string; readonly at: Instant }
  >;
  /** Forgets buckets that are empty again; says how many. */
  prune(now: Instant): Promise<number>;
}

export interface AcmeStore {
  readonly accounts: AccountStore;
  readonly externalKeys: ExternalKeyStore;
  readonly orders: OrderStore;
  readonly authorizations: AuthorizationStore;
  readonly windows: WindowStore;
  readonly rates: RateStore;
}

export interface Revoking {
  readonly principal: Principal;
  readonly door: Door;
  /** Whether the request was signed with the certificate's own key. */
  readonly holdsKey: boolean;
}

/** Revokes a certificate that is on record; who may was decided. `reason` is a number of RFC 5280 5.3.1. */
export interface Revoker {
  /** Durable and audited when it resolves; `already` for a certificate that was revoked before and stays as it is. */
  revoke(serial: string, reason: number, by: Revoking): Promise<'revoked' | 'already'>;
}
