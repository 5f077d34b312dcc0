/** Rules of times and durations. */
import { DAY, HOUR, MINUTE, parseDuration, parseInstant } from '../base/clock.ts';
import { text, unless } from './rules.ts';

const DURATION = { rule: 'a duration is written as 90d, 12h, 1h30m, 45s', fix: 'Write it so.' };

export const duration = unless(
  (value) => parseDuration(value) !== undefined,
  'it is no duration',
  DURATION.rule,
  DURATION.fix,
);

export const instant = unless(
  (value) => parseInstant(value) !== undefined,
  'it is no time',
  'RFC 3339: a time with its zone',
  'Write it as 2026-06-01T00:00:00Z.',
);

/** `why`: the shortest in words, with its reason. */
export const atLeast = (shortest: number, why: string) =>
  text((value) => {
    const length = parseDuration(value);
    if (length === undefined) return { message: 'it is no duration', ...DURATION };
    return length >= shortest
      ? undefined
      : { message: 'it is too short', rule: `at least ${why}`, fix: 'Write a longer one.' };
  });

/** Of a CRL: no shorter than relying parties fetch it, no longer than BR 7.2 allows. */
export const crlLife = text((value) => {
  const life = parseDuration(value);
  if (life === undefined) return { message: 'it is no duration', ...DURATION };
  if (life >= HOUR && life <= 10 * DAY) return undefined;
  return {
    message: 'relying parties could not live with it',
    rule: 'a CRL lives for 1h to 10d',
    fix: 'Write e.g. 24h.',
  };
});

/** Clocks that need no backdating are allowed to say so. */
export const durationOrZero = unless(
  (value) => value === '0s' || parseDuration(value) !== undefined,
  'it is no duration',
  DURATION.rule,
  DURATION.fix,
);

export const headInterval = text((value) => {
  const interval = parseDuration(value);
  if (interval === undefined) return { message: 'it is no duration', ...DURATION };
  if (interval >= 1000 && interval <= 60 * MINUTE) return undefined;
  return {
    message: 'it is too short or too long',
    rule: '1s to 60m: what was written since the last head can be cut off unseen',
    fix: 'Write e.g. 30s.',
  };
});

export const clockSkew = text((value) => {
  const skew = value === '0s' ? 0 : parseDuration(value);
  if (skew === undefined) return { message: 'it is no duration', ...DURATION };
  if (skew <= 5 * MINUTE) return undefined;
  return {
    message: 'it is too long',
    rule: 'at most 5m: clocks that differ by more are wrong',
    fix: 'Write e.g. 30s, and set the clock.',
  };
});
