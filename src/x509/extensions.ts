/** Certificate extensions (RFC 5280 4.2): value ↔ octets of extnValue. */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, equal, fromAscii, toLatin1 } from './bytes.ts';
import {
  context,
  contextConstructed,
  DerReader,
  NULL,
  octetString,
  oid,
  readBoolean,
  readOid,
  readSmallInteger,
  sequence,
  smallInteger,
  TAG,
  tlv,
  TRUE,
} from './der.ts';
import { namedBits, readNamedBits } from './der-bits.ts';
import {
  encodeGeneralNames,
  type GeneralName,
  type NameKind,
  readGeneralName,
  readGeneralNames,
} from './general-name.ts';
import { OID } from './oids.ts';

export interface Extension {
  /** Dotted. */
  readonly id: string;
  readonly critical: boolean;
  /** The octets inside the OCTET STRING. */
  readonly value: Bytes;
}

const encoded = new WeakMap<Extension, Bytes>();

/** The DER of an extension. An object that is used again (a profile's, a generation's) is encoded once. */
export function encodeExtension(extension: Extension): Bytes {
  const known = encoded.get(extension);
  if (known !== undefined) return known;
  const { id, critical, value } = extension;
  const der = critical ? sequence(oid(id), TRUE, octetString(value)) : sequence(oid(id), octetString(value));
  encoded.set(extension, der);
  return der;
}

/** Reads the Extensions SEQUENCE. A `critical` that spells out FALSE is not DER (X.690 11.5). */
export function readExtensions(der: Bytes): Extension[] {
  return DerReader.sequence(der, 'extensions')
    .rest('extensions', 100)
    .map(({ raw }) => {
      const reader = DerReader.sequence(raw, 'extension');
      const id = readOid(reader.next('extnID'), 'extnID');
      const flag = reader.optional(TAG.boolean, 'critical');
      if (flag !== undefined && !readBoolean(flag, 'critical'))
        throw new ChanceryError('malformed_der', {
          message: `the extension ${id} encodes its default critical=FALSE`,
          rule: 'X.690 11.5',
          fix: 'Leave the default out.',
        });
      const value = reader.expect(TAG.octetString, 'extnValue').content;
      reader.end('extension');
      return { id, critical: flag !== undefined, value };
    });
}

// ---- basicConstraints (4.2.1.9)

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength?: number;
}

export const basicConstraints = ({ ca, pathLength }: BasicConstraints): Extension => ({
  id: OID.basicConstraints,
  critical: true,
  value: sequence(...(ca ? [TRUE] : []), ...(pathLength === undefined ? [] : [smallInteger(pathLength)])),
});

export function readBasicConstraints(value: Bytes): BasicConstraints {
  const reader = DerReader.sequence(value, 'basicConstraints');
  const flag = reader.optional(TAG.boolean, 'cA');
  const length = reader.optional(TAG.integer, 'pathLenConstraint');
  reader.end('basicConstraints');
  const ca = flag !== undefined && readBoolean(flag, 'cA');
  return length === undefined ? { ca } : { ca, pathLength: readSmallInteger(length, 'pathLenConstraint') };
}

// ---- keyUsage (4.2.1.3)

export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export const keyUsage = (usages: readonly KeyUsage[]): Extension => ({
  id: OID.keyUsage,
  critical: true,
  value: namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage))),
});

export function readKeyUsage(value: Bytes): KeyUsage[] {
  const reader = new DerReader(value);
  const bits = readNamedBits(reader.next('keyUsage'), 'keyUsage');
  reader.end('keyUsage');
  return bits.map((bit) => {
    const usage = KEY_USAGES[bit];
    if (usage !== undefined) return usage;
    throw new ChanceryError('malformed_der', {
      message: `keyUsage has the bit ${bit}`,
      rule: 'RFC 5280 4.2.1.3: bits 0 to 8',
      fix: 'Encode it again.',
    });
  });
}

// ---- extKeyUsage (4.2.1.12)

export const extKeyUsage = (purposes: readonly string[]): Extension => ({
  id: OID.extKeyUsage,
  critical: false,
  value: sequence(...purposes.map(oid)),
});

export const readExtKeyUsage = (value: Bytes): string[] =>
  DerReader.sequence(value, 'extKeyUsage')
    .rest('extKeyUsage', 100)
    .map((element) => readOid(element, 'KeyPurposeId'));

// ---- key identifiers (4.2.1.1, 4.2.1.2)

export const subjectKeyIdentifier = (id: Bytes): Extension => ({
  id: OID.subjectKeyIdentifier,
  critical: false,
  value: octetString(id),
});

export function readSubjectKeyIdentifier(value: Bytes): Bytes {
  const reader = new DerReader(value);
  const { content } = reader.expect(TAG.octetString, 'subjectKeyIdentifier');
  reader.end('subjectKeyIdentifier');
  return content;
}

export const authorityKeyIdentifier = (id: Bytes): Extension => ({
  id: OID.authorityKeyIdentifier,
  critical: false,
  value: sequence(tlv(context(0), id)),
});

/** The keyIdentifier field; `undefined` when the extension names issuer and serial only. */
export function readAuthorityKeyIdentifier(value: Bytes): Bytes | undefined {
  const reader = DerReader.sequence(value, 'authorityKeyIdentifier');
  const id = reader.optional(context(0), 'keyIdentifier')?.content;
  reader.optional(contextConstructed(1), 'authorityCertIssuer');
  reader.optional(context(2), 'authorityCertSerialNumber');
  reader.end('authorityKeyIdentifier');
  return id;
}

// ---- subjectAltName (4.2.1.6)

/** Critical exactly when the subject is empty. */
export const subjectAltName = (
  names: readonly { readonly kind: NameKind; readonly value: string }[],
  critical: boolean,
): Extension => ({ id: OID.subjectAltName, critical, value: encodeGeneralNames(names) });

export const readSubjectAltName = (value: Bytes): GeneralName[] => readGeneralNames(value, 'subjectAltName');

// ---- cRLDistributionPoints (4.2.1.13) and authorityInfoAccess (4.2.2.1)

const uriName = (url: string): Bytes => tlv(context(6), fromAscii(url));

export const crlDistributionPoints = (urls: readonly string[]): Extension => ({
  id: OID.cRLDistributionPoints,
  critical: false,
  value: sequence(
    ...urls.map((url) => sequence(tlv(contextConstructed(0), tlv(contextConstructed(0), uriName(url))))),
  ),
});

/** The URIs of all full names. */
export function readCrlDistributionPoints(value: Bytes): string[] {
  return DerReader.sequence(value, 'cRLDistributionPoints')
    .rest('cRLDistributionPoints', 50)
    .flatMap(({ raw }) => {
      const name = DerReader.sequence(raw, 'DistributionPoint').optional(
        contextConstructed(0),
        'distributionPoint',
      );
      const full = name && new DerReader(name.content).optional(contextConstructed(0), 'fullName');
      if (full === undefined) return [];
      return new DerReader(full.content)
        .rest('fullName', 50)
        .filter(({ tag }) => tag === context(6))
        .map(({ content }) => toLatin1(content));
    });
}

export interface AuthorityInfoAccess {
  readonly ocsp: readonly string[];
  readonly caIssuers: readonly string[];
}

export const authorityInfoAccess = ({ ocsp, caIssuers }: AuthorityInfoAccess): Extension => ({
  id: OID.authorityInfoAccess,
  critical: false,
  value: sequence(
    ...ocsp.map((url) => sequence(oid(OID.ocsp), uriName(url))),
    ...caIssuers.map((url) => sequence(oid(OID.caIssuers), uriName(url))),
  ),
});

export function readAuthorityInfoAccess(value: Bytes): AuthorityInfoAccess {
  const found = { ocsp: [] as string[], caIssuers: [] as string[] };
  for (const { raw } of DerReader.sequence(value, 'authorityInfoAccess').rest('authorityInfoAccess', 50)) {
    const reader = DerReader.sequence(raw, 'AccessDescription');
    const method = readOid(reader.next('accessMethod'), 'accessMethod');
    const { tag, content } = reader.next('accessLocation');
    const location = readGeneralName(tag, content);
    if (location.kind !== 'uri') continue;
    if (method === OID.ocsp) found.ocsp.push(location.value);
    if (method === OID.caIssuers) found.caIssuers.push(location.value);
  }
  return found;
}

// ---- noRevAvail (RFC 9608)

/** Nothing is published about whether the certificate was revoked. One object: encoded once. */
export const NO_REV_AVAIL: Extension = { id: OID.noRevAvail, critical: false, value: NULL };

/** Throws `malformed_der` for any other value than NULL. */
export function readNoRevAvail(value: Bytes): true {
  if (equal(value, NULL)) return true;
  throw new ChanceryError('malformed_der', {
    message: 'noRevAvail holds something',
    rule: 'RFC 9608 2: NULL',
    fix: 'Encode it again.',
  });
}
