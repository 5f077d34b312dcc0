/**
 * What must hold for each certificate of a path by itself, in the order in which it is asked: the certificate profile
 * of RFC 5280 4 as far as breaking it makes a certificate unfit for trust. Rules between certificates are in validate.ts.
 */
import { floorToSecond, formatInstant, type Instant } from '../../base/clock.ts';
import { equal, toHex } from '../../x509/bytes.ts';
import { findExtension, formatSerial } from '../../x509/certificate.ts';
import { OID, oidName } from '../../x509/oids.ts';
import { findSignatureAlgorithm, signatureAlgorithmName, verifySignature } from '../../x509/signature.ts';
import type { Candidate } from './candidate.ts';
import { dnsNameFault } from './peer-name.ts';
import type { Fault, PathFault } from './result.ts';

/** Where a certificate stands in its path. */
export type Position = 'anchor' | 'intermediate' | 'leaf';

/** What is wrong, in one sentence with the offending value; `undefined` when nothing is. */
type Check = (candidate: Candidate, position: Position, at: Instant) => string | undefined;

interface Rule {
  readonly code: PathFault;
  readonly rule: string;
  readonly check: Check;
}

const rule = (code: PathFault, source: string, check: Check): Rule => ({ code, rule: source, check });

/** Extensions that this validator processes. `critical`: what they must be, where the RFC binds it. */
const KNOWN: ReadonlyMap<string, boolean | undefined> = new Map<string, boolean | undefined>([
  [OID.authorityKeyIdentifier, false],
  [OID.subjectKeyIdentifier, false],
  [OID.authorityInfoAccess, false],
  [OID.noRevAvail, false],
  [OID.nameConstraints, true],
  [OID.policyConstraints, undefined],
  [OID.inhibitAnyPolicy, true],
  [OID.basicConstraints, undefined],
  [OID.keyUsage, undefined],
  [OID.subjectAltName, undefined],
  [OID.certificatePolicies, undefined],
  [OID.policyMappings, undefined],
  [OID.extKeyUsage, undefined],
  [OID.cRLDistributionPoints, undefined],
]);

const validFrom: Check = ({ certificate: { notBefore } }, _position, at) =>
  at < notBefore ? `not valid before ${formatInstant(notBefore)}` : undefined;

const validUntil: Check = ({ certificate: { notAfter } }, _position, at) =>
  floorToSecond(at) > notAfter ? `expired at ${formatInstant(notAfter)}` : undefined;

const identifiersAgree: Check = ({ certificate }) =>
  equal(certificate.signatureAlgorithm, certificate.outerSignatureAlgorithm)
    ? undefined
    : 'the signature algorithm inside of the signed part is not the one outside';

const algorithmIsAccepted: Check = ({ certificate }, position) =>
  position === 'anchor' || findSignatureAlgorithm(certificate.signatureAlgorithm) !== undefined
    ? undefined
    : `the signature algorithm ${signatureAlgorithmName(certificate.signatureAlgorithm)} is not accepted`;

const keyIsUsable: Check = ({ publicKey }) => {
  if ('fault' in publicKey) return publicKey.fault;
  if (publicKey.rsa === undefined) return undefined;
  if (publicKey.bits % 8 !== 0) return `the RSA modulus has ${publicKey.bits} bits, not whole octets`;
  const { exponent } = publicKey.rsa;
  const last = exponent[exponent.length - 1] ?? 0;
  return last % 2 === 0 || (exponent.length === 1 && last < 3)
    ? 'the RSA exponent is not odd and at least 3'
    : undefined;
};

const versionFits: Check = ({ certificate: { version, extensions } }, position) => {
  if (position !== 'leaf' && version !== 3) return `a CA certificate of version ${version}`;
  if (version > 3) return `version ${version}`;
  return version < 3 && extensions.length > 0 ? `extensions in version ${version}` : undefined;
};

/**
 * RFC 5280 asks verifiers to live with negative numbers: those are refused in the TLS profile. Old roots have the
 * number zero, and nothing tells two anchors apart by it.
 */
const serialFits: Check = ({ certificate: { serial } }, position) => {
  if (serial.length > 20)
    return `the serial number ${formatSerial(serial).slice(0, 50)}… has ${serial.length} octets`;
  return position !== 'anchor' && serial.every((octet) => octet === 0)
    ? 'the serial number is zero'
    : undefined;
};

const issuerIsNamed: Check = ({ issuerKey }) =>
  issuerKey === '' ? 'the issuer is an empty name' : undefined;

const caIsNamed: Check = ({ subjectKey }, position) =>
  position !== 'leaf' && subjectKey === '' ? 'a CA certificate with an empty subject' : undefined;

const extensionsAreUnique: Check = ({ certificate: { extensions } }) => {
  const ids = extensions.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  return twice === undefined ? undefined : `the extension ${oidName(twice)} stands there twice`;
};

const criticalAreKnown: Check = ({ certificate: { extensions } }) => {
  const unknown = extensions.find(({ id, critical }) => critical && !KNOWN.has(id));
  return unknown === undefined
    ? undefined
    : `the critical extension ${oidName(unknown.id)} is not understood here`;
};

const extensionsAreReadable: Check = ({ decoded }) => {
  const [broken] = decoded.broken;
  if (broken !== undefined) return `${oidName(broken.id)}: ${broken.reason}`;
  if (decoded.keyUsage?.length === 0) return 'keyUsage allows nothing';
  if (decoded.extKeyUsage?.length === 0) return 'extKeyUsage is empty';
  return decoded.subjectAltName?.length === 0 ? 'subjectAltName is empty' : undefined;
};

const criticalityFits: Check = ({ certificate: { extensions }, decoded, subjectKey }, position) => {
  for (const { id, critical } of extensions) {
    const wanted = KNOWN.get(id);
    if (wanted !== undefined && wanted !== critical)
      return `${oidName(id)} is ${critical ? '' : 'not '}critical`;
    if (id === OID.subjectAltName && subjectKey === '' && !critical)
      return 'subjectAltName is not critical although the subject is empty';
    // policy CAs that name policies themselves have left it uncritical for decades, and it is processed either way
    if (id === OID.policyConstraints && !critical && decoded.certificatePolicies === undefined)
      return 'policyConstraints is not critical in a CA that names no policies';
    // intermediates in the field have it otherwise, and verifiers have always taken those
    if (id === OID.basicConstraints && position === 'anchor' && !critical)
      return 'basicConstraints is not critical in a trust anchor';
  }
  return subjectKey === '' && decoded.subjectAltName === undefined
    ? 'neither a subject nor a subjectAltName'
    : undefined;
};

const isACa: Check = ({ decoded }, position) => {
  if (position === 'leaf') return undefined;
  if (decoded.basicConstraints === undefined) return 'basicConstraints is missing in a CA certificate';
  return decoded.basicConstraints.ca ? undefined : 'basicConstraints says that it is no CA';
};

const mayCertify: Check = ({ decoded: { keyUsage }, isCa }, position) => {
  if (position !== 'leaf' && keyUsage !== undefined && !keyUsage.includes('keyCertSign'))
    return `keyUsage ${keyUsage.join(', ')} has no keyCertSign`;
  return !isCa && keyUsage?.includes('keyCertSign') === true
    ? 'keyCertSign in a certificate that is no CA'
    : undefined;
};

const constraintsBelongToCas: Check = ({ decoded, isCa }) =>
  !isCa && decoded.nameConstraints !== undefined
    ? 'nameConstraints in a certificate that is no CA'
    : undefined;

/** What it says and where status is published exclude each other. */
const noRevAvailStandsAlone: Check = ({ certificate, decoded, isCa }) => {
  if (decoded.noRevAvail === undefined) return undefined;
  if (isCa) return 'noRevAvail in a CA certificate';
  if (decoded.distributionPoints !== undefined) return 'noRevAvail and cRLDistributionPoints';
  if (findExtension(certificate, OID.freshestCRL) !== undefined) return 'noRevAvail and freshestCRL';
  return decoded.authorityInfoAccess?.ocsp.length ? 'noRevAvail and an OCSP responder' : undefined;
};

const hasSubjectKeyIdentifier: Check = ({ decoded }, position) =>
  position !== 'leaf' && decoded.subjectKeyIdentifier === undefined
    ? 'subjectKeyIdentifier is missing in a CA certificate'
    : undefined;

/** An anchor is trusted as it stands: nobody looks for its issuer. */
const hasAuthorityKeyIdentifier: Check = (candidate, position) => {
  if (position === 'anchor' || candidate.decoded.authorityKeyIdentifier !== undefined) return undefined;
  return candidate.selfIssued && signsItself(candidate)
    ? undefined
    : 'authorityKeyIdentifier is missing in a certificate that is not self-signed';
};

function signsItself({ certificate, publicKey }: Candidate): boolean {
  const { signatureAlgorithm, tbs, signature } = certificate;
  return !('fault' in publicKey) && verifySignature(signatureAlgorithm, tbs.raw, signature, publicKey);
}

const namesAreProper: Check = ({ decoded: { subjectAltName = [] } }) => {
  for (const name of subjectAltName) {
    if (name.kind === 'dns') {
      const fault = dnsNameFault(name.value);
      if (fault !== undefined) return `the dNSName ${JSON.stringify(name.value.slice(0, 80))}: ${fault}`;
    }
    if ((name.kind === 'uri' || name.kind === 'email') && !/^[\x20-\x7e]+$/.test(name.value))
      return `the ${name.kind} ${JSON.stringify(name.value.slice(0, 80))} has characters beyond printable ASCII`;
    if (name.kind === 'other' && name.value.length === 0)
      return `an empty name of the type [${toHex(Uint8Array.of(name.tag))}]`;
  }
  return undefined;
};

export const ALGORITHM_RULE = 'ECDSA or RSA PKCS #1 v1.5 with SHA-2, or Ed25519; no SHA-1, no MD5';
export const KEY_RULE = 'P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits';

const RULES: readonly Rule[] = [
  rule('not_yet_valid', 'RFC 5280 6.1.3 (a)(2)', validFrom),
  rule('expired', 'RFC 5280 6.1.3 (a)(2)', validUntil),
  rule('algorithms_differ', 'RFC 5280 4.1.1.2', identifiersAgree),
  rule('unsupported_algorithm', ALGORITHM_RULE, algorithmIsAccepted),
  rule('unsupported_key', KEY_RULE, keyIsUsable),
  rule('version', 'RFC 5280 4.1.2.1, 6.1.4 (k)', versionFits),
  rule('serial_number', 'RFC 5280 4.1.2.2: from 1, at most 20 octets', serialFits),
  rule('empty_issuer', 'RFC 5280 4.1.2.4', issuerIsNamed),
  rule('empty_subject', 'RFC 5280 4.1.2.6', caIsNamed),
  rule('duplicate_extension', 'RFC 5280 4.2: one of each', extensionsAreUnique),
  rule('unknown_critical_extension', 'RFC 5280 4.2, 6.1.4 (o), 6.1.5 (e)', criticalAreKnown),
  rule('malformed_extension', 'RFC 5280 4.2.1', extensionsAreReadable),
  rule('wrong_criticality', 'RFC 5280 4.2.1', criticalityFits),
  rule('not_a_ca', 'RFC 5280 6.1.4 (k)', isACa),
  rule('key_usage', 'RFC 5280 4.2.1.3, 6.1.4 (n)', mayCertify),
  rule('misplaced_extension', 'RFC 5280 4.2.1.10: in CA certificates only', constraintsBelongToCas),
  rule('misplaced_extension', 'RFC 9608 3', noRevAvailStandsAlone),
  rule('missing_extension', 'RFC 5280 4.2.1.2', hasSubjectKeyIdentifier),
  rule('missing_extension', 'RFC 5280 4.2.1.1', hasAuthorityKeyIdentifier),
  rule('malformed_name', 'RFC 5280 4.2.1.6: host names as in RFC 1123', namesAreProper),
];

/** The first rule that a certificate breaks in its position. */
export function certificateFault(candidate: Candidate, position: Position, at: Instant): Fault | undefined {
  for (const { code, rule: source, check } of RULES) {
    const reason = check(candidate, position, at);
    if (reason !== undefined) return { code, reason, rule: source };
  }
  return undefined;
}
