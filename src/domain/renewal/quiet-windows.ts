/** Hours in which nothing is renewed that can wait, by the clock on the wall of a time zone. */
import { HOUR, type Instant, MINUTE, type WallClock, wallClock } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface QuietWindow {
  /** Days on which it begins. */
  readonly days: readonly Weekday[];
  /** Minutes after midnight; `to` at or before `from` is on the next day. */
  readonly from: number;
  readonly to: number;
  /** IANA name: `Europe/Berlin`. */
  readonly timeZone: string;
}

/** Reads `22:30`; `undefined` for anything else. */
export function parseTimeOfDay(text: string): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2]);
}

/** Throws `invalid_request` for a time zone that nobody knows. */
export function requireTimeZone(timeZone: string): void {
  if (wallClock(0, timeZone) !== undefined) return;
  throw new ChanceryError('invalid_request', {
    message: `${JSON.stringify(timeZone)} is no time zone`,
    rule: 'a name of the IANA time zone database',
    fix: 'Write e.g. Europe/Berlin or UTC.',
  });
}

/** Whether it is quiet at this time; the hour that is set back at the end of summer is judged by the clock both times. */
export const isQuiet = (at: Instant, windows: readonly QuietWindow[]): boolean =>
  windows.some((window) => {
    const wall = wallClock(at, window.timeZone);
    return wall !== undefined && isInside(wall, window);
  });

function isInside({ weekday, minute }: WallClock, { days, from, to }: QuietWindow): boolean {
  const begins = (day: number): boolean => {
    const name = WEEKDAYS[(day + 7) % 7];
    return name !== undefined && days.includes(name);
  };
  if (from < to) return begins(weekday) && minute >= from && minute < to;
  return (begins(weekday) && minute >= from) || (begins(weekday - 1) && minute < to);
}

/** The first time from `at` on that is not quiet; `at` itself where there is none within eight days. */
export function quietUntil(at: Instant, windows: readonly QuietWindow[]): Instant {
  if (!isQuiet(at, windows)) return at;
  const start = Math.ceil(at / MINUTE) * MINUTE;
  // zones are offset by quarters of an hour, windows by minutes: hours first, then back to the minute
  for (let hour = 1; hour <= 8 * 24; hour += 1) {
    const probe = start + hour * HOUR;
    if (isQuiet(probe, windows)) continue;
    let found = probe;
    while (found - MINUTE > at && !isQuiet(found - MINUTE, windows)) found -= MINUTE;
    return found;
  }
  return at;
}
