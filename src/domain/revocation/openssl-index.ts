/**
 * index.txt of `openssl ca`: lines of status, end, revocation, serial number, file, subject, with tabs between them.
 *
 *   R  260131120000Z  251224080000Z,keyCompromise  4A02  unknown  /CN=host
 */
import { type Instant, parseInstant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { CRL_REASONS, type CrlReason } from '../../x509/crl.ts';

export interface IndexEntry {
  /** Content octets of the INTEGER, hexadecimal. */
  readonly serial: string;
  readonly notAfter: Instant;
  readonly revoked: { readonly at: Instant; readonly reason: CrlReason } | undefined;
}

/** Throws `invalid_request` with the line. */
export function readIndex(text: string): IndexEntry[] {
  return text.split(/\r?\n/).flatMap((line, i) => (line.trim() === '' ? [] : [readLine(line, i + 1)]));
}

function readLine(line: string, number: number): IndexEntry {
  const [status = '', end = '', revocation = '', digits = ''] = line.split('\t');
  const notAfter = readTime(end);
  const serial = contentOf(digits);
  if (!/^[VER]$/.test(status) || notAfter === undefined || serial === undefined) throw unreadable(number);
  if (status !== 'R') return { serial, notAfter, revoked: undefined };
  const [time = '', word = 'unspecified', held] = revocation.split(',');
  const at = readTime(time);
  const reason = reasonOf(word);
  if (at === undefined || reason === undefined) throw unreadable(number, held === undefined ? word : '');
  return { serial, notAfter, revoked: { at, reason } };
}

/** openssl's own words: some carry when the key leaked, or what to do on hold. */
function reasonOf(word: string): CrlReason | undefined {
  const own: Readonly<Record<string, CrlReason>> = {
    keyTime: 'keyCompromise',
    CAkeyTime: 'cACompromise',
    holdInstruction: 'certificateHold',
    CACompromise: 'cACompromise',
    AACompromise: 'aACompromise',
  };
  return own[word] ?? CRL_REASONS.find((reason) => reason?.toLowerCase() === word.toLowerCase());
}

/** YYMMDDHHMMSSZ (RFC 5280 4.1.2.5.1) or YYYYMMDDHHMMSSZ. */
function readTime(text: string): Instant | undefined {
  const found = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (found === null) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = found;
  const full = year.length === 4 ? year : `${Number(year) < 50 ? '20' : '19'}${year}`;
  return parseInstant(`${full}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function contentOf(digits: string): string | undefined {
  if (!/^[0-9A-Fa-f]{1,42}$/.test(digits)) return undefined;
  const even = (digits.length % 2 === 0 ? digits : `0${digits}`).toLowerCase();
  const bare = even.replace(/^(?:00)+(?=..)/, '');
  return Number.parseInt(bare.slice(0, 2), 16) >= 0x80 ? `00${bare}` : bare;
}

const unreadable = (line: number, reason = ''): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: `line ${line} of the index cannot be read${reason === '' ? '' : `: ${JSON.stringify(reason.slice(0, 40))}`}`,
    rule: 'index.txt of `openssl ca`: status, end, revocation, serial number, file, subject, with tabs between them',
    fix: 'Name the file as openssl wrote it.',
  });
