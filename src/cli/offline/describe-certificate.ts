/** A certificate as JSON and as a sheet. What cannot be read is said, not thrown: it is there to be looked at. */
import { formatDuration, formatInstant, type Instant } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import { type Bytes, equal, toHex } from '../../x509/bytes.ts';
import {
  type Certificate,
  certificateFingerprint,
  findExtension,
  formatSerial,
} from '../../x509/certificate.ts';
import {
  readAuthorityInfoAccess,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readCrlDistributionPoints,
  readExtKeyUsage,
  readKeyUsage,
  readNoRevAvail,
  readSubjectAltName,
  readSubjectKeyIdentifier,
} from '../../x509/extensions.ts';
import { extensionName, hasOwnReader } from '../../x509/extension-names.ts';
import type { Extension } from '../../x509/extensions.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import { formatName } from '../../x509/name.ts';
import { OID, oidName } from '../../x509/oids.ts';
import { readCertificatePolicies } from '../../x509/policies.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmName } from '../../x509/signature.ts';
import type { Sheet } from '../output.ts';
import { formatForPeople, isSpiffeId, namesOf } from './names.ts';

export interface Description {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly sheet: Pick<Sheet, 'heading' | 'fields'>;
}

export function describeCertificate(certificate: Certificate, now: Instant): Description {
  const faults: string[] = [];
  const read = <T>(id: string, reader: (value: Bytes) => T): T | undefined => {
    const extension = findExtension(certificate, id);
    return extension === undefined ? undefined : attempt(faults, oidName(id), () => reader(extension.value));
  };
  read(OID.subjectAltName, readSubjectAltName);
  const names = namesOf(certificate);
  const spiffeId = names.find(isSpiffeId);
  const basic = read(OID.basicConstraints, readBasicConstraints);
  const keyUsage = read(OID.keyUsage, readKeyUsage);
  const extKeyUsage = read(OID.extKeyUsage, readExtKeyUsage)?.map(oidName);
  const access = read(OID.authorityInfoAccess, readAuthorityInfoAccess);
  const crls = read(OID.cRLDistributionPoints, readCrlDistributionPoints);
  const noRevAvail = read(OID.noRevAvail, readNoRevAvail);
  const policies = read(OID.certificatePolicies, readCertificatePolicies);
  const subjectKeyIdentifier = read(OID.subjectKeyIdentifier, readSubjectKeyIdentifier);
  const authorityKeyIdentifier = read(OID.authorityKeyIdentifier, readAuthorityKeyIdentifier);
  const key = describeKey(certificate.spki);
  const subject = attempt(faults, 'subject', () => formatName(certificate.subject)) ?? '';
  const issuer = attempt(faults, 'issuer', () => formatName(certificate.issuer)) ?? '';
  const foreign = certificate.extensions.filter(({ id }) => !hasOwnReader(id));
  const validity = describeValidity(certificate, now);
  const selfIssued = equal(certificate.issuer, certificate.subject);
  const signature = signatureAlgorithmName(certificate.outerSignatureAlgorithm);
  const serial = formatSerial(certificate.serial);
  const fingerprint = certificateFingerprint(certificate.raw);
  const kind = basic?.ca === true ? (selfIssued ? 'root' : 'issuing CA') : 'leaf';

  return {
    resource: {
      kind: 'certificate',
      ...(spiffeId === undefined || spiffeId.kind === 'other' ? {} : { spiffeId: spiffeId.value }),
      names: groupNames(names),
      subject,
      issuer,
      serial,
      version: certificate.version,
      notBefore: formatInstant(certificate.notBefore),
      notAfter: formatInstant(certificate.notAfter),
      state: validity.state,
      secondsLeft: validity.secondsLeft,
      ca: basic?.ca ?? false,
      ...(basic?.pathLength === undefined ? {} : { pathLength: basic.pathLength }),
      key: key.resource,
      signatureAlgorithm: signature,
      keyUsage: keyUsage ?? [],
      extKeyUsage: extKeyUsage ?? [],
      ocsp: access?.ocsp ?? [],
      caIssuers: access?.caIssuers ?? [],
      crlDistributionPoints: crls ?? [],
      ...(noRevAvail === undefined ? {} : { noRevAvail }),
      ...(policies === undefined ? {} : { policies }),
      ...(subjectKeyIdentifier === undefined ? {} : { subjectKeyIdentifier: toHex(subjectKeyIdentifier) }),
      ...(authorityKeyIdentifier === undefined
        ? {}
        : { authorityKeyIdentifier: toHex(authorityKeyIdentifier) }),
      extensions: certificate.extensions.map(describeExtension),
      fingerprint,
      ...(faults.length === 0 ? {} : { faults }),
    },
    sheet: {
      heading:
        spiffeId === undefined || spiffeId.kind === 'other' ? headingOf(names, subject) : spiffeId.value,
      fields: [
        ['kind', kind],
        ['names', orNothing(names.filter((name) => name !== spiffeId).map(formatForPeople))],
        ['subject', subject === '' ? undefined : subject],
        ['issuer', selfIssued ? `${issuer} (itself)` : issuer],
        ['serial', serial],
        ['valid', `${formatInstant(certificate.notBefore)} to ${formatInstant(certificate.notAfter)}`],
        ['', validity.text],
        ['key', key.text],
        ['signed with', signature],
        ['key usage', orNothing([(keyUsage ?? []).join(', ')])],
        ['ext. key usage', orNothing([(extKeyUsage ?? []).join(', ')])],
        ['path length', basic?.pathLength?.toString()],
        ['policies', orNothing([(policies ?? []).map(oidName).join(', ')])],
        ['CRL', orNothing(crls ?? [])],
        ['OCSP', orNothing(access?.ocsp ?? [])],
        ['revocation', noRevAvail && 'not published (noRevAvail, RFC 9608)'],
        ['issuer at', orNothing(access?.caIssuers ?? [])],
        ['subject key id', subjectKeyIdentifier && toHex(subjectKeyIdentifier), 'wide'],
        ['authority key id', authorityKeyIdentifier && toHex(authorityKeyIdentifier), 'wide'],
        [
          'also has',
          orNothing(foreign.map(({ id, critical }) => extensionName(id) + (critical ? ' (critical)' : ''))),
        ],
        ['faults', orNothing(faults)],
        ['fingerprint', fingerprint],
      ],
    },
  };
}

const headingOf = (names: readonly GeneralName[], subject: string): string => {
  const first = names.find(({ kind }) => kind !== 'other');
  return first !== undefined && first.kind !== 'other' ? first.value : subject || '(no name)';
};

export const orNothing = (lines: readonly string[]): readonly string[] | undefined =>
  lines.some((line) => line !== '') ? lines : undefined;

export function attempt<T>(faults: string[], what: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    faults.push(`${what}: ${error.message}`);
    return undefined;
  }
}

export function groupNames(names: readonly GeneralName[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const name of names)
    (groups[name.kind] ??= []).push(name.kind === 'other' ? formatForPeople(name) : name.value);
  return groups;
}

export const describeExtension = ({ id, critical, value }: Extension) => ({
  id,
  name: extensionName(id),
  critical,
  ...(hasOwnReader(id) || value.length > 1024 ? {} : { value: toHex(value) }),
});

export function describeKey(spki: Bytes): { resource: Readonly<Record<string, unknown>>; text: string } {
  try {
    const { type, bits, fingerprint } = readPublicKey(spki);
    const text = type === 'rsa' ? `RSA ${bits}` : NAMES[type];
    return {
      resource: { type, bits, fingerprint: toHex(fingerprint) },
      text: `${text}, SHA-256 ${toHex(fingerprint)}`,
    };
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    return { resource: { type: 'unsupported', reason: error.message }, text: error.message };
  }
}

const NAMES = { 'ecdsa-p256': 'ECDSA P-256', 'ecdsa-p384': 'ECDSA P-384', ed25519: 'Ed25519' } as const;

type Validity = { state: 'valid' | 'expired' | 'not-yet-valid'; secondsLeft: number; text: string };

function describeValidity({ notBefore, notAfter }: Certificate, now: Instant): Validity {
  const secondsLeft = Math.max(0, Math.floor((notAfter - now) / 1000));
  if (now < notBefore)
    return {
      state: 'not-yet-valid',
      secondsLeft,
      text: `not yet: begins in ${formatDuration(notBefore - now)}`,
    };
  if (now > notAfter + 999)
    return { state: 'expired', secondsLeft: 0, text: `expired ${formatDuration(now - notAfter)} ago` };
  return {
    state: 'valid',
    secondsLeft,
    text: `${formatDuration(notAfter - now)} left of ${formatDuration(notAfter - notBefore)}`,
  };
}
