/** Lints of the fields before the extensions: version, serial, algorithm, names of issuer and subject, validity, key. */
import { floorToSecond, formatDuration, formatInstant, SECOND } from '../../../base/clock.ts';
import { equal, toHex } from '../../../x509/bytes.ts';
import { EMPTY_NAME, formatName } from '../../../x509/name.ts';
import { findSignatureAlgorithm, signatureAlgorithmOid } from '../../../x509/signature.ts';
import { weaknessOf } from '../key-strength.ts';
import type { Check } from './context.ts';

export const versionIsThree: Check = ({ certificate }) =>
  certificate.version === 3 ? undefined : `version is ${certificate.version}`;

export const serialIsPositive: Check = ({ certificate }) => {
  const [first = 0] = certificate.serial;
  return first & 0x80 || certificate.serial.every((octet) => octet === 0)
    ? `serial is ${toHex(certificate.serial)}`
    : undefined;
};

export const serialFits: Check = ({ certificate }) =>
  certificate.serial.length > 20 ? `serial has ${certificate.serial.length} octets` : undefined;

export const serialHasEntropy: Check = ({ certificate }) =>
  certificate.serial.length < 9
    ? `serial has ${certificate.serial.length} octets: no 64 random bits fit`
    : undefined;

export const signatureAlgorithmIsKnown: Check = ({ certificate }) =>
  findSignatureAlgorithm(certificate.signatureAlgorithm) === undefined
    ? `signature algorithm ${signatureAlgorithmOid(certificate.signatureAlgorithm)}`
    : undefined;

export const signatureAlgorithmFitsIssuer: Check = ({ certificate, issuer }) =>
  issuer !== undefined && !equal(certificate.signatureAlgorithm, issuer.signatureAlgorithm)
    ? "signature algorithm is not that of the issuer's key"
    : undefined;

export const issuerIsNamed: Check = ({ certificate }) =>
  equal(certificate.issuer, EMPTY_NAME) ? 'issuer is empty' : undefined;

export const issuerIsTheSigner: Check = ({ certificate, issuer }) =>
  issuer !== undefined && !equal(certificate.issuer, issuer.subject)
    ? `issuer ${formatName(certificate.issuer)} is not octet by octet the subject of ${formatName(issuer.subject)}`
    : undefined;

export const validityIsAnInterval: Check = ({ certificate: { notBefore, notAfter } }) =>
  notAfter < notBefore
    ? `notAfter ${formatInstant(notAfter)} is before notBefore ${formatInstant(notBefore)}`
    : undefined;

export const validityIsWithinIssuer: Check = ({ certificate: { notBefore, notAfter }, issuer }) => {
  if (issuer === undefined) return undefined;
  if (notAfter > issuer.notAfter)
    return `notAfter ${formatInstant(notAfter)} is after the issuer's ${formatInstant(issuer.notAfter)}`;
  if (notBefore < issuer.notBefore)
    return `notBefore ${formatInstant(notBefore)} is before the issuer's ${formatInstant(issuer.notBefore)}`;
  return undefined;
};

export const isValidNow: Check = ({ certificate: { notBefore, notAfter }, now }) => {
  if (now === undefined) return undefined;
  if (notBefore > now) return `not valid before ${formatInstant(notBefore)}`;
  return notAfter < floorToSecond(now) ? `expired at ${formatInstant(notAfter)}` : undefined;
};

export const lifeFitsProfile: Check = ({ certificate: { notBefore, notAfter }, profile }) => {
  const life = notAfter - notBefore + SECOND;
  return profile !== undefined && life > profile.maxTtl
    ? `life of ${formatDuration(life)} is over ${formatDuration(profile.maxTtl)} of the profile ${profile.name}`
    : undefined;
};

export const backdateFitsProfile: Check = ({ certificate: { notBefore }, profile, now }) =>
  profile !== undefined && now !== undefined && floorToSecond(now) - notBefore > profile.backdate + SECOND
    ? `notBefore ${formatInstant(notBefore)} is backdated by more than ${formatDuration(profile.backdate)}`
    : undefined;

export const hasNoUniqueIds: Check = ({ certificate }) =>
  certificate.hasUniqueIds ? 'issuerUniqueID or subjectUniqueID is there' : undefined;

export const keyIsTheRequested: Check = ({ certificate, publicKey }) =>
  equal(certificate.spki, publicKey.spki) ? undefined : 'the public key is not the one that was proved';

export const keyIsStrong: Check = ({ publicKey }) => weaknessOf(publicKey);

export const keyTypeFitsProfile: Check = ({ publicKey, profile }) =>
  profile !== undefined && !profile.keyTypes.includes(publicKey.type)
    ? `key type ${publicKey.type} is not in the profile ${profile.name}`
    : undefined;

export const keyIsNotTheIssuers: Check = ({ certificate, issuer }) =>
  issuer !== undefined &&
  !equal(certificate.issuer, certificate.subject) &&
  equal(certificate.spki, issuer.spki)
    ? "the public key is the issuer's own"
    : undefined;
