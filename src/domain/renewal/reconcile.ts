/**
 * The loop, decided: what is to be done next for one managed certificate, from what is on record and the time. The
 * scheduler does the steps and records what came of them; asked again, this function goes on from there, also after a
 * kill -9 at any point. Nothing here waits.
 *
 * pending (ordered, then stored target by target) → staged (all stored, read back) → verified (every endpoint serves
 * it) → current → previous → retired (revoked where life is left).
 */
import { DAY, type Duration, type Instant, SECOND } from '../../base/clock.ts';
import { deliveryTo, isStored } from './deliveries.ts';
import { earliestAgain, isFirst, renewalDue } from './due.ts';
import type { ManagedCertificate, Wish } from './managed.ts';
import { type Endpoint, isFit, isOver, type Version, versionState } from './version.ts';

export const START_REASONS = [
  'first',
  'asked',
  'changed',
  'revoked',
  'compromised',
  'expired',
  'issuer',
  'due',
] as const;
export type StartReason = (typeof START_REASONS)[number];

export type Step =
  /** Make a version: a key and a row, nothing outside yet. */
  | { readonly kind: 'start'; readonly reason: StartReason }
  /** The wish is another one by now: its order is left alone. */
  | { readonly kind: 'give-up'; readonly version: number }
  /** Go on with the order of a version. */
  | { readonly kind: 'order'; readonly version: number }
  /** Look at the endpoints before anything is stored: who was healthy then can be missed later. */
  | { readonly kind: 'look-before'; readonly version: number }
  | { readonly kind: 'deliver'; readonly version: number; readonly target: string }
  | { readonly kind: 'probe'; readonly version: number }
  | { readonly kind: 'mark'; readonly version: number; readonly as: 'staged' | 'verified' | 'current' }
  /** People are told: it is stored everywhere and some endpoint still serves the old one. */
  | { readonly kind: 'not-served'; readonly version: number; readonly endpoints: readonly Endpoint[] }
  | {
      readonly kind: 'roll-back';
      readonly version: number;
      readonly to: number;
      readonly endpoints: readonly Endpoint[];
    }
  /** A roll-back is due, and no pair is fit for it. */
  | { readonly kind: 'degraded'; readonly version: number; readonly endpoints: readonly Endpoint[] }
  /** Targets drop what they kept of it, its key is forgotten. */
  | { readonly kind: 'retire'; readonly version: number; readonly lapses: boolean }
  | { readonly kind: 'revoke'; readonly version: number };

export interface Question {
  readonly managed: ManagedCertificate;
  /** All that are not over, by number; the newest last. */
  readonly versions: readonly Version[];
  /** Of ours: it retires, so that what it signed is renewed at once. */
  readonly issuerRetires: (issuedBy: string) => boolean;
  readonly now: Instant;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** When to ask again, at the latest. */
  readonly askAgainAt: Instant;
}

/** Endpoints are looked at this often while a version waits for them. */
const PROBE_INTERVAL: Duration = 5 * SECOND;
/** … and more often right after a reload: most are done within a second. */
const FIRST_PROBES: Duration = SECOND / 4;
/** … and this often once people know. */
const SLOW_PROBE_INTERVAL: Duration = 60 * SECOND;
/** Under so much life left a certificate lapses by itself. */
const LAPSES: Duration = DAY;
const FAR: Duration = 7 * DAY;

export function reconcile(question: Question): Plan {
  const { versions, now } = question;
  const steps: Step[] = [];
  const times: Instant[] = [now + FAR];
  const current = versions.findLast((version) => versionState(version) === 'current');
  const working = versions.findLast((version) => {
    const state = versionState(version);
    return state === 'pending' || state === 'staged' || state === 'verified';
  });

  if (working === undefined) begin(question, current, steps, times);
  else if (isStale(question, working)) steps.push({ kind: 'give-up', version: working.number });
  else {
    if (isWaiting(working)) begin(question, working, steps, times);
    if (steps.length === 0) advance(question, working, current, steps, times);
  }
  // what serves now is kept where it belongs: after a roll-back, and where a target was added
  if (current !== undefined && (working === undefined || working.certificate === null))
    deliver(question.managed.wish, current, now, steps, times);
  for (const version of versions) clear(question, version, current, steps, times);
  return { steps, askAgainAt: Math.min(...times) };
}

/** It was to be another certificate than is wished for now: nobody orders it to the end. */
const isStale = ({ managed }: Question, { certificate, revision }: Version): boolean =>
  certificate === null && revision !== managed.revision;

/**
 * It was issued, and waits for targets or endpoints. It can do so for longer than it lives: then the next version starts
 * beside it, and takes its place. What people ask for waits only for one that goes on by itself.
 */
const isWaiting = ({ certificate, notServedAt, degradedAt, deliveries }: Version): boolean =>
  certificate !== null &&
  (notServedAt !== null ||
    degradedAt !== null ||
    deliveries.some(({ attempts, storedAt }) => attempts > 0 && storedAt === null));

/** Whether a new version is to be made in place of `current`: the one that serves, or one that waits. */
function begin(
  { managed, issuerRetires, now }: Question,
  current: Version | undefined,
  steps: Step[],
  times: Instant[],
): void {
  const reason = whyNow(managed, current, issuerRetires, now);
  if (reason === undefined) {
    if (current?.certificate)
      times.push(
        renewalDue({
          certificate: current.certificate,
          rule: managed.wish.renewal,
          first: isFirst(current),
        }),
        current.certificate.notAfter + 1,
      );
    return;
  }
  if (managed.pausedAt !== null) return;
  // the same reason again, already: a certificate that is due when it comes makes no loop
  const again = reason !== 'asked' && reason === current?.reason;
  if (again && current?.certificate && earliestAgain(current.certificate) > now) {
    times.push(earliestAgain(current.certificate));
    return;
  }
  // what people ask for waits for nobody; what failed does
  if (managed.heldUntil > now && reason !== 'asked') times.push(managed.heldUntil);
  else steps.push({ kind: 'start', reason });
}

function whyNow(
  managed: ManagedCertificate,
  current: Version | undefined,
  issuerRetires: Question['issuerRetires'],
  now: Instant,
): StartReason | undefined {
  if (managed.renewAskedAt !== null) return 'asked';
  const certificate = current?.certificate;
  if (current === undefined || certificate === null || certificate === undefined) return 'first';
  if (current.revision !== managed.revision) return 'changed';
  if (certificate.bad !== null) return certificate.bad;
  if (certificate.notAfter < now) return 'expired';
  if (issuerRetires(certificate.issuedBy)) return 'issuer';
  const due = renewalDue({ certificate, rule: managed.wish.renewal, first: isFirst(current) });
  return due <= now ? 'due' : undefined;
}

/** Takes a version that is under way a step further. */
function advance(
  { managed, versions, now }: Question,
  version: Version,
  current: Version | undefined,
  steps: Step[],
  times: Instant[],
): void {
  const { number } = version;
  if (version.certificate === null) {
    if (version.nextTryAt <= now) steps.push({ kind: 'order', version: number });
    else times.push(version.nextTryAt);
    return;
  }
  const { wish } = managed;
  const watched = wish.probes.length > 0;
  if (watched && version.probedAt === null) {
    steps.push({ kind: 'look-before', version: number });
    return;
  }
  deliver(wish, version, now, steps, times);
  const stored = wish.targets.every((target) => isStored(version, target));
  if (stored && version.stagedAt === null) {
    steps.push({ kind: 'mark', version: number, as: 'staged' });
    return;
  }
  const touched = version.deliveries.some(({ storedAt }) => storedAt !== null) || wish.targets.length === 0;
  if (watched && touched) watch(managed, versions, version, current, now, steps, times);
  if (version.stagedAt === null) return;
  const served = !watched || isServed(version);
  if (version.verifiedAt === null && served) steps.push({ kind: 'mark', version: number, as: 'verified' });
  else if (version.verifiedAt !== null) steps.push({ kind: 'mark', version: number, as: 'current' });
}

/** Every endpoint was looked at after the last store, and serves it. */
const isServed = ({ endpoints, stagedAt }: Version): boolean =>
  endpoints.length > 0 &&
  endpoints.every(({ sighting, seenAt }) => sighting === 'new' && seenAt >= (stagedAt ?? Infinity));

/** Targets are independent: each has its own time. */
function deliver(wish: Wish, version: Version, now: Instant, steps: Step[], times: Instant[]): void {
  for (const target of wish.targets) {
    const { storedAt = null, deadAt = null, nextTryAt = now } = deliveryTo(version, target) ?? {};
    if (storedAt !== null || deadAt !== null) continue;
    if (nextTryAt <= now) steps.push({ kind: 'deliver', version: version.number, target: target.id });
    else times.push(nextTryAt);
  }
}

/** Looks at the endpoints, and judges what was seen through the grace. */
function watch(
  { wish }: ManagedCertificate,
  versions: readonly Version[],
  version: Version,
  current: Version | undefined,
  now: Instant,
  steps: Step[],
  times: Instant[],
): void {
  const { number, endpoints, stagedAt, notServedAt, degradedAt } = version;
  const broken = endpoints.filter(
    ({ healthyBefore, sighting, since }) =>
      healthyBefore && (sighting === 'wrong' || sighting === 'unreachable') && since + wish.grace <= now,
  );
  if (broken.length > 0 && degradedAt === null) {
    const back = current ?? versions.findLast((other) => versionState(other) === 'previous');
    if (back !== undefined && isFit(back, now)) {
      steps.push({ kind: 'roll-back', version: number, to: back.number, endpoints: broken });
      return;
    }
    steps.push({ kind: 'degraded', version: number, endpoints: broken });
  }
  const late = endpoints.filter(({ sighting }) => sighting !== 'new');
  if (stagedAt !== null && late.length > 0 && notServedAt === null) {
    if (stagedAt + wish.grace <= now) steps.push({ kind: 'not-served', version: number, endpoints: late });
    // people hear when the grace is over, not with the next look
    else times.push(stagedAt + wish.grace);
  }
  if (stagedAt !== null && isServed(version)) return;
  // what broke is judged when its own grace is over, also after people were told that it is not served
  const isBreaking =
    degradedAt === null &&
    endpoints.some(
      ({ healthyBefore, sighting }) => healthyBefore && (sighting === 'wrong' || sighting === 'unreachable'),
    );
  const interval =
    notServedAt !== null && !isBreaking
      ? SLOW_PROBE_INTERVAL
      : Math.min(PROBE_INTERVAL, Math.max(SECOND, wish.grace / 4), FIRST_PROBES * 2 ** version.looks);
  // what was just stored everywhere is looked at now
  const next = stagedAt !== null && version.looks === 0 ? now : (version.probedAt ?? 0) + interval;
  if (next <= now) steps.push({ kind: 'probe', version: number });
  else times.push(next);
}

/** What is over: a previous version after the grace, a rolled-back one at once; then its certificate. */
function clear(
  question: Question,
  version: Version,
  current: Version | undefined,
  steps: Step[],
  times: Instant[],
): void {
  const { managed, now } = question;
  const state = versionState(version);
  if (version.retiredAt === null) {
    const from =
      state === 'previous' ? version.supersededAt : state === 'rolled-back' ? version.rolledBackAt : null;
    if (from === null) {
      if (isOvertaken(question, version))
        steps.push({ kind: 'retire', version: version.number, lapses: true });
      return;
    }
    const until = from + managed.wish.grace;
    // a roll-back is over when the pair before is in place again
    const restored =
      state !== 'rolled-back' ||
      (current !== undefined && managed.wish.targets.every((target) => isStored(current, target)));
    if (until <= now && restored)
      steps.push({ kind: 'retire', version: version.number, lapses: lapses(version, now) });
    else if (until > now) times.push(until);
    return;
  }
  if (isOver(version)) return;
  if (version.nextTryAt <= now) steps.push({ kind: 'revoke', version: version.number });
  else times.push(version.nextTryAt);
}

/** It waited until it had expired, and a newer one was made. */
const isOvertaken = ({ versions, now }: Question, { number, certificate, currentAt }: Version): boolean =>
  certificate !== null &&
  currentAt === null &&
  certificate.notAfter < now &&
  versions.some((other) => other.number > number && other.certificate !== null);

const lapses = ({ certificate }: Version, now: Instant): boolean =>
  certificate === null || certificate.notAfter - now < LAPSES;
