/** What a revocation is asked with, what it answers, and what it needs of the world. */
import type { Clock } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import type { Grant } from '../identity/grant.ts';
import type { Door, Principal } from '../identity/principal.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import type { CertificateQuery, Inventory, Ledger } from '../issuance/ports.ts';
import type { RevocationResult, RevocationStore } from './ports.ts';

/** At least one condition; all hold together, over certificates that are neither expired nor revoked. */
export type RevocationSearch = Pick<
  CertificateQuery,
  'name' | 'principal' | 'issuer' | 'profile' | 'keyFingerprint' | 'owner' | 'label'
>;

/** Which certificates. */
export type Selection =
  | { readonly kind: 'serials'; readonly serials: readonly string[] }
  | { readonly kind: 'certificate'; readonly der: Bytes }
  | { readonly kind: 'search'; readonly search: RevocationSearch };

export interface RevocationRequest {
  readonly principal: Principal;
  readonly door: Door;
  readonly selection: Selection;
  /** As the caller wrote it. */
  readonly reason: string;
  /** Nothing happens where another number of certificates is hit. */
  readonly expectedCount?: number | undefined;
}

export interface RevokedOne {
  readonly serial: string;
  readonly result: RevocationResult;
  /** Whether its key gets no certificate any more, by this or an earlier revocation. */
  readonly keyBlocked: boolean;
}

export interface RevocationReport {
  readonly results: readonly RevokedOne[];
  /** The same request again goes on where this one stopped. */
  readonly more: boolean;
  /** What whoever revoked has to hear. */
  readonly notices: readonly string[];
}

export interface RevocationPorts {
  readonly clock: Clock;
  readonly trustDomain: TrustDomain;
  /** Those that decide for a principal. */
  readonly grantsOf: (principal: Principal) => readonly Grant[];
  readonly ledger: Pick<Ledger, 'findCertificate' | 'isKeyBlocked'>;
  readonly inventory: Inventory;
  readonly store: RevocationStore;
  readonly generations: () => readonly { readonly id: string; readonly issuer: string }[];
  /** What a CRL of the shard says has changed, durably. Returns at once and never throws. */
  readonly revoked: (generation: string, shard: number) => void;
  /** Others get their turn. */
  readonly pause: () => Promise<void>;
}
