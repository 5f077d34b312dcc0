/** Time in certificates (RFC 5280 4.1.2.5): UTCTime through 2049, GeneralizedTime from 2050, seconds, Zulu. */
import { ChanceryError } from '../base/errors.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { type Bytes, fromAscii, toLatin1 } from './bytes.ts';
import { type Element, TAG, tlv } from './der.ts';

const FIRST_GENERALIZED = Date.UTC(2050, 0, 1);

export function encodeTime(instant: Instant): Bytes {
  const digits = formatInstant(instant).replace(/[-:T]/g, '');
  return instant < FIRST_GENERALIZED && instant >= Date.UTC(1950, 0, 1)
    ? tlv(TAG.utcTime, fromAscii(digits.slice(2)))
    : tlv(TAG.generalizedTime, fromAscii(digits));
}

const generalizedTimes = new Map<Instant, Bytes>();

/** GeneralizedTime in every year, as OCSP has it (RFC 6960 4.2.2.1); without a fraction. What is signed within a second shares it. */
export function encodeGeneralizedTime(instant: Instant): Bytes {
  const known = generalizedTimes.get(instant);
  if (known !== undefined) return known;
  const encoded = tlv(TAG.generalizedTime, fromAscii(formatInstant(instant).replace(/[-:T]/g, '')));
  if (generalizedTimes.size >= 256) generalizedTimes.clear();
  generalizedTimes.set(instant, encoded);
  return encoded;
}

/** Whether the year decides the form, as it must where we sign, or either form passes, as a verifier takes it. */
export type TimeForm = 'by-year' | 'either';

/** Reads either form; refuses fractions, offsets, missing seconds, days that do not exist and the wrong form for the year. */
export function readTime(element: Element, what: string, form: TimeForm = 'by-year'): Instant {
  const text = toLatin1(element.content);
  const isUtc = element.tag === TAG.utcTime;
  const match =
    isUtc || element.tag === TAG.generalizedTime
      ? (isUtc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(
          text,
        )
      : null;
  if (match === null) throw malformed(what, text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const fullYear = !isUtc ? year : year < 50 ? 2000 + year : 1900 + year;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const real =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!real || (form === 'by-year' && !isUtc && date.getTime() < FIRST_GENERALIZED && fullYear >= 1950))
    throw malformed(what, text);
  return date.getTime();
}

const malformed = (what: string, text: string): ChanceryError =>
  new ChanceryError('malformed_der', {
    message: `${what} is ${JSON.stringify(text.slice(0, 40))}`,
    rule: 'RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050, with seconds, in Zulu',
    fix: 'Encode the time again.',
  });
