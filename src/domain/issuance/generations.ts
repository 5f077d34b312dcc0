/**
 * How an issuer lives through years. It has two slots: what issues (`current`) and what will (`next`). These functions
 * answer when a slot is due; who asks them (a ticker, an operator) does what they say. Roots go the same way.
 */
import { ChanceryError } from '../../base/errors.ts';
import { DAY, type Duration, formatInstant, type Instant } from '../../base/clock.ts';
import type { LivingCertificates } from './ports.ts';

/** How long a new generation is published before it issues: CRLs are fetched by then, caches have turned over. */
export const PROPAGATION: Duration = DAY;

/** `superseded`: a newer one issues; this one's certificates still live, log in and are revoked. */
export const GENERATION_STATES = ['next', 'current', 'superseded', 'retired'] as const;
export type GenerationState = (typeof GENERATION_STATES)[number];

/** What of a root or a generation decides about its state. */
export interface Stage {
  readonly number: number;
  readonly preparedAt: Instant;
  readonly activatedAt: Instant | null;
  readonly retiredAt: Instant | null;
}

interface Certified {
  readonly certificate: { readonly notBefore: Instant; readonly notAfter: Instant };
}

export interface Slots<T> {
  readonly current: T | undefined;
  /** The oldest that waits for its turn. */
  readonly next: T | undefined;
}

const isActive = ({ activatedAt, retiredAt }: Stage, now: Instant): boolean =>
  activatedAt !== null && activatedAt <= now && !(retiredAt !== null && retiredAt <= now);

/** The slots of one issuer or line of roots, `line` by number. Of several that are active the newest counts. */
export function slotsOf<T extends Stage>(line: readonly T[], now: Instant): Slots<T> {
  const current = line.findLast((stage) => isActive(stage, now));
  const next = line.find(
    (stage) =>
      stage.activatedAt === null && stage.retiredAt === null && stage.number > (current?.number ?? 0),
  );
  return { current, next };
}

/** The state of `stage` among all of its line. */
export function stateOf<T extends Stage>(stage: T, line: readonly T[], now: Instant): GenerationState {
  if (stage.retiredAt !== null && stage.retiredAt <= now) return 'retired';
  if (!isActive(stage, now)) return 'next';
  return slotsOf(line, now).current?.number === stage.number ? 'current' : 'superseded';
}

const leftOf = ({ certificate }: Certified, now: Instant): number =>
  (certificate.notAfter - now) / (certificate.notAfter - certificate.notBefore);

/** A third of the life is left, and nobody stands ready. */
export const shouldPrepareNext = (
  current: Certified | undefined,
  next: object | undefined,
  now: Instant,
): boolean => next === undefined && (current === undefined || leftOf(current, now) <= 1 / 3);

/** It has been published for long enough; at once where the current one has less than a sixth of its life left. */
export function shouldActivateNext(
  current: Certified | undefined,
  next: (Certified & Stage) | undefined,
  now: Instant,
): boolean {
  if (next === undefined || !isValid(next, now)) return false;
  const hurry = current === undefined || leftOf(current, now) < 1 / 6;
  return hurry || now - next.preparedAt >= PROPAGATION;
}

const isValid = ({ certificate }: Certified, now: Instant): boolean =>
  certificate.notBefore <= now && now <= certificate.notAfter;

/** Nothing that it signed lives any more; `newestNotAfter` is `undefined` where nothing does. */
export const mayRetire = (
  state: GenerationState,
  newestNotAfter: Instant | undefined,
  now: Instant,
): boolean => state !== 'current' && (newestNotAfter === undefined || newestNotAfter < now);

/** Throws `not_ready` where activating would make an issuer that cannot issue. */
export function refuseActivation(
  id: string,
  stage: Certified & Stage & { readonly stopped?: string | null },
  state: GenerationState,
  now: Instant,
): void {
  const fault =
    state !== 'next'
      ? `${id} is ${state} already`
      : !isValid(stage, now)
        ? `${id} is valid from ${formatInstant(stage.certificate.notBefore)} to ${formatInstant(stage.certificate.notAfter)}`
        : typeof stage.stopped === 'string'
          ? `${id} was stopped (${stage.stopped})`
          : undefined;
  if (fault === undefined) return;
  throw new ChanceryError('not_ready', {
    message: fault,
    rule: 'only a generation that is next, published and valid now is activated',
    fix: 'See `chancery issuer show NAME` and `chancery ca list`.',
  });
}

/** Throws `would_strand` where certificates of the generation live, `not_ready` where nothing else issues. */
export function refuseRetirement(
  id: string,
  state: GenerationState,
  { count, latest }: LivingCertificates,
  now: Instant,
): void {
  if (state === 'retired' || state === 'current')
    throw new ChanceryError('not_ready', {
      message: state === 'current' ? `${id} is what issues now` : `${id} is retired already`,
      rule: 'what retires has a successor that was activated',
      fix: 'Prepare the next generation, activate it, and retire this one last.',
    });
  if (mayRetire(state, latest, now)) return;
  throw new ChanceryError('would_strand', {
    message: `${count} ${count === 1 ? 'certificate' : 'certificates'} of ${id} still ${count === 1 ? 'lives' : 'live'}, the last until ${formatInstant(latest ?? now)}`,
    rule: 'a generation retires when the last of its certificates has expired or is revoked',
    fix: 'Wait until then, or renew and revoke them before.',
    data: { living: count, latestNotAfter: formatInstant(latest ?? now) },
  });
}

/** Throws `would_strand` while generations below a root live, `not_ready` for the root that signs. */
export function refuseRootRetirement(
  name: string,
  state: GenerationState,
  below: readonly { readonly id: string; readonly certificate: { readonly notAfter: Instant } }[],
): void {
  if (state === 'retired' || state === 'current')
    throw new ChanceryError('not_ready', {
      message: state === 'current' ? `${name} is the root that signs now` : `${name} is retired already`,
      rule: 'a root that retires has a successor that was activated',
      fix: 'Prepare the next root, activate it when everybody has it, and retire this one last.',
    });
  if (below.length === 0) return;
  throw new ChanceryError('would_strand', {
    message: `${below.map(({ id }) => id).join(', ')} below ${name} ${below.length === 1 ? 'is' : 'are'} not retired`,
    rule: 'a root retires after every generation that it signed',
    fix: 'Retire these first; until then clients need the root in their bundles.',
    data: { generations: below.map(({ id }) => id) },
  });
}

/** Why no certificate of a generation logs in any more; `undefined` where they do, also after it was stopped. */
export function loginFault(
  generation: (Pick<Stage, 'retiredAt'> & { readonly revokedAt: Instant | null }) | undefined,
  now: Instant,
): string | undefined {
  if (generation === undefined) return 'is not known here';
  const { revokedAt, retiredAt } = generation;
  if (revokedAt !== null) return `was revoked by its root at ${formatInstant(revokedAt)}`;
  return retiredAt !== null && retiredAt <= now ? `retired at ${formatInstant(retiredAt)}` : undefined;
}
