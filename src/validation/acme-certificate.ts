/** The certificate that answers tls-alpn-01 (RFC 8737 3, for IP addresses RFC 8738 6), to the letter. */
import { X509Certificate } from 'node:crypto';
import { ChanceryError } from '../base/errors.ts';
import type { ValidationIdentifier } from '../domain/acme/validation-port.ts';
import { toLowerAscii } from '../domain/identity/names.ts';
import { type Bytes, equal } from '../x509/bytes.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import { DerReader, TAG } from '../x509/der.ts';
import { type Extension, readSubjectAltName } from '../x509/extensions.ts';
import { formatGeneralName } from '../x509/general-name.ts';
import { OID } from '../x509/oids.ts';

/** id-pe-acmeIdentifier (RFC 8737 6.1). Drafts had another one; it counts for nothing. */
export const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31';

/** What is wrong with the certificate; `undefined` when it proves control. `digest`: SHA-256 of the key authorization. */
export function acmeCertificateFault(
  der: Bytes,
  identifier: ValidationIdentifier,
  digest: Bytes,
): string | undefined {
  try {
    const certificate = readCertificate(der, 'either');
    return (
      nameFault(certificate, identifier) ??
      identifierFault(certificate, digest) ??
      (isSelfSigned(certificate) ? undefined : 'it is not self-signed')
    );
  } catch (error) {
    if (error instanceof ChanceryError) return `it cannot be read: ${error.message}`;
    throw error;
  }
}

/** Exactly one name of exactly one kind: a certificate for more could be one that serves other tenants. */
function nameFault(certificate: Certificate, { type, value }: ValidationIdentifier): string | undefined {
  const extension = onlyOne(certificate, OID.subjectAltName, 'subjectAltName');
  if (typeof extension === 'string') return extension;
  const names = readSubjectAltName(extension.value);
  const [name] = names;
  if (name === undefined || names.length !== 1)
    return `its subjectAltName has ${names.length} names instead of one`;
  const isEqual =
    name.kind === type && (type === 'dns' ? toLowerAscii(name.value) === value : name.value === value);
  const wanted = type === 'dns' ? 'dNSName' : 'iPAddress';
  return isEqual ? undefined : `its subjectAltName is ${formatGeneralName(name)}, not the ${wanted} ${value}`;
}

function identifierFault(certificate: Certificate, digest: Bytes): string | undefined {
  const extension = onlyOne(certificate, ACME_IDENTIFIER, 'acmeIdentifier');
  if (typeof extension === 'string') return extension;
  if (!extension.critical) return 'its acmeIdentifier is not critical';
  // Authorization ::= OCTET STRING (SIZE (32))
  const reader = new DerReader(extension.value);
  const { content } = reader.expect(TAG.octetString, 'acmeIdentifier');
  reader.end('acmeIdentifier');
  if (content.length !== 32) return `its acmeIdentifier has ${content.length} octets instead of 32`;
  return equal(content, digest) ? undefined : 'its acmeIdentifier is not the digest of the key authorization';
}

function onlyOne({ extensions }: Certificate, id: string, name: string): Extension | string {
  const found = extensions.filter((extension) => extension.id === id);
  const [only] = found;
  return only !== undefined && found.length === 1 ? only : `it has ${found.length} ${name} extensions`;
}

/** OpenSSL knows more kinds of keys than we would certify, and any of them will do here. */
function isSelfSigned({ raw, issuer, subject }: Certificate): boolean {
  if (!equal(issuer, subject)) return false;
  try {
    const certificate = new X509Certificate(raw);
    return certificate.verify(certificate.publicKey);
  } catch {
    return false; // a key or signature that OpenSSL cannot read
  }
}
