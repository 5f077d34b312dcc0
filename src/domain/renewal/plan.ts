/** The load that is to come, before a change is saved. */
import { DAY, HOUR, type Instant } from '../../base/clock.ts';
import { JITTER, renewalDue, renewalFraction } from './due.ts';
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

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Renewals per hour of each CA, and deliveries of each kind of store, for `days` from `now` on. */
export class LoadPlan {
  readonly #now: Instant;
  readonly #days: number;
  #added = 0;
  readonly #lanes = new Map<string, Float64Array>();

  constructor(now: Instant, days: number) {
    this.#now = now;
    this.#days = days;
  }

  add({ managed, certificate, first }: Planned): void {
    const now = this.#now;
    const { source, targets, renewal, ttl } = managed.wish;
    const lane =
      source.kind === 'own' ? `issuer ${source.issuer}` : `public CA ${source.authorities[0] ?? ''}`;
    const life =
      certificate === undefined
        ? (ttl ?? USUAL_LIFE[source.kind])
        : certificate.notAfter - certificate.notBefore;
    const period = Math.max(
      1,
      life * (renewalFraction({ notBefore: 0, notAfter: life }, renewal) - JITTER / 2),
    );
    // very short lives are counted by the hour: nobody can ask for a plan that takes for ever
    const step = Math.max(period, HOUR);
    const draw = this.#draw();
    let at =
      certificate === undefined
        ? renewalDue({
            certificate: { notBefore: now, notAfter: now + life, draw, window: null },
            rule: renewal,
            first: true,
          })
        : Math.max(renewalDue({ certificate, rule: renewal, first }), now);
    if (certificate === undefined) {
      this.#count(lane, now, 1);
      for (const { kind } of targets) this.#count(`store ${kind}`, now, 1);
    }
    for (; at < now + this.#days * DAY; at += step) {
      this.#count(lane, at, step / period);
      for (const { kind } of targets) this.#count(`store ${kind}`, at, step / period);
    }
  }

  /** Evenly over 0 to 1, as draws will be: a plan has none of its own. */
  #draw(): number {
    this.#added += 1;
    return (this.#added * GOLDEN) % 1;
  }

  lanes(): PlannedLane[] {
    return [...this.#lanes]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([lane, buckets]) => summary(lane, buckets, this.#days));
  }

  #count(lane: string, at: Instant, times: number): void {
    const hours = this.#days * 24;
    let buckets = this.#lanes.get(lane);
    if (buckets === undefined) this.#lanes.set(lane, (buckets = new Float64Array(hours)));
    const hour = Math.floor((at - this.#now) / HOUR);
    if (hour >= 0 && hour < hours) buckets[hour] = (buckets[hour] ?? 0) + times;
  }
}

function summary(lane: string, buckets: Float64Array, days: number): PlannedLane {
  let peak = 0;
  let sum = 0;
  const perDay = Array.from({ length: days }, () => 0);
  buckets.forEach((count, hour) => {
    peak = Math.max(peak, count);
    sum += count;
    const day = Math.floor(hour / 24);
    perDay[day] = (perDay[day] ?? 0) + count;
  });
  return {
    lane,
    peakPerHour: Math.round(peak),
    meanPerHour: Math.round((sum / buckets.length) * 100) / 100,
    perDay: perDay.map(Math.round),
  };
}
