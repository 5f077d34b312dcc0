/** Managed certificates as the API shows them. */
import type { ManagedResource, ManagedSpec, VersionView } from '../../api/managed.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { isFirst, renewalDue } from '../../domain/renewal/due.ts';
import { deliveryTo } from '../../domain/renewal/deliveries.ts';
import type { ManagedCertificate } from '../../domain/renewal/managed.ts';
import { type Delivery, type Version, versionState } from '../../domain/renewal/version.ts';

export function viewManaged(managed: ManagedCertificate, versions: readonly Version[]): ManagedResource {
  const [newest] = versions;
  const current = versions.find((version) => versionState(version) === 'current');
  const due =
    current?.certificate === null || current?.certificate === undefined
      ? undefined
      : renewalDue({
          certificate: current.certificate,
          rule: managed.wish.renewal,
          first: isFirst(current),
        });
  return {
    name: managed.name,
    ...(managed.set !== null && { set: managed.set }),
    state: newest === undefined ? 'new' : versionState(newest),
    paused: managed.pausedAt !== null,
    ...(due !== undefined && { nextRenewal: formatInstant(Math.max(due, managed.heldUntil)) }),
    versions: versions.map((version) => viewVersion(version, managed)),
    spec: managed.written as ManagedSpec,
  };
}

const time = (at: Instant | null | undefined): string | undefined =>
  at === null || at === undefined ? undefined : formatInstant(at);

export function viewVersion(version: Version, { wish }: ManagedCertificate): VersionView {
  const state = versionState(version);
  const { certificate } = version;
  const alarm =
    version.degradedAt !== null
      ? 'degraded'
      : version.notServedAt !== null && version.verifiedAt === null
        ? 'stored but not served'
        : undefined;
  return dropUndefined({
    number: version.number,
    state,
    reason: version.reason,
    createdAt: formatInstant(version.createdAt),
    serial: certificate?.serial,
    issuedBy: certificate?.issuedBy,
    notBefore: time(certificate?.notBefore),
    notAfter: time(certificate?.notAfter),
    targets: wish.targets.map((target) => viewDelivery(target.id, deliveryTo(version, target))),
    probes: version.endpoints.map(({ probe, address, sighting, since, seenAt, detail }) => ({
      probe,
      address,
      state: sighting,
      since: formatInstant(since),
      seenAt: formatInstant(seenAt),
      detail,
    })),
    alarm,
    error: version.error ?? undefined,
    nextTryAt: state === 'pending' && certificate === null ? time(version.nextTryAt) : undefined,
  }) as VersionView;
}

function viewDelivery(target: string, delivery: Delivery | undefined): VersionView['targets'][number] {
  const stored = delivery?.storedAt ?? null;
  const dead = delivery?.deadAt ?? null;
  return dropUndefined({
    target,
    state: stored !== null ? 'stored' : dead !== null ? 'dead' : 'waiting',
    storedAt: time(stored),
    attempts: delivery?.attempts ?? 0,
    nextTryAt: stored === null && dead === null ? time(delivery?.nextTryAt) : undefined,
    error: delivery?.error ?? undefined,
  }) as VersionView['targets'][number];
}

const dropUndefined = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
