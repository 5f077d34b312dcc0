import type { Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { GrantSpec } from './grant.ts';
import type { Principal } from './principal.ts';
import type { StoredToken, Token } from './token.ts';

export interface StoredGrant {
  readonly name: string;
  readonly spec: GrantSpec;
  readonly createdBy: string;
  readonly createdAt: Instant;
}

/** Grants that were made through the API. Changes are durable, together with their audit entries. */
export interface GrantStore {
  list(): readonly StoredGrant[];
  /** Throws `already_exists`. */
  add(grant: StoredGrant, audit: readonly AuditDraft[]): Promise<void>;
  /** The grant of the same name says something else from now on. Throws `not_found`, as the next one does. */
  replace(grant: StoredGrant, audit: readonly AuditDraft[]): Promise<void>;
  remove(name: string, audit: readonly AuditDraft[]): Promise<void>;
}

/** Enrolment tokens. Uses are counted by the Ledger, with the certificates that they stand for. */
export interface TokenStore {
  /** `secretHash`: SHA-256 of the secret. Durable with its audit entries when it resolves. */
  add(token: Token, secretHash: Uint8Array, audit: readonly AuditDraft[]): Promise<void>;
  findBySecret(secretHash: Uint8Array): StoredToken | undefined;
  find(id: string): StoredToken | undefined;
  /** Newest first. */
  list(limit: number): readonly StoredToken[];
  /** Throws `not_found`. Revoking twice keeps the first time. */
  revoke(id: string, at: Instant, audit: readonly AuditDraft[]): Promise<void>;
  /** Forgets tokens that expired before `before`; says how many. */
  prune(before: Instant): Promise<number>;
}

/** Tokens of the login providers. */
export interface JwtAuthenticator {
  /** Rejects with `credential_rejected`, or `login_provider_unavailable` while keys cannot be had. */
  authenticate(token: string): Promise<Principal>;
}
