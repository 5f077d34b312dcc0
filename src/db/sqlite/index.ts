/** The store on one SQLite file: every port that remembers something, behind one writer. */
import type { Database } from 'better-sqlite3';
import type { Clock, Instant } from '../../base/clock.ts';
import type { ChanceryError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { AcmeStore } from '../../domain/acme/ports.ts';
import type { AuditLog, WebhookPlaces } from '../../domain/audit/ports.ts';
import type { GrantStore, TokenStore } from '../../domain/identity/ports.ts';
import type { AuthorityStore, Inventory, Ledger } from '../../domain/issuance/ports.ts';
import type { Forget } from '../../domain/issuance/retention.ts';
import type { CrlStore, PublishedCrlStore, RevocationStore } from '../../domain/revocation/ports.ts';
import type { JournalBook } from '../../domain/revocation/journal-book.ts';
import type { ForgetRevocations } from '../../domain/revocation/retention.ts';
import type { ScheduledRevocationStore } from '../../domain/revocation/scheduled.ts';
import { openAcmeStore } from './acme/index.ts';
import type { PublishableSerials } from '../../domain/revocation/publication.ts';
import type { ManagedStore, PublicAuthorityStore } from '../../domain/renewal/ports.ts';
import { AuditAppender } from './audit-appender.ts';
import { openAuditLog } from './audit-log.ts';
import { openAuthorities } from './authorities.ts';
import { openClaims } from './claims.ts';
import { openCrls } from './crls.ts';
import { openForgetRevocations } from './forget-revocations.ts';
import { openGrants } from './grants.ts';
import { openInventory } from './inventory.ts';
import { openJournalBook } from './journal-book.ts';
import { openLedger } from './ledger.ts';
import { cannotOpen, openDatabase } from './open.ts';
import { openPublishable } from './publishable.ts';
import { openManaged } from './managed.ts';
import { openWebhookPlaces } from './webhook-places.ts';
import { openPublicAuthorities } from './public-authorities.ts';
import { openTokens } from './tokens.ts';
import { openProbe } from './probe.ts';
import { openPublishedCrls } from './published-crls.ts';
import { openRetention } from './retention.ts';
import { openRevocations } from './revocations.ts';
import { openScheduledRevocations } from './scheduled-revocations.ts';
import { type StoreHealth, Writer } from './writer.ts';

export type { StoreHealth } from './writer.ts';

export interface StoreOptions {
  /** Path of the database file; its folder exists. Made with mode 0600. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Called once, when the store can never again be believed (fsync failed, the file is corrupt): everything that waits
   * was rejected, everything later will be. The program goes red and exits non-zero.
   */
  readonly onFatal: (error: ChanceryError) => void;
  /** Called before each migration of a database that has a schema already; the file then holds everything (no WAL). */
  readonly beforeMigration?: (from: number, to: number) => void;
}

export interface Store {
  readonly ledger: Ledger;
  readonly inventory: Inventory;
  readonly authorities: AuthorityStore;
  readonly crls: CrlStore;
  readonly revocations: RevocationStore;
  readonly scheduled: ScheduledRevocationStore;
  readonly journal: JournalBook;
  readonly publishedCrls: PublishedCrlStore;
  readonly publishable: PublishableSerials;
  readonly audit: AuditLog;
  readonly grants: GrantStore;
  readonly tokens: TokenStore;
  readonly managed: ManagedStore;
  readonly publicAuthorities: PublicAuthorityStore;
  readonly webhooks: WebhookPlaces;
  readonly acme: AcmeStore;
  /** What the last write showed; costs nothing. After a failure only another write (`probe`) turns it green. */
  health(): StoreHealth;
  /** Resolves when a write of 64 KiB is durable, rejects like `Ledger.record` does. For while `health` is not ok. */
  probe(): Promise<void>;
  /** The latest time in the audit log, 0 for an empty one: what the clock guard compares with. From memory. */
  latestAuditTime(): Instant;
  /** Forgets Idempotency-Keys that were claimed before `before`, at most one batch; says how many. */
  pruneClaims(before: Instant): Promise<number>;
  /** Forgets certificates that expired long ago, at most one batch; says how many. */
  readonly forgetCertificates: Forget;
  /** Forgets revocations that no CRL needs any more, at most one batch; says how many. */
  readonly forgetRevocations: ForgetRevocations;
  /** Writes what waits, then closes the file. Later writes are rejected with `shutting_down`. */
  close(): Promise<void>;
}

/**
 * Opens the file, makes or migrates its schema. Throws `newer_schema` for a database of a newer release,
 * `unsafe_files`, `invalid_configuration` or `store_unavailable` for a file that cannot be used.
 */
export function openStore(options: StoreOptions): Store {
  const database = openDatabase(options);
  try {
    return furnish(database, options);
  } catch (error) {
    database.close();
    throw cannotOpen(options.file, error);
  }
}

function furnish(database: Database, options: StoreOptions): Store {
  const audit = new AuditAppender(database);
  const writer = new Writer({ ...options, database, audit });
  const rooms = { database, audit, writer };
  const inventory = openInventory(rooms);
  const claims = openClaims(rooms);
  const tokens = openTokens(rooms);
  const acme = openAcmeStore(rooms);
  return {
    ledger: openLedger(rooms, claims, inventory, tokens, acme.orders),
    inventory,
    authorities: openAuthorities(rooms),
    crls: openCrls(rooms),
    revocations: openRevocations(rooms),
    scheduled: openScheduledRevocations(rooms),
    journal: openJournalBook(rooms),
    publishedCrls: openPublishedCrls(rooms),
    publishable: openPublishable(rooms),
    audit: openAuditLog(rooms),
    grants: openGrants(rooms),
    tokens,
    managed: openManaged(rooms),
    publicAuthorities: openPublicAuthorities(rooms),
    webhooks: openWebhookPlaces(rooms),
    acme,
    health: () => writer.health(),
    probe: openProbe(rooms, options.clock),
    latestAuditTime: () => audit.latestTime(),
    pruneClaims: (before) => claims.prune(before),
    forgetCertificates: openRetention(rooms, inventory),
    forgetRevocations: openForgetRevocations(rooms),
    close: () => writer.close(),
  };
}
