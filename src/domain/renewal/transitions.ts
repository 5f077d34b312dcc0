/** What happened, written into the facts of a version or of its wish. The store keeps what these return. */
import type { Instant } from '../../base/clock.ts';
import { deliveryTo, targetDigest } from './deliveries.ts';
import type { ManagedCertificate, TargetWish } from './managed.ts';
import type { StartReason } from './reconcile.ts';
import { DELIVERY_PATIENCE, nextDeliveryTry, nextOrderTry } from './retry.ts';
import { type Delivery, type Endpoint, type IssuedFacts, type Version, versionState } from './version.ts';

export const startedVersion = (
  { name, revision }: ManagedCertificate,
  number: number,
  reason: StartReason,
  now: Instant,
): Version => ({
  managed: name,
  number,
  revision,
  createdAt: now,
  reason,
  certificate: null,
  stagedAt: null,
  verifiedAt: null,
  currentAt: null,
  supersededAt: null,
  retiredAt: null,
  lapses: false,
  revokedAt: null,
  failedAt: null,
  rolledBackAt: null,
  notServedAt: null,
  degradedAt: null,
  deliveries: [],
  endpoints: [],
  probedAt: null,
  looks: 0,
  attempts: 0,
  nextTryAt: now,
  error: null,
});

export const issued = (version: Version, certificate: IssuedFacts): Version => ({
  ...version,
  certificate,
  error: null,
});

/** The order goes on later. */
export const orderDelayed = (
  version: Version,
  error: string,
  now: Instant,
  draw: number,
  retryAt: Instant | undefined,
): Version => ({
  ...version,
  attempts: version.attempts + 1,
  nextTryAt: nextOrderTry(now, version.attempts + 1, draw, retryAt),
  error,
});

/** The order is over without a certificate: the next version starts when the ladder of the wish says so. */
export const orderFailed = (version: Version, error: string, now: Instant): Version => ({
  ...version,
  failedAt: now,
  error,
});

/** The wish after an order that failed, or a version that was rolled back. */
export const held = (
  managed: ManagedCertificate,
  now: Instant,
  draw: number,
  retryAt: Instant | undefined,
): ManagedCertificate => ({
  ...managed,
  failures: managed.failures + 1,
  heldUntil: nextOrderTry(now, managed.failures + 1, draw, retryAt),
});

/** Tries at something else that had the same id do not count. */
const deliveryOf = (version: Version, target: TargetWish, now: Instant): Delivery => ({
  storedAt: null,
  attempts: 0,
  nextTryAt: now,
  deadAt: null,
  error: null,
  ...deliveryTo(version, target),
  target: target.id,
  spec: targetDigest(target),
});

const withDelivery = (version: Version, delivery: Delivery): Version => ({
  ...version,
  deliveries: [...version.deliveries.filter(({ target }) => target !== delivery.target), delivery],
});

export const delivered = (version: Version, target: TargetWish, now: Instant): Version =>
  withDelivery(version, { ...deliveryOf(version, target, now), storedAt: now, error: null, deadAt: null });

/** `hopeless`: no retry helps. */
export function deliveryFailed(
  version: Version,
  target: TargetWish,
  error: string,
  hopeless: boolean,
  now: Instant,
  draw: number,
): Version {
  const before = deliveryOf(version, target, now);
  const attempts = before.attempts + 1;
  // what a host refuses it may allow a minute later: a few tries more, then people have to look
  const dead = hopeless ? attempts >= 5 : attempts >= DELIVERY_PATIENCE;
  return withDelivery(version, {
    ...before,
    attempts,
    nextTryAt: nextDeliveryTry(now, attempts, draw),
    deadAt: dead ? now : null,
    error,
  });
}

/** An operator wants every delivery of it tried again, now. */
export const revived = (version: Version, now: Instant): Version => ({
  ...version,
  nextTryAt: now,
  // its endpoints are looked at now, and told of anew where they still lag
  looks: 0,
  notServedAt: null,
  deliveries: version.deliveries.map((delivery) =>
    delivery.storedAt === null ? { ...delivery, attempts: 0, nextTryAt: now, deadAt: null } : delivery,
  ),
});

export const probed = (version: Version, endpoints: readonly Endpoint[], now: Instant): Version => ({
  ...version,
  endpoints,
  probedAt: now,
  looks: version.looks + 1,
});

export const marked = (
  version: Version,
  as: 'staged' | 'verified' | 'current' | 'superseded' | 'revoked',
  now: Instant,
): Version => ({ ...version, [`${as}At`]: now, ...(as === 'staged' && { looks: 0 }) });

/** Whose place it takes: the one that served, and those that waited for targets or endpoints until it came. */
export const overtaken = (versions: readonly Version[], number: number): Version[] =>
  versions.filter(
    (version) =>
      version.number < number &&
      version.certificate !== null &&
      ['pending', 'staged', 'verified', 'current'].includes(versionState(version)),
  );

export const retired = (version: Version, lapses: boolean, now: Instant): Version => ({
  ...version,
  retiredAt: now,
  lapses,
  // of the revocation from here on
  attempts: 0,
  nextTryAt: now,
});

/** The CA did not take the revocation: later, or never where the certificate lapses meanwhile. */
export const revocationDelayed = (
  version: Version,
  lapses: boolean,
  error: string,
  now: Instant,
  draw: number,
): Version => ({ ...orderDelayed(version, error, now, draw, undefined), lapses });

export const notServed = (version: Version, now: Instant): Version => ({ ...version, notServedAt: now });
export const degraded = (version: Version, now: Instant): Version => ({ ...version, degradedAt: now });

/** The new pair is given up, and the pair before is to be stored everywhere again. */
export function rolledBack(
  version: Version,
  back: Version,
  now: Instant,
): { version: Version; back: Version } {
  return {
    version: { ...version, rolledBackAt: now },
    back: {
      ...back,
      deliveries: back.deliveries.map((delivery) => ({
        ...delivery,
        storedAt: null,
        attempts: 0,
        nextTryAt: now,
        deadAt: null,
      })),
    },
  };
}
