/** TBSCertificate and Certificate (RFC 5280 4.1): assembled from values, read back into values. */
import { ChanceryError } from '../base/errors.ts';
import type { Instant } from '../base/clock.ts';
import { type Bytes, sha256, toHex } from './bytes.ts';
import {
  context,
  contextConstructed,
  DerReader,
  readInteger,
  readSmallInteger,
  sequence,
  TAG,
  tlv,
  unsignedInteger,
} from './der.ts';
import { bitString, readOctetBits } from './der-bits.ts';
import { encodeExtension, type Extension, readExtensions } from './extensions.ts';
import { encodeTime, readTime, type TimeForm } from './time.ts';

/** Everything that goes into a certificate; no field has a default. Names, key and algorithm are DER already. */
export interface CertificateTemplate {
  /** Octets of a positive number, without the sign octet. */
  readonly serial: Bytes;
  readonly signatureAlgorithm: Bytes;
  readonly issuer: Bytes;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly subject: Bytes;
  readonly spki: Bytes;
  readonly extensions: readonly Extension[];
}

const VERSION_3: Bytes = tlv(contextConstructed(0), Buffer.from([TAG.integer, 1, 2]));

/** The octets to be signed. */
export const encodeTbsCertificate = (template: CertificateTemplate): Bytes =>
  sequence(
    VERSION_3,
    unsignedInteger(template.serial),
    template.signatureAlgorithm,
    template.issuer,
    sequence(encodeTime(template.notBefore), encodeTime(template.notAfter)),
    template.subject,
    template.spki,
    // Extensions is SIZE (1..MAX)
    ...(template.extensions.length === 0
      ? []
      : [tlv(contextConstructed(3), sequence(...template.extensions.map(encodeExtension)))]),
  );

export const assembleCertificate = (tbs: Bytes, signatureAlgorithm: Bytes, signature: Bytes): Bytes =>
  sequence(tbs, signatureAlgorithm, bitString(signature));

export interface TbsCertificate {
  /** The whole TBSCertificate. */
  readonly raw: Bytes;
  readonly version: number;
  /** Content octets of the serial number's INTEGER, sign octet included. */
  readonly serial: Bytes;
  readonly signatureAlgorithm: Bytes;
  readonly issuer: Bytes;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly subject: Bytes;
  readonly spki: Bytes;
  readonly hasUniqueIds: boolean;
  readonly extensions: readonly Extension[];
}

export interface Certificate extends Omit<TbsCertificate, 'raw'> {
  /** The whole Certificate. */
  readonly raw: Bytes;
  readonly tbs: TbsCertificate;
  /** The AlgorithmIdentifier outside of the signed part. */
  readonly outerSignatureAlgorithm: Bytes;
  readonly signature: Bytes;
}

/** Reads the part that is signed. Throws `malformed_der`. */
export function readTbsCertificate(der: Bytes, timeForm?: TimeForm): TbsCertificate {
  const reader = DerReader.sequence(der, 'tbsCertificate');
  const explicit = reader.optional(contextConstructed(0), 'version');
  const version = explicit === undefined ? 1 : readVersion(explicit.content);
  const serial = readInteger(reader.next('serialNumber'), 'serialNumber');
  const signatureAlgorithm = reader.expect(TAG.sequence, 'signature').raw;
  const issuer = reader.expect(TAG.sequence, 'issuer').raw;
  const validity = reader.sequence('validity');
  const notBefore = readTime(validity.next('notBefore'), 'notBefore', timeForm);
  const notAfter = readTime(validity.next('notAfter'), 'notAfter', timeForm);
  validity.end('validity');
  const subject = reader.expect(TAG.sequence, 'subject').raw;
  const spki = reader.expect(TAG.sequence, 'subjectPublicKeyInfo').raw;
  const issuerId = reader.optional(context(1), 'issuerUniqueID');
  const subjectId = reader.optional(context(2), 'subjectUniqueID');
  const wrapped = reader.optional(contextConstructed(3), 'extensions');
  reader.end('tbsCertificate');
  return {
    raw: der,
    version,
    serial,
    signatureAlgorithm,
    issuer,
    notBefore,
    notAfter,
    subject,
    spki,
    hasUniqueIds: issuerId !== undefined || subjectId !== undefined,
    extensions: wrapped === undefined ? [] : readExtensions(wrapped.content),
  };
}

function readVersion(content: Bytes): number {
  const reader = new DerReader(content);
  const value = readSmallInteger(reader.next('version'), 'version', 255);
  reader.end('version');
  return value + 1;
}

/** The three parts of a signed certificate (RFC 5280 4.1.1), not looked into. */
export interface SignedParts {
  readonly tbs: Bytes;
  readonly signatureAlgorithm: Bytes;
  readonly signature: Bytes;
}

/** Takes a certificate apart. Throws `malformed_der`. */
export function readSignedParts(der: Bytes): SignedParts {
  const reader = DerReader.sequence(der, 'certificate');
  const tbs = reader.expect(TAG.sequence, 'tbsCertificate').raw;
  const signatureAlgorithm = reader.expect(TAG.sequence, 'signatureAlgorithm').raw;
  const signature = readOctetBits(reader.next('signatureValue'), 'signatureValue');
  reader.end('certificate');
  return { tbs, signatureAlgorithm, signature };
}

/**
 * Reads a whole certificate. Throws `malformed_certificate` with the reason. What others issued may have its times in
 * `either` form: RFC 5280 4.1.2.5 asks verifiers to process both.
 */
export function readCertificate(der: Bytes, timeForm?: TimeForm): Certificate {
  try {
    const { tbs: octets, signatureAlgorithm: outerSignatureAlgorithm, signature } = readSignedParts(der);
    const tbs = readTbsCertificate(octets, timeForm);
    return { ...tbs, raw: der, tbs, outerSignatureAlgorithm, signature };
  } catch (cause) {
    if (!(cause instanceof ChanceryError)) throw cause;
    throw new ChanceryError('malformed_certificate', cause.detail, { cause });
  }
}

/** The extension with this identifier. Where one stands twice (which lint refuses) the first. */
export const findExtension = (
  certificate: Pick<TbsCertificate, 'extensions'>,
  id: string,
): Extension | undefined => certificate.extensions.find((extension) => extension.id === id);

/** Serial numbers as every surface prints them: lower-case hexadecimal without the sign octet. */
export function formatSerial(content: Bytes): string {
  return toHex(content.length > 1 && content[0] === 0 ? content.subarray(1) : content);
}

/** SHA-256 over the whole certificate, lower-case hexadecimal. */
export const certificateFingerprint = (der: Bytes): string => toHex(sha256(der));
