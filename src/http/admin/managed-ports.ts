/** What the operations on managed certificates and public CAs need. */
import type { ManagedResource, ManagedSpec, VersionView } from '../../api/managed.ts';
import type { AuthoritySpec, AuthorityTest } from '../../api/public-authorities.ts';
import type { TargetReport, TargetSpec } from '../../api/targets.ts';
import type { Duration, Instant } from '../../base/clock.ts';
import type { ManagedCertificate, Wish } from '../../domain/renewal/managed.ts';
import type { ManagedStore, PublicAuthorityStore } from '../../domain/renewal/ports.ts';

export interface WatchedLine {
  /** Rises. */
  readonly sequence: number;
  readonly time: Instant;
  readonly version: number;
  readonly message: string;
}

export interface ManagedPorts {
  readonly store: Pick<ManagedStore, 'find' | 'list' | 'living' | 'holding' | 'history' | 'put' | 'remove'>;
  readonly authorities: PublicAuthorityStore;
  /** `coming`: public CAs that are applied together with it. Throws `invalid_request`, `invalid_name`, `not_found` or `profile_violation`. */
  readWish(spec: ManagedSpec, coming?: readonly string[]): Wish;
  /** Throws `invalid_request`. */
  checkAuthority(name: string, spec: AuthoritySpec): void;
  /** Whether a certificate for one wish fits the other. */
  sameCertificate(a: Wish, b: Wish): boolean;
  /** What a certificate of the wish lives at most: what a grant's maxTtl is held against. */
  lifetimeOf(wish: Wish): Duration;
  view(managed: ManagedCertificate): ManagedResource;
  versions(managed: ManagedCertificate, limit: number): readonly VersionView[];
  /** Lines after this sequence, oldest first; waits so long for one. */
  progress(name: string, after: number, patience: Duration): Promise<readonly WatchedLine[]>;
  /** Throws `authority_unavailable`. */
  testAuthority(name: string, spec: AuthoritySpec): Promise<AuthorityTest>;
  /** Throws `delivery_refused` or `delivery_failed`. */
  rehearse(spec: TargetSpec): Promise<TargetReport>;
  /** Others get their turn. */
  pause(): Promise<void>;
}
