/** Lints of extensions: which there are, how critical, and what key usage and identifiers say. */
import { equal } from '../../../x509/bytes.ts';
import { findExtension } from '../../../x509/certificate.ts';
import { OID, oidName } from '../../../x509/oids.ts';
import { identifiesKey } from '../../../x509/public-key.ts';
import { EMPTY_NAME } from '../../../x509/name.ts';
import type { Check } from './context.ts';

/** Extensions that we write, and whether critical; subjectAltName depends on the subject. */
const CRITICALITY: ReadonlyMap<string, boolean | 'without-subject'> = new Map<
  string,
  boolean | 'without-subject'
>([
  [OID.basicConstraints, true],
  [OID.keyUsage, true],
  [OID.nameConstraints, true],
  [OID.extKeyUsage, false],
  [OID.subjectKeyIdentifier, false],
  [OID.authorityKeyIdentifier, false],
  [OID.cRLDistributionPoints, false],
  [OID.authorityInfoAccess, false],
  [OID.noRevAvail, false],
  [OID.subjectAltName, 'without-subject'],
]);

export const areUnique: Check = ({ certificate: { extensions } }) => {
  const twice = extensions.find(({ id }, i) => extensions.findIndex((other) => other.id === id) !== i);
  return twice === undefined ? undefined : `extension ${oidName(twice.id)} stands there twice`;
};

export const areKnown: Check = ({ certificate: { extensions } }) => {
  const unknown = extensions.find(({ id }) => !CRITICALITY.has(id));
  return unknown === undefined
    ? undefined
    : `${unknown.critical ? 'critical ' : ''}extension ${oidName(unknown.id)} is none that is issued here`;
};

/** RFC 5280 4.2: who does not know an extension may pass it over, unless it is critical. */
export const criticalOnesAreKnown: Check = ({ certificate: { extensions } }) => {
  const unknown = extensions.find(({ id, critical }) => critical && !CRITICALITY.has(id));
  return unknown && `critical extension ${oidName(unknown.id)} is not known here`;
};

export const areReadable: Check = (_subject, { broken: [first] }) =>
  first === undefined ? undefined : `extension ${oidName(first.extension.id)}: ${first.reason}`;

export const areAsCriticalAsTheyMust: Check = ({ certificate }) => {
  const noSubject = equal(certificate.subject, EMPTY_NAME);
  for (const { id, critical } of certificate.extensions) {
    const rule = CRITICALITY.get(id);
    const expected = rule === 'without-subject' ? noSubject : rule;
    if (expected !== undefined && critical !== expected)
      return `${oidName(id)} is ${critical ? '' : 'not '}critical`;
  }
  return undefined;
};

export const leafHasNoCa: Check = (_subject, { basicConstraints }) => {
  if (basicConstraints?.ca === true) return 'a leaf with cA=TRUE';
  return basicConstraints?.pathLength === undefined ? undefined : 'a leaf with pathLenConstraint';
};

export const leafHasKeyUsage: Check = (_subject, { keyUsage }) => {
  if (keyUsage === undefined) return 'keyUsage is missing';
  return keyUsage.includes('digitalSignature') ? undefined : 'keyUsage without digitalSignature';
};

export const leafSignsNoCertificates: Check = (_subject, { keyUsage }) => {
  const wrong = keyUsage?.filter((usage) => usage === 'keyCertSign' || usage === 'cRLSign') ?? [];
  return wrong.length === 0 ? undefined : `a leaf with keyUsage ${wrong.join(', ')}`;
};

export const leafHasExtKeyUsage: Check = (_subject, { extKeyUsage }) => {
  if (extKeyUsage === undefined || extKeyUsage.length === 0) return 'extKeyUsage is missing';
  return extKeyUsage.includes(OID.anyExtendedKeyUsage) ? 'extKeyUsage has anyExtendedKeyUsage' : undefined;
};

export const extKeyUsageFitsProfile: Check = ({ profile }, { extKeyUsage }) => {
  if (profile === undefined || extKeyUsage === undefined) return undefined;
  const expected: readonly string[] = profile.extendedKeyUsage.map((purpose) => OID[purpose]);
  const same = expected.length === extKeyUsage.length && expected.every((id) => extKeyUsage.includes(id));
  return same
    ? undefined
    : `extKeyUsage is ${extKeyUsage.map(oidName).join(', ')}, the profile ${profile.name} has ${profile.extendedKeyUsage.join(', ')}`;
};

export const namesItsIssuersKey: Check = ({ certificate, issuer }, { authorityKeyIdentifier }) => {
  const selfSigned = equal(certificate.issuer, certificate.subject);
  if (authorityKeyIdentifier === undefined) {
    if (findExtension(certificate, OID.authorityKeyIdentifier) !== undefined)
      return 'authorityKeyIdentifier without keyIdentifier';
    return selfSigned ? undefined : 'authorityKeyIdentifier is missing';
  }
  const expected = issuer?.subjectKeyIdentifier;
  return expected !== undefined && !equal(expected, authorityKeyIdentifier)
    ? "authorityKeyIdentifier is not the issuer's subjectKeyIdentifier"
    : undefined;
};

export const namesItsOwnKey: Check = ({ publicKey }, { subjectKeyIdentifier }) => {
  if (subjectKeyIdentifier === undefined) return 'subjectKeyIdentifier is missing';
  return identifiesKey(subjectKeyIdentifier, publicKey.keyBits)
    ? undefined
    : "subjectKeyIdentifier is not the key's";
};

export const saysWhereStatusIs: Check = ({ certificate }, { noRevAvail }) => {
  if (noRevAvail === undefined && findExtension(certificate, OID.cRLDistributionPoints) === undefined)
    return 'cRLDistributionPoints is missing';
  return findExtension(certificate, OID.authorityInfoAccess) === undefined
    ? 'authorityInfoAccess is missing'
    : undefined;
};

/** What it says and where status is published exclude each other. */
export const noRevAvailIsConsistent: Check = ({ certificate }, decoded) => {
  if (decoded.noRevAvail === undefined) return undefined;
  if (decoded.basicConstraints?.ca === true) return 'a CA with noRevAvail';
  const other = [OID.cRLDistributionPoints, OID.freshestCRL].find((id) => findExtension(certificate, id));
  if (other !== undefined) return `noRevAvail and ${oidName(other)}`;
  return decoded.authorityInfoAccess?.ocsp.length ? 'noRevAvail and an OCSP responder' : undefined;
};

export const noRevAvailFitsProfile: Check = ({ profile }, { noRevAvail = false }) =>
  profile === undefined || profile.noRevAvail === noRevAvail
    ? undefined
    : `noRevAvail is ${noRevAvail ? 'there' : 'missing'}, the profile ${profile.name} ${profile.noRevAvail ? 'has' : 'does not have'} it`;

export const caIsACa: Check = (_subject, { basicConstraints }) =>
  basicConstraints?.ca === true ? undefined : 'a CA without cA=TRUE (RFC 5280 6.1.4 (k))';

export const caSigns: Check = (_subject, { keyUsage }) =>
  keyUsage?.includes('keyCertSign') === true && keyUsage.includes('cRLSign')
    ? undefined
    : 'a CA without keyCertSign and cRLSign';

export const caHasASubject: Check = ({ certificate }) =>
  equal(certificate.subject, EMPTY_NAME) ? 'a CA without subject' : undefined;
