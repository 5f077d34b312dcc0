/** How contract suites get a store: every backend of the ports of record is one of these. */
import type { Instant } from '../../src/base/clock.ts';
import type { AcmeStore } from '../../src/domain/acme/ports.ts';
import type { AuditLog } from '../../src/domain/audit/ports.ts';
import type { GrantStore, TokenStore } from '../../src/domain/identity/ports.ts';
import type { AuthorityStore, Inventory, Ledger } from '../../src/domain/issuance/ports.ts';
import type { Forget } from '../../src/domain/issuance/retention.ts';
import type { ScheduledRevocationStore } from '../../src/domain/revocation/scheduled.ts';
import type { ForgetRevocations } from '../../src/domain/revocation/retention.ts';
import type { CrlStore, PublishedCrlStore, RevocationStore } from '../../src/domain/revocation/ports.ts';

export interface TestStore {
  readonly ledger: Ledger;
  readonly inventory: Inventory;
  readonly authorities: AuthorityStore;
  readonly crls: CrlStore;
  readonly revocations: RevocationStore;
  readonly scheduled: ScheduledRevocationStore;
  readonly publishedCrls: PublishedCrlStore;
  readonly audit: AuditLog;
  readonly grants: GrantStore;
  readonly tokens: TokenStore;
  readonly acme: AcmeStore;
  latestAuditTime(): Instant;
  pruneClaims(before: Instant): Promise<number>;
  readonly forgetCertificates: Forget;
  readonly forgetRevocations: ForgetRevocations;
  /** Marks a certificate as revoked, as `revocations.revoke` does, and does nothing else. */
  revoke(serial: string, at: Instant, reason: number): void;
  block(keyFingerprint: string): void;
}

export interface StoreBackend {
  readonly name: string;
  /** An empty store of this test's own, closed when the test is over. */
  readonly open: () => TestStore;
}
