/** A point in time: milliseconds since the Unix epoch, UTC. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

/** The only source of "now" for domain code. */
export interface Clock {
  now(): Instant;
}

export const SECOND: Duration = 1000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;
export const DAY: Duration = 24 * HOUR;

/** Whole seconds: X.509 times carry no fraction (RFC 5280 4.1.2.5). */
export const floorToSecond = (instant: Instant): Instant => Math.floor(instant / SECOND) * SECOND;

/** RFC 3339 in UTC without fraction, as every surface prints times: `2026-01-31T00:00:00Z`. */
export function formatInstant(instant: Instant): string {
  const second = floorToSecond(instant);
  const known = rendered.get(second);
  if (known !== undefined) return known;
  const text = `${new Date(second).toISOString().slice(0, -5)}Z`;
  if (rendered.size >= 256) rendered.clear();
  rendered.set(second, text);
  return text;
}

/** What is issued within a second shares its few times. */
const rendered = new Map<Instant, string>();

/** Reads RFC 3339 with an explicit zone; `undefined` when the text is anything else or names no real day. */
export function parseInstant(text: string): Instant | undefined {
  const match = /^(\d{4}-\d\d-(\d\d))T\d\d:\d\d:\d\d(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const instant = Date.parse(text);
  if (Number.isNaN(instant)) return undefined;
  // Date.parse turns 31 February into 3 March
  const midnight = new Date(`${match[1]}T00:00:00Z`);
  return midnight.getUTCDate() === Number(match[2]) ? instant : undefined;
}

const UNITS: Readonly<Record<string, Duration>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/** Beyond it, now plus a duration would leave the years that certificates can write (RFC 5280 4.1.2.5: up to 9999). */
const LONGEST: Duration = 1000 * 366 * DAY;

/** Reads `90d`, `12h`, `1h30m`, `45s`; `undefined` when it is none of these, not above zero or over 1,000 years. */
export function parseDuration(text: string): Duration | undefined {
  if (!/^(?:\d{1,9}[dhms])+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)([dhms])/g))
    total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return total > 0 && total <= LONGEST ? total : undefined;
}

/** Writes a duration as `parseDuration` reads it, in at most two units: `7d`, `1h30m`. */
export function formatDuration(duration: Duration): string {
  let rest = Math.max(0, Math.round(duration / SECOND)) * SECOND;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = UNITS[unit] ?? SECOND;
    const amount = Math.floor(rest / size);
    if (amount > 0 && parts.length < 2) parts.push(`${amount}${unit}`);
    rest -= amount * size;
  }
  return parts.join('') || '0s';
}

/** What a clock on the wall shows. */
export interface WallClock {
  /** 0 is Monday. */
  readonly weekday: number;
  /** Minutes after midnight. */
  readonly minute: number;
}

/** The wall clock of an IANA time zone; `undefined` for a zone that nobody knows. */
export function wallClock(at: Instant, timeZone: string): WallClock | undefined {
  const parts = zoneFormat(timeZone)?.formatToParts(at);
  if (parts === undefined) return undefined;
  const part = (type: string): string => parts.find((found) => found.type === type)?.value ?? '';
  return {
    weekday: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(part('weekday')),
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}

const zoneFormats = new Map<string, Intl.DateTimeFormat>();

function zoneFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  let format = zoneFormats.get(timeZone);
  if (format !== undefined) return format;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  } catch {
    return undefined;
  }
  zoneFormats.set(timeZone, format);
  return format;
}
