/** What the operations of /api/v1 need. One object, every member required. */
import type { LoginProvider } from '../../api/logins.ts';
import type { Clock, Instant } from '../../base/clock.ts';
import type { OperatorPorts } from '../../domain/acme/operator.ts';
import type { SchedulePorts } from '../../domain/revocation/schedule.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import type { AuditHead } from '../../domain/audit/head.ts';
import type { AuditLog } from '../../domain/audit/ports.ts';
import type { LoginRules } from '../../domain/identity/authenticate.ts';
import type { GrantBook } from '../../domain/identity/grant-book.ts';
import type { JwtAuthenticator, TokenStore } from '../../domain/identity/ports.ts';
import type { TrustDomain } from '../../domain/identity/spiffe-id.ts';
import type { IssuancePorts } from '../../domain/issuance/issue.ts';
import type { GenerationState } from '../../domain/issuance/generations.ts';
import type { Generation, IssuerPolicy, PendingGeneration, Root } from '../../domain/issuance/issuer.ts';
import type { Inventory } from '../../domain/issuance/ports.ts';
import type { CaReason } from '../../domain/revocation/ca-revocation.ts';
import type { StoredCrl } from '../../domain/revocation/crl.ts';
import type { CrlScope, PublishedCrl } from '../../domain/revocation/ports.ts';
import type { PastMaterial } from '../../domain/revocation/imported-past.ts';
import type { RevocationPorts } from '../../domain/revocation/request.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { Answered, RefusalOfAnonymous } from './exchange.ts';
import type { ManagedPorts } from './managed-ports.ts';

/** Roots, issuers and generations as they are now. */
export interface AuthorityView {
  roots(): readonly Root[];
  policies(): readonly IssuerPolicy[];
  generations(issuer: string): readonly Generation[];
  generation(id: string): Generation | undefined;
  root(name: string): Root | undefined;
  /** What clients of a line of roots have to trust, the one that signs first. */
  bundle(line: string): readonly Root[];
  state(generation: Generation): GenerationState;
  rootState(root: Root): GenerationState;
  pendingOf(issuer: string): PendingGeneration | undefined;
}

/** Who changes the hierarchy, as the audit log says it. */
export type Actor = Pick<AuditDraft, 'principal' | 'door' | 'requestId' | 'address'>;

/** A generation; or the request for one, where the root that has to sign is offline. */
export type PreparedNext =
  | { readonly kind: 'prepared'; readonly generation: Generation }
  | { readonly kind: 'requested'; readonly pending: PendingGeneration };

/** An issuer that was made elsewhere. */
export interface IssuerMaterial {
  readonly pkcs8: Bytes;
  readonly certificate: Bytes;
  /** Left out: one of the roots that there are. */
  readonly root: Bytes | undefined;
  /** It never published a CRL, so that the first one here takes nothing back. */
  readonly noPreviousCrl: boolean;
}

/** What an imported issuer did elsewhere. */
export interface PastActions {
  /** Rejects with `chain_rejected`, `invalid_request`, `not_ready` for a generation whose past is known. */
  import(id: string, past: PastMaterial, actor: Actor): Promise<ImportedCounts>;
}

export interface ImportedCounts {
  readonly generation: Generation;
  readonly known: number;
  readonly revocations: number;
  /** Of its last CRL; `undefined` where none was given, or it has none. */
  readonly crlNumber: bigint | undefined;
}

/** Changes of generations, one at a time. Each throws `not_found`, `not_ready`, `would_strand` where it is not its time. */
export interface GenerationActions {
  prepare(issuer: string, actor: Actor): Promise<PreparedNext>;
  /** Throws `chain_rejected` and `lint_failed`, too. */
  import(certificate: Bytes, actor: Actor): Promise<Generation>;
  importIssuer(issuer: string, material: IssuerMaterial, actor: Actor): Promise<Generation>;
  activate(id: string, actor: Actor): Promise<Generation>;
  retire(id: string, actor: Actor): Promise<Generation>;
}

/** Changes of roots, likewise. */
export interface RootActions {
  prepare(line: string, actor: Actor): Promise<Root>;
  /** Throws `chain_rejected` and `lint_failed`, too. */
  import(name: string, certificate: Bytes, actor: Actor): Promise<Root>;
  activate(name: string, actor: Actor): Promise<Root>;
  retire(name: string, actor: Actor): Promise<Root>;
  importCrl(der: Bytes, actor: Actor): Promise<StoredCrl>;
  /** Dates its CRL by the clock as it is, where one that had leapt ahead dated it; else nothing happens. */
  acceptClock(name: string, actor: Actor): Promise<void>;
  /** Throws `root_offline`, `already_exists` for one that is revoked, too. */
  revokeGeneration(id: string, reason: CaReason, actor: Actor): Promise<Generation>;
}

/** What is published of one scope of a generation. */
export interface IssuerCrlView {
  readonly generation: string;
  readonly scope: CrlScope;
  readonly url: string;
  readonly crl: PublishedCrl | undefined;
  /** Why the next one was not published. */
  readonly problem: string | undefined;
}

/** CRLs of issuers. */
export interface IssuerCrlActions {
  view(): readonly IssuerCrlView[];
  /** All scopes anew; rejects with `crl_refused`, `not_ready`, `lint_failed`, `self_check_failed`. */
  publish(generation: string, acceptClock: boolean, actor: Actor): Promise<readonly PublishedCrl[]>;
}

export interface AdminPorts {
  readonly clock: Clock;
  readonly trustDomain: TrustDomain;
  readonly version: string;
  readonly startedAt: Instant;
  readonly issuance: IssuancePorts;
  readonly inventory: Inventory;
  readonly revocation: RevocationPorts;
  readonly acme: OperatorPorts;
  readonly schedule: SchedulePorts;
  readonly authority: AuthorityView;
  readonly generations: GenerationActions;
  readonly past: PastActions;
  readonly roots: RootActions;
  readonly crls: IssuerCrlActions;
  readonly managed: ManagedPorts;
  readonly grants: GrantBook;
  readonly tokens: TokenStore;
  /** What a token tells its holder: where to go, and which root to expect there. */
  readonly enrolment: () => { readonly url: string; readonly root: string };
  readonly loginRules: LoginRules;
  /** A certificate logged in; remembered, and written later. */
  readonly presented: (serial: string) => void;
  readonly jwt: JwtAuthenticator;
  /** Where people log in. */
  readonly loginProviders: readonly LoginProvider[];
  readonly audit: AuditLog;
  /** Signs the end of the log now and keeps the head; `undefined` for a log without entries. */
  readonly signHead: () => Promise<AuditHead | undefined>;
  /** The lines of an export, ended by a fresh head. */
  readonly exportAudit: () => AsyncIterable<string>;
  /** Records entries that stand for themselves. Rejects with `store_unavailable` or `audit_unavailable`. */
  readonly record: (audit: readonly AuditDraft[]) => Promise<void>;
  readonly refusedAnonymous: RefusalOfAnonymous;
  readonly answered: (answered: Answered) => void;
}
