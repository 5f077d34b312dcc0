/** CA certificates that their roots revoked. The newest CRL of a root is the record of it, also when it is stale. */
import type { Instant } from '../../base/clock.ts';
import { type Bytes, toHex } from '../../x509/bytes.ts';
import { readCertificateList, revokedCertificates } from '../../x509/crl.ts';
import type { StoredCrl } from './crl.ts';

/** When a root revoked the certificate with this serial number; `null` for never. */
export type CaRevocations = (root: string, serial: Bytes) => Instant | null;

export function caRevocations(crls: readonly StoredCrl[]): CaRevocations {
  const revoked = new Map<string, Instant>();
  for (const { root, der } of crls)
    for (const { serial, revokedAt } of revokedCertificates(readCertificateList(der)))
      revoked.set(`${root} ${toHex(serial)}`, revokedAt);
  return (root, serial) => revoked.get(`${root} ${toHex(serial)}`) ?? null;
}
