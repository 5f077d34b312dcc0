/** One issued pair of a managed certificate. Its state is computed from what happened to it, and never stored. */
import type { Instant } from '../../base/clock.ts';

export const VERSION_STATES = [
  'pending',
  'staged',
  'verified',
  'current',
  'previous',
  'retired',
  'failed',
  'rolled-back',
] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** What happened to the delivery of a version to one target. */
export interface Delivery {
  readonly target: string;
  /** `targetDigest` of what was delivered to; `null`: of before it was kept, taken as it is. */
  readonly spec: string | null;
  /** Stored there and read back; `null` until then. */
  readonly storedAt: Instant | null;
  readonly attempts: number;
  readonly nextTryAt: Instant;
  /** Given up: it waits for an operator. */
  readonly deadAt: Instant | null;
  readonly error: string | null;
}

/** What one endpoint (an address of a probe) was seen to serve. */
export const SIGHTINGS = ['new', 'old', 'wrong', 'unreachable'] as const;
export type Sighting = (typeof SIGHTINGS)[number];

export interface Endpoint {
  readonly probe: string;
  /** `192.0.2.1:443`; the name of the probe where no address could be found. */
  readonly address: string;
  /** Whether it served what it should before anything of this version was stored. */
  readonly healthyBefore: boolean;
  readonly sighting: Sighting;
  /** Since when it is seen so without a break. */
  readonly since: Instant;
  readonly seenAt: Instant;
  /** What was seen, in a sentence. */
  readonly detail: string;
}

export interface Version {
  readonly managed: string;
  readonly number: number;
  /** Of the wish that it was made for. */
  readonly revision: number;
  readonly createdAt: Instant;
  /** Why it was made: `first`, `due`, … */
  readonly reason: string;
  readonly certificate: IssuedFacts | null;
  readonly stagedAt: Instant | null;
  readonly verifiedAt: Instant | null;
  readonly currentAt: Instant | null;
  /** A newer one took its place. */
  readonly supersededAt: Instant | null;
  readonly retiredAt: Instant | null;
  /** Retired with so little life left that nobody revokes it. */
  readonly lapses: boolean;
  readonly revokedAt: Instant | null;
  readonly failedAt: Instant | null;
  readonly rolledBackAt: Instant | null;
  /** The alarm that it is stored but not served was raised. */
  readonly notServedAt: Instant | null;
  /** A roll-back was due and no pair was fit for it. */
  readonly degradedAt: Instant | null;
  readonly deliveries: readonly Delivery[];
  readonly endpoints: readonly Endpoint[];
  readonly probedAt: Instant | null;
  /** How often the endpoints were looked at since it is stored everywhere. */
  readonly looks: number;
  /** Tries of the order, and when the next one is due. */
  readonly attempts: number;
  readonly nextTryAt: Instant;
  readonly error: string | null;
}

export interface IssuedFacts {
  readonly serial: string;
  readonly fingerprint: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly issuedAt: Instant;
  /** Who signed: a generation of ours, or the name of a public CA. */
  readonly issuedBy: string;
  /** Drawn once, 0 to 1: where in its window it is renewed. */
  readonly draw: number;
  /** Asked of the CA (RFC 9773); `null` where it has none. */
  readonly window: { readonly start: Instant; readonly end: Instant } | null;
  /** It is revoked, or its key is known to others. */
  readonly bad: 'revoked' | 'compromised' | null;
}

export function versionState(version: Version): VersionState {
  if (version.failedAt !== null) return 'failed';
  if (version.retiredAt !== null) return version.rolledBackAt === null ? 'retired' : 'rolled-back';
  if (version.rolledBackAt !== null) return 'rolled-back';
  if (version.supersededAt !== null) return 'previous';
  if (version.currentAt !== null) return 'current';
  if (version.verifiedAt !== null) return 'verified';
  return version.stagedAt === null ? 'pending' : 'staged';
}

/** Whether it can be put back: it was issued, lives, and nobody else has its key. */
export const isFit = ({ certificate }: Version, now: Instant): boolean =>
  certificate !== null &&
  certificate.bad === null &&
  certificate.notBefore <= now &&
  now <= certificate.notAfter;

/** Nothing will ever happen to it again. */
export const isOver = ({ failedAt, retiredAt, revokedAt, lapses, certificate }: Version): boolean =>
  failedAt !== null ||
  (retiredAt !== null &&
    (lapses || certificate === null || revokedAt !== null || certificate.bad === 'revoked'));
