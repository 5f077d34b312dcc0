/**
 * What is asked on top of RFC 5280 when a purpose is given: the certificate is then judged as a TLS peer of today, as
 * the CA/Browser Forum's baseline requirements and X509-SVID describe one. Some of it contradicts what RFC 5280 lets
 * pass (a leaf without extKeyUsage, a CA in the place of a leaf), so it does not hold without a purpose.
 */
import { equal } from '../../x509/bytes.ts';
import { findExtension } from '../../x509/certificate.ts';
import { DerReader } from '../../x509/der.ts';
import type { KeyUsage } from '../../x509/extensions.ts';
import { readName } from '../../x509/name.ts';
import { OID, oidName } from '../../x509/oids.ts';
import type { Candidate } from './candidate.ts';
import type { Position } from './certificate-rules.ts';
import type { Fault, PathFault, Purpose } from './result.ts';

type Check = (candidate: Candidate, position: Position, purpose: string) => string | undefined;

interface Rule {
  readonly code: PathFault;
  readonly rule: string;
  readonly check: Check;
}

const rule = (code: PathFault, source: string, check: Check): Rule => ({ code, rule: source, check });

export const purposeOid = (purpose: Purpose): string =>
  purpose === 'server' ? OID.serverAuth : OID.clientAuth;

const leafServesThePurpose: Check = ({ decoded: { extKeyUsage } }, position, purpose) => {
  if (position !== 'leaf') return undefined;
  if (extKeyUsage === undefined) return `extKeyUsage is missing: ${oidName(purpose)} is not said`;
  return extKeyUsage.includes(purpose)
    ? undefined
    : `extKeyUsage is ${extKeyUsage.map(oidName).join(', ')}, without ${oidName(purpose)}`;
};

/** A CA's extKeyUsage bounds what its leaves may be for. */
const caAllowsThePurpose: Check = ({ decoded: { extKeyUsage } }, position, purpose) => {
  if (position !== 'intermediate' || extKeyUsage === undefined) return undefined;
  return extKeyUsage.includes(purpose) || extKeyUsage.includes(OID.anyExtendedKeyUsage)
    ? undefined
    : `a CA whose extKeyUsage is ${extKeyUsage.map(oidName).join(', ')}, without ${oidName(purpose)}`;
};

const leafSaysNoMore: Check = ({ decoded: { extKeyUsage }, certificate }, position) => {
  if (position !== 'leaf') return undefined;
  if (extKeyUsage?.includes(OID.anyExtendedKeyUsage) === true) return 'extKeyUsage has anyExtendedKeyUsage';
  return findExtension(certificate, OID.extKeyUsage)?.critical === true
    ? 'extKeyUsage is critical'
    : undefined;
};

/** Of these one is used in a handshake: a client signs, a server signs or its key receives a secret. */
const leafKeyMayBeUsed: Check = ({ decoded: { keyUsage } }, position, purpose) => {
  if (position !== 'leaf' || keyUsage === undefined) return undefined;
  const wanted: readonly KeyUsage[] =
    purpose === OID.serverAuth
      ? ['digitalSignature', 'keyEncipherment', 'keyAgreement']
      : ['digitalSignature', 'keyAgreement'];
  return keyUsage.some((usage) => wanted.includes(usage))
    ? undefined
    : `keyUsage ${keyUsage.join(', ')} has none of ${wanted.join(', ')}`;
};

const leafIsNoCa: Check = ({ isCa }, position) =>
  position === 'leaf' && isCa ? 'a CA certificate in the place of a leaf' : undefined;

const leafIsOfVersionThree: Check = ({ certificate }, position) =>
  position === 'leaf' && certificate.version !== 3 ? `version ${certificate.version}` : undefined;

const serialIsPositive: Check = ({ certificate: { serial } }, position) =>
  position !== 'anchor' && (serial[0] ?? 0) & 0x80 ? 'the serial number is negative' : undefined;

const basicConstraintsAreCritical: Check = ({ certificate }, position) =>
  position !== 'leaf' && findExtension(certificate, OID.basicConstraints)?.critical === false
    ? 'basicConstraints is not critical in a CA certificate'
    : undefined;

const sanIsCriticalOnlyWithoutSubject: Check = ({ certificate, subjectKey }, position) =>
  position === 'leaf' &&
  subjectKey !== '' &&
  findExtension(certificate, OID.subjectAltName)?.critical === true
    ? 'subjectAltName is critical although there is a subject'
    : undefined;

/**
 * A commonName that looks like a host or an address is one of the names of its kind, character for character. One
 * that is the domain above a name is a heading, not a name.
 */
const commonNameIsAmongTheNames: Check = ({ certificate, decoded: { subjectAltName = [] } }, position) => {
  if (position !== 'leaf') return undefined;
  for (const { type, value } of readName(certificate.subject)) {
    if (type !== OID.commonName) continue;
    const kind = kindOf(value);
    const names = subjectAltName.flatMap((name) => (name.kind === kind ? [name.value] : []));
    if (names.length > 0 && !names.some((name) => name === value || name.endsWith(`.${value}`)))
      return `the commonName ${JSON.stringify(value.slice(0, 80))} is not among its names`;
  }
  return undefined;
};

function kindOf(text: string): 'ip' | 'dns' | undefined {
  if (/^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) || /^[0-9.]+$/.test(text) || /^0x[0-9a-f]+$/i.test(text))
    return 'ip';
  return /^[^\s@/:]+\.[^\s@/:.]+$/.test(text) ? 'dns' : undefined;
}

const anchorHasNoPurposes: Check = ({ decoded }, position) =>
  position === 'anchor' && decoded.extKeyUsage !== undefined ? 'extKeyUsage in a root' : undefined;

/** A root's authorityKeyIdentifier, where it has one, is its own key's identifier and nothing more. */
const rootNamesItself: Check = ({ certificate, decoded, selfIssued }, position) => {
  const extension = findExtension(certificate, OID.authorityKeyIdentifier);
  if (position !== 'anchor' || !selfIssued || extension === undefined) return undefined;
  const { authorityKeyIdentifier: own, subjectKeyIdentifier: key } = decoded;
  if (own === undefined) return 'authorityKeyIdentifier of a root without keyIdentifier';
  if (DerReader.sequence(extension.value, 'authorityKeyIdentifier').rest('authorityKeyIdentifier').length > 1)
    return 'authorityKeyIdentifier of a root names an issuer and a serial number';
  return key !== undefined && !equal(own, key)
    ? "authorityKeyIdentifier of a root is not its own key's"
    : undefined;
};

const crossSignedAnchorNamesItsIssuer: Check = ({ decoded, selfIssued }, position) =>
  position === 'anchor' && !selfIssued && decoded.authorityKeyIdentifier === undefined
    ? 'authorityKeyIdentifier is missing in an anchor that somebody else signed'
    : undefined;

const RULES: readonly Rule[] = [
  rule('tls_profile', 'BR 7.1.2.7.8, X509-SVID 4.1: a leaf is no CA', leafIsNoCa),
  rule('extended_key_usage', 'RFC 5280 4.2.1.12; BR 7.1.2.7.10', leafServesThePurpose),
  rule('extended_key_usage', 'RFC 5280 4.2.1.12; BR 7.1.2.10.6', caAllowsThePurpose),
  rule('key_usage', 'RFC 5280 4.2.1.12: consistent with the purpose', leafKeyMayBeUsed),
  rule('tls_profile', 'BR 7.1.2.7.10: neither anyExtendedKeyUsage nor critical', leafSaysNoMore),
  rule('tls_profile', 'BR 7.1.1: version 3', leafIsOfVersionThree),
  rule('tls_profile', 'RFC 5280 4.1.2.2: a positive integer', serialIsPositive),
  rule('tls_profile', 'RFC 5280 4.2.1.9: critical in CA certificates', basicConstraintsAreCritical),
  rule(
    'tls_profile',
    'RFC 5280 4.2.1.6: critical exactly without a subject',
    sanIsCriticalOnlyWithoutSubject,
  ),
  rule('tls_profile', 'BR 7.1.4.3: a copy of one of the names', commonNameIsAmongTheNames),
  rule('tls_profile', 'BR 7.1.2.1: a root has no extKeyUsage', anchorHasNoPurposes),
  rule('tls_profile', 'RFC 5280 4.2.1.1', crossSignedAnchorNamesItsIssuer),
  rule('tls_profile', 'BR 7.1.2.1.3: the keyIdentifier of the root itself', rootNamesItself),
];

export function tlsProfileFault(
  candidate: Candidate,
  position: Position,
  purpose: Purpose,
): Fault | undefined {
  for (const { code, rule: source, check } of RULES) {
    const reason = check(candidate, position, purposeOid(purpose));
    if (reason !== undefined) return { code, reason, rule: source };
  }
  return undefined;
}
