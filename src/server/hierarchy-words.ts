/** What refusals and audit entries say of roots and generations. */
import { ChanceryError } from '../base/errors.ts';
import { formatInstant } from '../base/clock.ts';
import type { Bytes } from '../x509/bytes.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../x509/certificate.ts';

export const preparedAlready = (id: string): ChanceryError =>
  new ChanceryError('already_exists', {
    message: `${id} is prepared already`,
    rule: 'an issuer has one generation that is next',
    fix: `Activate it: \`chancery issuer activate ${id}\`.`,
  });

export function missing(kind: 'issuer' | 'generation' | 'root', name: string): never {
  throw new ChanceryError('not_found', {
    message: `there is no ${kind} ${JSON.stringify(name)}`,
    rule:
      kind === 'issuer'
        ? 'issuers are those of the configuration'
        : `${kind}s are made by init and by rotation`,
    fix: `See \`chancery ${kind === 'root' ? 'ca' : 'issuer'} list\`.`,
  });
}

/** What an audit entry says of a CA certificate. */
export function caDetails(name: string, der: Bytes): { readonly [key: string]: string } {
  const certificate = readCertificate(der);
  return {
    name,
    serial: formatSerial(certificate.serial),
    fingerprint: certificateFingerprint(der),
    notAfter: formatInstant(certificate.notAfter),
  };
}
