/**
 * When a certificate is renewed: in the window that its CA told (RFC 9773), else after a share of its life. Draws are made
 * once and kept, so that a restart does not draw again, and a fleet that was made in one hour does not renew in one.
 */
import { DAY, type Instant } from '../../base/clock.ts';
import type { RenewalRule } from './managed.ts';
import { quietUntil } from './quiet-windows.ts';
import type { IssuedFacts } from './version.ts';

/** Lives up to here are short: half of them is kept as reserve. */
const SHORT_LIFE = 10 * DAY;

/** Later than this share of the life nothing is waited for: no window of the CA, no quiet hours. */
const LATEST = 19 / 20;

/** Renewals after the first one are spread over this share of the life. */
const JITTER = 1 / 20;

export const renewalFraction = ({ notBefore, notAfter }: Life, rule: Pick<RenewalRule, 'fraction'>): number =>
  rule.fraction ?? (notAfter - notBefore <= SHORT_LIFE ? 1 / 2 : 2 / 3);

type Life = Pick<IssuedFacts, 'notBefore' | 'notAfter'>;

export interface DueQuestion {
  readonly certificate: Pick<IssuedFacts, 'notBefore' | 'notAfter' | 'draw' | 'window'>;
  readonly rule: RenewalRule;
  /**
   * It is the first version of the wish. A fleet that was made at once spreads its first renewals over a whole period;
   * from then on the load is level.
   */
  readonly first: boolean;
}

/** When it is due. Quiet hours move it to their end, unless that would be too late. */
export function renewalDue({ certificate, rule, first }: DueQuestion): Instant {
  const { notBefore, notAfter, draw, window } = certificate;
  const life = notAfter - notBefore;
  const latest = notBefore + life * LATEST;
  const fraction = renewalFraction(certificate, rule);
  const [from, to] =
    window !== null
      ? [window.start, window.end]
      : first
        ? [notBefore + (life * fraction) / 6, notBefore + (life * fraction * 7) / 6]
        : [notBefore + life * (fraction - JITTER), notBefore + life * fraction];
  const due = Math.min(from + draw * (to - from), latest);
  const awake = quietUntil(due, rule.quiet);
  return Math.floor(awake <= latest ? awake : due);
}
