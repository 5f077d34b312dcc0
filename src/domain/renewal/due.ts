/**
 * When a certificate is renewed: in the window that its CA told (RFC 9773), else after a share of its life. Draws are made
 * once and kept, so that a restart does not draw again, and a fleet that was made in one hour does not renew in one.
 */
import { DAY, type Instant } from '../../base/clock.ts';
import type { RenewalRule } from './managed.ts';
import { quietUntil } from './quiet-windows.ts';
import type { IssuedFacts, Version } from './version.ts';

/** Lives up to here are short: half of them is kept as reserve. */
const SHORT_LIFE = 10 * DAY;

/** Later than this share of the life nothing is waited for: no window of the CA, no quiet hours. */
const LATEST = 19 / 20;

/** Renewals after a renewal that was due are spread over this share of the life. */
export const JITTER = 1 / 20;

/** A CA whose window lies in the past for every certificate, or an issuer near its end, makes no endless loop. */
const SPACING = 1 / 20;
const MOST_SPACING = DAY;

export const renewalFraction = ({ notBefore, notAfter }: Life, rule: Pick<RenewalRule, 'fraction'>): number =>
  rule.fraction ?? (notAfter - notBefore <= SHORT_LIFE ? 1 / 2 : 2 / 3);

type Life = Pick<IssuedFacts, 'notBefore' | 'notAfter'>;

export interface DueQuestion {
  readonly certificate: Pick<IssuedFacts, 'notBefore' | 'notAfter' | 'draw' | 'window'>;
  readonly rule: RenewalRule;
  /**
   * It was made at a time that something else chose: with its wish, after a revocation, with a new issuer. A fleet that
   * was made at once spreads its next renewals over a whole period; from then on the load is level.
   */
  readonly first: boolean;
}

/** Whether its renewal is spread over a whole period. */
export const isFirst = ({ reason }: Pick<Version, 'reason'>): boolean => reason !== 'due';

/** A version that was made for a reason is not replaced for the same one before: what did not help is not repeated at once. */
export const earliestAgain = ({
  notBefore,
  notAfter,
  issuedAt,
}: Life & Pick<IssuedFacts, 'issuedAt'>): Instant =>
  issuedAt + Math.min(MOST_SPACING, Math.max(0, notAfter - notBefore) * SPACING);

/** When it is due. Quiet hours move it to their end, unless that would be too late. */
export function renewalDue({ certificate, rule, first }: DueQuestion): Instant {
  const { notBefore, notAfter, draw, window } = certificate;
  const life = notAfter - notBefore;
  const latest = notBefore + life * LATEST;
  const fraction = renewalFraction(certificate, rule);
  // the mean of what follows: a spread that is wider would lay its end over its beginning a period later
  const period = fraction - JITTER / 2;
  const [from, to] =
    window !== null
      ? [window.start, window.end]
      : first
        ? [notBefore + life * (fraction * (7 / 6) - period), notBefore + life * fraction * (7 / 6)]
        : [notBefore + life * (fraction - JITTER), notBefore + life * fraction];
  const due = Math.min(from + draw * (to - from), latest);
  const awake = quietUntil(due, rule.quiet);
  return Math.floor(awake <= latest ? awake : due);
}
