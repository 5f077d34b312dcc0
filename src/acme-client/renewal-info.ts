/** RFC 9773 4.1: the name of a certificate towards its CA. */
import { type Bytes, toBase64Url } from '../x509/bytes.ts';
import { findExtension, readCertificate } from '../x509/certificate.ts';
import { readAuthorityKeyIdentifier } from '../x509/extensions.ts';
import { OID } from '../x509/oids.ts';
import { AuthorityError } from './errors.ts';

/** `base64url(keyIdentifier of AKI).base64url(content octets of the serial)`. Throws `AuthorityError`. */
export function renewalCertificateId(der: Bytes): string {
  const certificate = readCertificate(der, 'either');
  const extension = findExtension(certificate, OID.authorityKeyIdentifier);
  const keyId = extension && readAuthorityKeyIdentifier(extension.value);
  if (keyId === undefined)
    throw new AuthorityError('protocol', { detail: 'the certificate names no key of its CA' });
  return `${toBase64Url(keyId)}.${toBase64Url(certificate.serial)}`;
}
