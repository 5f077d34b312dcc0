/** What revocation needs of the world. */
import type { AuditDraft } from '../audit/entry.ts';
import type { StoredCrl } from './crl.ts';

/** The newest CRL of each root. */
export interface CrlStore {
  crls(): readonly StoredCrl[];
  /** Replaces the one that there was; durable with its audit entries. Throws `already_exists` where the number does not rise. */
  put(crl: StoredCrl, audit: readonly AuditDraft[]): Promise<void>;
}
