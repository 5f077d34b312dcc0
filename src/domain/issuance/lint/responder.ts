/** Lints of the certificates that answer for a generation (RFC 6960 4.2.2.2). */
import { type Duration, DAY, formatDuration, HOUR, SECOND } from '../../../base/clock.ts';
import { NULL } from '../../../x509/der.ts';
import { equal } from '../../../x509/bytes.ts';
import { findExtension } from '../../../x509/certificate.ts';
import { OID, oidName } from '../../../x509/oids.ts';
import type { Check } from './context.ts';

/** Nobody can revoke a responder, so that it must not live for long. */
export const MAX_RESPONDER_LIFE: Duration = 7 * DAY + HOUR;

const ISSUED: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.ocspNoCheck,
]);

/** Also no pointer to a CRL or an OCSP responder: it says that nobody needs to look. */
export const responderExtensionsAreKnown: Check = ({ certificate: { extensions } }) => {
  const unknown = extensions.find(({ id }) => !ISSUED.has(id));
  return unknown && `extension ${oidName(unknown.id)} is none that a responder has`;
};

export const responderSignsAnswersOnly: Check = (_subject, { extKeyUsage }) =>
  extKeyUsage?.length === 1 && extKeyUsage[0] === OID.ocspSigning
    ? undefined
    : `extKeyUsage is ${extKeyUsage?.map(oidName).join(', ') ?? 'missing'}`;

export const responderIsNotChecked: Check = ({ certificate }) => {
  const extension = findExtension(certificate, OID.ocspNoCheck);
  if (extension === undefined) return 'ocspNoCheck is missing';
  if (extension.critical) return 'ocspNoCheck is critical';
  return equal(extension.value, NULL) ? undefined : 'ocspNoCheck is not NULL';
};

export const responderLivesShort: Check = ({ certificate: { notBefore, notAfter } }) => {
  const life = notAfter - notBefore + SECOND;
  return life > MAX_RESPONDER_LIFE
    ? `life of ${formatDuration(life)} is over ${formatDuration(MAX_RESPONDER_LIFE)}`
    : undefined;
};
