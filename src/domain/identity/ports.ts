import type { Instant } from '../../base/clock.ts';
import type { AuditDraft } from '../audit/entry.ts';
import type { GrantSpec } from './grant.ts';

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
  /** Throws `not_found`. */
  remove(name: string, audit: readonly AuditDraft[]): Promise<void>;
}
