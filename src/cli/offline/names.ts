/** Names of a certificate for people: the SPIFFE ID first. */
import { isChanceryError } from '../../base/errors.ts';
import { type Certificate, findExtension } from '../../x509/certificate.ts';
import { readSubjectAltName } from '../../x509/extensions.ts';
import { DIRECTORY_NAME_TAG, type GeneralName } from '../../x509/general-name.ts';
import { formatName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';

/** The subjectAltName in its order, but SPIFFE IDs first; empty where there is none or it is broken. */
export function namesOf(extensions: Pick<Certificate, 'extensions'>): GeneralName[] {
  const extension = findExtension(extensions, OID.subjectAltName);
  if (extension === undefined) return [];
  try {
    const names = readSubjectAltName(extension.value);
    return [...names.filter(isSpiffeId), ...names.filter((name) => !isSpiffeId(name))];
  } catch (error) {
    if (isChanceryError(error)) return [];
    throw error;
  }
}

export const isSpiffeId = (name: GeneralName): boolean =>
  name.kind === 'uri' && name.value.startsWith('spiffe://');

/** What to call a certificate in one line. */
export function primaryName(certificate: Pick<Certificate, 'extensions' | 'subject'>): string {
  const first = namesOf(certificate).find(({ kind }) => kind !== 'other');
  if (first !== undefined && first.kind !== 'other') return first.value;
  return formatName(certificate.subject) || '(no name)';
}

/** A name as text: a directory name is spelt out. */
export function formatForPeople(name: GeneralName): string {
  if (name.kind !== 'other') return `${name.kind}:${name.value}`;
  if (name.tag !== DIRECTORY_NAME_TAG) return `a name of the type [${name.tag & 0x1f}]`;
  try {
    return `directory:${formatName(name.value)}`;
  } catch {
    return 'a directory name that cannot be read';
  }
}
