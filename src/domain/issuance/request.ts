/** What the pipeline is asked, what it answers, and what it needs of the world. */
import type { Clock, Duration } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Grant } from '../identity/grant.ts';
import type { Name } from '../identity/names.ts';
import type { Door, Principal } from '../identity/principal.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import type { Generation, StatusUrls } from './issuer.ts';
import type { Labels } from './labels.ts';
import type {
  CertificateRecord,
  IdempotencyClaim,
  IssuerDirectory,
  LeafSigner,
  Ledger,
  StoredCertificate,
} from './ports.ts';
import type { Proof } from './possession.ts';
import type { Profile } from './profile.ts';

export interface IssuanceRequest {
  readonly principal: Principal;
  readonly door: Door;
  /** Left out: the only issuer with this profile. */
  readonly issuer?: string | undefined;
  readonly profile: string;
  readonly proof: Proof;
  /** Left out: those of the CSR. */
  readonly names?: readonly Name[] | undefined;
  readonly ttl?: Duration | undefined;
  /** Left out: the owner of the grant or token that decides. A renewal keeps owner and labels. */
  readonly owner?: string | undefined;
  readonly labels?: Labels | undefined;
  /** The certificate that is renewed: same issuer, profile and names. */
  readonly renews?: StoredCertificate | undefined;
  /** The ACME order that the certificate is for. */
  readonly order?: string | undefined;
  readonly claim?: Omit<IdempotencyClaim, 'principal' | 'claimedAt'> | undefined;
}

export type Issuance =
  | { readonly kind: 'issued'; readonly record: CertificateRecord; readonly generation: Generation }
  /** Another request with the same Idempotency-Key won; this one issued nothing. */
  | { readonly kind: 'claimed'; readonly serial: string; readonly requestHash: string };

export interface IssuancePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly trustDomain: TrustDomain;
  readonly urls: StatusUrls;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly grants: () => readonly Grant[];
  readonly issuers: IssuerDirectory;
  readonly signer: LeafSigner;
  readonly ledger: Ledger;
  /** Throws `clock_went_back` or `audit_unavailable` while nothing may be signed. */
  readonly guard: () => void;
}
