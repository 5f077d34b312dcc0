/** Lints of subjectAltName and commonName: host names, addresses and SPIFFE IDs as they stand in the octets. */
import { NAME_KINDS } from '../../../x509/general-name.ts';
import { readName } from '../../../x509/name.ts';
import { OID } from '../../../x509/oids.ts';
import { dnsNameFault, emailFault } from '../../identity/names.ts';
import { spiffeIdFault, trustDomainFault } from '../../identity/spiffe-id.ts';
import { forbiddenNameFault } from '../../path/name-constraints.ts';
import type { Check } from './context.ts';

export const areThere: Check = (_subject, { subjectAltName }) =>
  subjectAltName === undefined || subjectAltName.length === 0
    ? 'subjectAltName is missing or empty'
    : undefined;

export const areOfKnownKinds: Check = (_subject, { subjectAltName = [] }) => {
  const other = subjectAltName.find(({ kind }) => kind === 'other');
  return other?.kind === 'other' ? `subjectAltName has a name of the type [${other.tag & 0x1f}]` : undefined;
};

export const hostNamesAreProper: Check = (_subject, { subjectAltName = [] }) => {
  for (const name of subjectAltName) {
    if (name.kind !== 'dns') continue;
    const fault = /[A-Z]/.test(name.value) ? 'it has upper-case letters' : dnsNameFault(name.value);
    if (fault !== undefined) return `dNSName ${JSON.stringify(name.value.slice(0, 120))}: ${fault}`;
  }
  return undefined;
};

export const emailAddressesAreProper: Check = (_subject, { subjectAltName = [] }) => {
  for (const name of subjectAltName) {
    if (name.kind !== 'email') continue;
    const fault = emailFault(name.value);
    if (fault !== undefined) return `rfc822Name ${JSON.stringify(name.value.slice(0, 120))}: ${fault}`;
  }
  return undefined;
};

export const urisAreSpiffeIds: Check = (_subject, { subjectAltName = [] }) => {
  for (const name of subjectAltName) {
    if (name.kind !== 'uri') continue;
    const fault = spiffeIdFault(name.value);
    if (fault !== undefined) return `URI ${JSON.stringify(name.value.slice(0, 120))}: ${fault.message}`;
  }
  return undefined;
};

/** The SPIFFE ID of a signing certificate is its trust domain, without a path (X509-SVID 3.2). */
export const caUrisAreTrustDomains: Check = (_subject, { subjectAltName = [] }) => {
  for (const name of subjectAltName) {
    if (name.kind !== 'uri') continue;
    if (!name.value.startsWith('spiffe://') || trustDomainFault(name.value.slice(9)) !== undefined)
      return `URI ${JSON.stringify(name.value.slice(0, 120))} is not that of a trust domain`;
  }
  return undefined;
};

/** More than one SPIFFE ID makes the identity ambiguous, in any profile (X509-SVID 2). */
export const atMostOneUri: Check = (_subject, { subjectAltName = [] }) => {
  const count = subjectAltName.filter(({ kind }) => kind === 'uri').length;
  return count > 1 ? `${count} URIs` : undefined;
};

export const urisAreOfTheTrustDomain: Check = ({ trustDomain }, { subjectAltName = [] }) => {
  if (trustDomain === undefined) return undefined;
  const own = `spiffe://${trustDomain}`;
  const foreign = subjectAltName.find(
    ({ kind, value }) => kind === 'uri' && value !== own && !value.startsWith(`${own}/`),
  );
  return foreign?.kind === 'uri'
    ? `URI ${foreign.value} is not of the trust domain ${trustDomain}`
    : undefined;
};

/** What the issuer may not certify, no path validator would accept. */
export const areWithinConstraints: Check = ({ certificate, issuer }, { subjectAltName = [] }) =>
  forbiddenNameFault({ subject: certificate.subject, subjectAltName }, issuer?.nameConstraints ?? [], {
    comparisons: 0,
  })?.reason;

export const countsFitProfile: Check = ({ profile }, { subjectAltName = [] }) => {
  if (profile === undefined) return undefined;
  for (const kind of NAME_KINDS) {
    const count = subjectAltName.filter((name) => name.kind === kind).length;
    const { min, max } = profile.names[kind];
    if (count < min || count > max)
      return `${count} names of the kind ${kind}, the profile ${profile.name} has ${min} to ${max}`;
  }
  return undefined;
};

export const commonNameIsAmongThem: Check = ({ certificate }, { subjectAltName = [] }) => {
  const values = subjectAltName.flatMap((name) => (name.kind === 'other' ? [] : [name.value]));
  const stray = readName(certificate.subject).find(
    ({ type, value }) => type === OID.commonName && !values.includes(value),
  );
  return stray === undefined
    ? undefined
    : `commonName ${JSON.stringify(stray.value.slice(0, 80))} is not among the names`;
};
