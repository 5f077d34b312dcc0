/** Distribution points in full: of certificates (RFC 5280 4.2.1.13) and of CRLs (5.2.5). */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, fromAscii, toHex } from './bytes.ts';
import { context, contextConstructed, DerReader, readBoolean, sequence, TAG, tlv } from './der.ts';
import { readNamedBits } from './der-bits.ts';
import type { Extension } from './extensions.ts';
import { DIRECTORY_NAME_TAG } from './general-name.ts';
import { nameKey, rdnKey, rdnKeys } from './name-match.ts';
import { OID } from './oids.ts';

/** Bits of ReasonFlags that a CRL can cover: all but `unused` (0). */
export const ALL_REASONS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];

export interface DistributionPoint {
  /** One comparable string for each of its names; `undefined`: it has none. */
  readonly names: readonly string[] | undefined;
  readonly reasons: readonly number[];
  /** Keys of the directory names of whoever signs the CRL, where that is not the issuer itself. */
  readonly crlIssuer: readonly string[] | undefined;
}

/** Reads cRLDistributionPoints. `issuer` is the certificate's, for names relative to it. Throws `malformed_der`. */
export function readDistributionPoints(value: Bytes, issuer: Bytes): DistributionPoint[] {
  const points = DerReader.sequence(value, 'cRLDistributionPoints').rest('cRLDistributionPoints', 50);
  if (points.length === 0) throw malformed('cRLDistributionPoints is empty', 'RFC 5280 4.2.1.13');
  return points.map(({ raw }) => {
    const reader = DerReader.sequence(raw, 'DistributionPoint');
    const name = reader.optional(contextConstructed(0), 'distributionPoint');
    const reasons = reader.optional(context(1), 'reasons');
    const crlIssuer = reader.optional(contextConstructed(2), 'cRLIssuer');
    reader.end('DistributionPoint');
    if (name === undefined && crlIssuer === undefined)
      throw malformed('a DistributionPoint has neither name nor cRLIssuer', 'RFC 5280 4.2.1.13');
    const issuers = crlIssuer === undefined ? undefined : generalNameKeys(crlIssuer.content);
    return {
      names: name === undefined ? undefined : pointNames(name.content, issuer),
      reasons: reasons === undefined ? ALL_REASONS : readReasons(reasons.content),
      crlIssuer: issuers,
    };
  });
}

export interface IssuingDistributionPoint {
  readonly names: readonly string[] | undefined;
  readonly onlyUserCerts: boolean;
  readonly onlyCaCerts: boolean;
  readonly onlyAttributeCerts: boolean;
  readonly reasons: readonly number[];
  readonly indirect: boolean;
}

/** Reads issuingDistributionPoint. `issuer` is the CRL's. Throws `malformed_der`. */
export function readIssuingDistributionPoint(value: Bytes, issuer: Bytes): IssuingDistributionPoint {
  const reader = DerReader.sequence(value, 'issuingDistributionPoint');
  const name = reader.optional(contextConstructed(0), 'distributionPoint');
  const flag = (tag: number, what: string): boolean => {
    const element = reader.optional(context(tag), what);
    return element !== undefined && readBoolean({ ...element, tag: TAG.boolean }, what);
  };
  const onlyUserCerts = flag(1, 'onlyContainsUserCerts');
  const onlyCaCerts = flag(2, 'onlyContainsCACerts');
  const reasons = reader.optional(context(3), 'onlySomeReasons');
  const indirect = flag(4, 'indirectCRL');
  const onlyAttributeCerts = flag(5, 'onlyContainsAttributeCerts');
  reader.end('issuingDistributionPoint');
  if ([onlyUserCerts, onlyCaCerts, onlyAttributeCerts].filter(Boolean).length > 1)
    throw malformed('issuingDistributionPoint has several scopes at once', 'RFC 5280 5.2.5');
  return {
    names: name === undefined ? undefined : pointNames(name.content, issuer),
    onlyUserCerts,
    onlyCaCerts,
    onlyAttributeCerts,
    reasons: reasons === undefined ? ALL_REASONS : readReasons(reasons.content),
    indirect,
  };
}

function pointNames(content: Bytes, issuer: Bytes): string[] {
  const reader = new DerReader(content);
  const full = reader.optional(contextConstructed(0), 'fullName');
  const relative =
    full === undefined ? reader.expect(contextConstructed(1), 'nameRelativeToCRLIssuer') : undefined;
  reader.end('DistributionPointName');
  if (full !== undefined) return generalNameKeys(full.content);
  return [`directory:${[...rdnKeys(issuer), rdnKey(relative?.content ?? new Uint8Array(0))].join('')}`];
}

/** Directory names compare as names do, others octet by octet. */
function generalNameKeys(content: Bytes): string[] {
  const names = new DerReader(content).rest('GeneralNames', 50);
  if (names.length === 0) throw malformed('a GeneralNames is empty', 'RFC 5280 4.2.1.6');
  return names.map(({ tag, content: name }) =>
    tag === DIRECTORY_NAME_TAG ? `directory:${nameKey(name)}` : `${tag.toString(16)}:${toHex(name)}`,
  );
}

const readReasons = (content: Bytes): number[] =>
  readNamedBits({ tag: TAG.bitString, content, raw: content }, 'reasons');

const malformed = (message: string, rule: string): ChanceryError =>
  new ChanceryError('malformed_der', { message, rule, fix: 'Have it issued again.' });

/**
 * The scope of a CRL that covers the end-entity certificates whose cRLDistributionPoints hold this very URL. Critical:
 * who does not know it must not take the list for a complete one.
 */
export const issuingDistributionPoint = (url: string): Extension => ({
  id: OID.issuingDistributionPoint,
  critical: true,
  value: sequence(
    tlv(contextConstructed(0), tlv(contextConstructed(0), tlv(context(6), fromAscii(url)))),
    tlv(context(1), Buffer.from([0xff])),
  ),
});
