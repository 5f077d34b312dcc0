/** The load that is to come, before a change is saved. */
import { DAY, HOUR, type Instant } from '../../base/clock.ts';
import { renewalDue, renewalFraction } from './due.ts';
import type { ManagedCertificate } from './managed.ts';
import type { IssuedFacts } from './version.ts';

export interface PlannedLane {
  readonly lane: string;
  readonly peakPerHour: number;
  readonly meanPerHour: number;
  readonly perDay: readonly number[];
}

export interface Planned {
  readonly managed: ManagedCertificate;
  /** Of its current version; `undefined`: it has none yet. */
  readonly certificate: IssuedFacts | undefined;
  readonly first: boolean;
}

/** What a certificate that is not yet issued would live: for the plan only. */
const USUAL_LIFE = { own: 7 * DAY, public: 90 * DAY } as const;

/** Renewals per hour of each CA, and deliveries of each kind of store, for `days` from `now` on. */
export function planLoad(all: Iterable<Planned>, now: Instant, days: number): PlannedLane[] {
  const hours = days * 24;
  const lanes = new Map<string, Uint32Array>();
  const add = (lane: string, at: Instant): void => {
    let buckets = lanes.get(lane);
    if (buckets === undefined) lanes.set(lane, (buckets = new Uint32Array(hours)));
    const hour = Math.floor((at - now) / HOUR);
    if (hour >= 0 && hour < hours) buckets[hour] = (buckets[hour] ?? 0) + 1;
  };
  for (const { managed, certificate, first } of all) {
    const { source, targets, renewal, ttl } = managed.wish;
    const lane =
      source.kind === 'own' ? `issuer ${source.issuer}` : `public CA ${source.authorities[0] ?? ''}`;
    const life =
      certificate === undefined
        ? (ttl ?? USUAL_LIFE[source.kind])
        : certificate.notAfter - certificate.notBefore;
    const period = life * renewalFraction({ notBefore: 0, notAfter: life }, renewal);
    let at =
      certificate === undefined ? now : Math.max(renewalDue({ certificate, rule: renewal, first }), now);
    for (; at < now + days * DAY; at += period) {
      add(lane, at);
      for (const { kind } of targets) add(`store ${kind}`, at);
    }
  }
  return [...lanes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([lane, buckets]) => summary(lane, buckets, days));
}

function summary(lane: string, buckets: Uint32Array, days: number): PlannedLane {
  let peak = 0;
  let sum = 0;
  const perDay = Array.from({ length: days }, () => 0);
  buckets.forEach((count, hour) => {
    peak = Math.max(peak, count);
    sum += count;
    const day = Math.floor(hour / 24);
    perDay[day] = (perDay[day] ?? 0) + count;
  });
  return { lane, peakPerHour: peak, meanPerHour: Math.round((sum / buckets.length) * 100) / 100, perDay };
}
