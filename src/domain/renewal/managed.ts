/** The wish: these names, from this issuer, into these places, seen at these endpoints. */
import type { Duration, Instant } from '../../base/clock.ts';
import type { KeyAlgorithm } from '../../x509/key-pair.ts';
import type { Name } from '../identity/names.ts';
import type { Labels } from '../issuance/labels.ts';
import type { QuietWindow } from './quiet-windows.ts';

/** Who signs: an issuer of ours, or public CAs in the order in which they are tried. */
export type Source =
  | { readonly kind: 'own'; readonly issuer: string; readonly profile: string }
  | {
      readonly kind: 'public';
      readonly authorities: readonly string[];
      /** draft-ietf-acme-profiles, e.g. `shortlived`; `undefined`: the CA's default. */
      readonly profile: string | undefined;
      /** Common name of the root or intermediate that a chain should lead to. */
      readonly preferredChain: string | undefined;
    };

export interface KeyPolicy {
  readonly algorithm: KeyAlgorithm;
  /** `new`: each version has its own key. */
  readonly reuse: boolean;
}

export interface RenewalRule {
  /** Share of the life after which it is renewed; `undefined`: 2/3, or 1/2 of short lives. */
  readonly fraction: number | undefined;
  readonly quiet: readonly QuietWindow[];
}

/** What a target or probe adapter reads is its own business: the wish keeps it as it was written, checked. */
export interface TargetWish {
  /** Unique within the wish; stays the same while the target does. */
  readonly id: string;
  readonly kind: string;
  readonly spec: unknown;
  /** Where it is, e.g. `files:/etc/nginx/tls`: no two wishes share one. */
  readonly place?: string;
}

export interface ProbeWish {
  readonly id: string;
  readonly kind: string;
  readonly spec: unknown;
  /** So many instances have to be found. */
  readonly expect?: number;
}

export interface Wish {
  readonly names: readonly Name[];
  readonly source: Source;
  readonly ttl: Duration | undefined;
  readonly key: KeyPolicy;
  readonly targets: readonly TargetWish[];
  readonly probes: readonly ProbeWish[];
  /** How long endpoints may take to serve what was stored, and how long the old pair stays beside it. */
  readonly grace: Duration;
  readonly renewal: RenewalRule;
  readonly owner: string | null;
  readonly labels: Labels;
}

export interface ManagedCertificate {
  readonly name: string;
  /** The set that declared it (`apply --set`); `null`: made through the API. */
  readonly set: string | null;
  readonly wish: Wish;
  /** As people wrote it. */
  readonly written: unknown;
  /** Rises with every change of names, source or key: a version of an older revision is renewed at once. */
  readonly revision: number;
  readonly createdAt: Instant;
  /** While it is set nothing new is ordered; what was issued is delivered. */
  readonly pausedAt: Instant | null;
  /** An operator asked for a new version. */
  readonly renewAskedAt: Instant | null;
  /** An operator wants what was given up or waits to be tried again now. */
  readonly retryAskedAt: Instant | null;
  /** No order before: after failures and roll-backs. */
  readonly heldUntil: Instant;
  /** Orders that failed or were rolled back, one after the other. */
  readonly failures: number;
}
