/** CertificateList (RFC 5280 5), read: who signed it, for which scope, and the entry of a serial number. */
import { ChanceryError } from '../base/errors.ts';
import type { Instant } from '../base/clock.ts';
import { type Bytes, equal } from './bytes.ts';
import { contextConstructed, DerReader, readInteger, readSmallInteger, TAG } from './der.ts';
import { readOctetBits } from './der-bits.ts';
import { type Extension, readExtensions } from './extensions.ts';
import { OID } from './oids.ts';
import { readTime } from './time.ts';

export interface CertificateList {
  readonly raw: Bytes;
  /** The octets that are signed. */
  readonly tbs: Bytes;
  readonly version: number;
  readonly signatureAlgorithm: Bytes;
  readonly outerSignatureAlgorithm: Bytes;
  readonly signature: Bytes;
  /** DER of the issuer's Name. */
  readonly issuer: Bytes;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant | undefined;
  readonly extensions: readonly Extension[];
  /** Content of the revokedCertificates SEQUENCE; empty when there are none. */
  readonly entries: Bytes;
}

export interface RevokedCertificate {
  /** Content octets of the serial number. */
  readonly serial: Bytes;
  readonly revokedAt: Instant;
  readonly extensions: readonly Extension[];
}

/** Reads a CRL without its entries. Throws `malformed_der`. */
export function readCertificateList(der: Bytes): CertificateList {
  const outer = DerReader.sequence(der, 'CRL');
  const tbs = outer.expect(TAG.sequence, 'tbsCertList').raw;
  const outerSignatureAlgorithm = outer.expect(TAG.sequence, 'signatureAlgorithm').raw;
  const signature = readOctetBits(outer.next('signatureValue'), 'signatureValue');
  outer.end('CRL');

  const reader = DerReader.sequence(tbs, 'tbsCertList');
  const version = reader.optional(TAG.integer, 'version');
  const signatureAlgorithm = reader.expect(TAG.sequence, 'signature').raw;
  const issuer = reader.expect(TAG.sequence, 'issuer').raw;
  const thisUpdate = readTime(reader.next('thisUpdate'), 'thisUpdate', 'either');
  const timed = reader.peek() === TAG.utcTime || reader.peek() === TAG.generalizedTime;
  const nextUpdate = timed ? readTime(reader.next('nextUpdate'), 'nextUpdate', 'either') : undefined;
  const revoked = reader.optional(TAG.sequence, 'revokedCertificates');
  const wrapped = reader.optional(contextConstructed(0), 'crlExtensions');
  reader.end('tbsCertList');
  return {
    raw: der,
    tbs,
    version: version === undefined ? 1 : readSmallInteger(version, 'version', 255) + 1,
    signatureAlgorithm,
    outerSignatureAlgorithm,
    signature,
    issuer,
    thisUpdate,
    nextUpdate,
    extensions: wrapped === undefined ? [] : readExtensions(wrapped.content),
    entries: revoked?.content ?? new Uint8Array(0),
  };
}

/**
 * Where the entries are in a CRL of which only the beginning is at hand; `start` and `end` are equal where there are
 * none. Throws `malformed_der`.
 */
export function locateEntries(beginning: Bytes): { readonly start: number; readonly end: number } {
  const tbs = readHeader(beginning, 0, TAG.sequence);
  let at = readHeader(beginning, tbs.start, TAG.sequence).start;
  for (const tag of [TAG.integer, TAG.sequence, TAG.sequence]) at = readHeader(beginning, at, tag).end;
  while (beginning[at] === TAG.utcTime || beginning[at] === TAG.generalizedTime)
    at = readHeader(beginning, at).end;
  return beginning[at] === TAG.sequence ? readHeader(beginning, at) : { start: at, end: at };
}

/** Where the content of the element at `at` begins and ends, which may be behind the octets at hand. */
function readHeader(
  octets: Bytes,
  at: number,
  tag?: number,
): { readonly start: number; readonly end: number } {
  const first = octets[at + 1];
  const more = first === undefined || first < 0x80 ? 0 : first & 0x7f;
  if (
    first === undefined ||
    (tag !== undefined && octets[at] !== tag) ||
    more > 4 ||
    at + 2 + more > octets.length
  )
    throw new ChanceryError('malformed_der', {
      message: 'the beginning of the CRL is none of a CRL',
      rule: 'RFC 5280 5.1',
      fix: 'Have the CRL issued again.',
    });
  let length = more === 0 ? first : 0;
  for (let i = 0; i < more; i++) length = length * 256 + (octets[at + 2 + i] ?? 0);
  const start = at + 2 + more;
  return { start, end: start + length };
}

/** Walks the entries in order without keeping them: a CRL can have a million. Throws `malformed_der`. */
export function* revokedCertificates(list: Pick<CertificateList, 'entries'>): Generator<RevokedCertificate> {
  const reader = new DerReader(list.entries);
  while (!reader.atEnd) {
    const entry = reader.sequence('revoked certificate');
    const serial = readInteger(entry.next('userCertificate'), 'userCertificate');
    const revokedAt = readTime(entry.next('revocationDate'), 'revocationDate', 'either');
    const extensions = entry.atEnd
      ? []
      : readExtensions(entry.expect(TAG.sequence, 'crlEntryExtensions').raw);
    entry.end('revoked certificate');
    yield { serial, revokedAt, extensions };
  }
}

/** The entry of one serial number. Reads the whole list, so that a broken entry anywhere is found. */
export function findRevoked(list: CertificateList, serial: Bytes): RevokedCertificate | undefined {
  let found: RevokedCertificate | undefined;
  for (const entry of revokedCertificates(list))
    if (found === undefined && equal(entry.serial, serial)) found = entry;
  return found;
}

/** CRLReason by number (RFC 5280 5.3.1); 7 is not used. */
export const CRL_REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
export type CrlReason = NonNullable<(typeof CRL_REASONS)[number]>;

/** The reason of an entry; `unspecified` where none stands there. Throws `malformed_der` for a number that is none. */
export function revocationReason(entry: Pick<RevokedCertificate, 'extensions'>): CrlReason {
  const extension = entry.extensions.find(({ id }) => id === OID.reasonCode);
  if (extension === undefined) return 'unspecified';
  const reader = new DerReader(extension.value);
  const { content, raw } = reader.expect(TAG.enumerated, 'reasonCode');
  reader.end('reasonCode');
  const reason = CRL_REASONS[readSmallInteger({ tag: TAG.integer, content, raw }, 'reasonCode', 255)];
  if (reason !== undefined) return reason;
  throw new ChanceryError('malformed_der', {
    message: `reasonCode ${content.join('.')} is none`,
    rule: 'RFC 5280 5.3.1',
    fix: 'Have the CRL issued again.',
  });
}

/** The number of a CRL, or the base that a delta names. */
export function readCrlNumber(value: Bytes): bigint {
  const reader = new DerReader(value);
  const content = readInteger(reader.next('cRLNumber'), 'cRLNumber');
  reader.end('cRLNumber');
  if ((content[0] ?? 0) & 0x80 || content.length > 21)
    throw new ChanceryError('malformed_der', {
      message: 'a CRL number is negative or over 20 octets long',
      rule: 'RFC 5280 5.2.3',
      fix: 'Have the CRL issued again.',
    });
  return content.reduce((value, octet) => value * 256n + BigInt(octet), 0n);
}
