import { acmeStoreContract } from '../contract/acme-store.ts';
import { auditLogContract } from '../contract/audit-log.ts';
import { authorityStoreContract } from '../contract/authority-store.ts';
import { grantStoreContract } from '../contract/grant-store.ts';
import { publishedCrlStoreContract } from '../contract/published-crl-store.ts';
import { revocationStoreContract } from '../contract/revocation-store.ts';
import { scheduledRevocationContract } from '../contract/scheduled-revocations.ts';
import { tokenStoreContract } from '../contract/token-store.ts';
import { inventoryContract } from '../contract/inventory.ts';
import { ledgerContract } from '../contract/ledger.ts';
import type { StoreBackend } from '../contract/store-backend.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { openTestStore } from './sqlite/test-store.ts';

const BACKENDS: readonly StoreBackend[] = [
  { name: 'the store in memory', open: () => new MemoryStore() },
  { name: 'SQLite', open: () => openTestStore() },
];

for (const backend of BACKENDS) {
  ledgerContract(backend);
  inventoryContract(backend);
  auditLogContract(backend);
  grantStoreContract(backend);
  tokenStoreContract(backend);
  authorityStoreContract(backend);
  revocationStoreContract(backend);
  scheduledRevocationContract(backend);
  publishedCrlStoreContract(backend);
  acmeStoreContract(backend);
}
