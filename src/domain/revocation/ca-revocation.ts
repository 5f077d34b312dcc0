/** CA certificates that their roots revoked. The newest CRL of a root is the record of it, also when it is stale. */
import { ChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import { type Bytes, toHex } from '../../x509/bytes.ts';
import { type CrlReason, readCertificateList, revokedCertificates } from '../../x509/crl.ts';
import { CrlEntries, encodeCrlEntry } from '../../x509/crl-writer.ts';
import type { StoredCrl } from './crl.ts';

/** Why a root revokes the certificate of an issuer (RFC 5280 5.3.1): what is said of leaves alone is none of it. */
export const CA_REASONS = [
  'cACompromise',
  'superseded',
  'cessationOfOperation',
] as const satisfies readonly CrlReason[];
export type CaReason = (typeof CA_REASONS)[number];

/** Throws `revocation_refused` for whatever else. */
export function parseCaReason(text: string): CaReason {
  const reason = CA_REASONS.find((each) => each === text);
  if (reason !== undefined) return reason;
  throw new ChanceryError('revocation_refused', {
    message: `no issuer is revoked with the reason ${JSON.stringify(text.slice(0, 80))}`,
    rule: `RFC 5280 5.3.1, spelled exactly: ${CA_REASONS.join(', ')}`,
    fix: 'Take cACompromise where its key may be in other hands, superseded or cessationOfOperation where not.',
  });
}

/** When a root revoked the certificate with this serial number; `null` for never. */
export type CaRevocations = (root: string, serial: Bytes) => Instant | null;

export function caRevocations(crls: readonly StoredCrl[]): CaRevocations {
  const revoked = new Map<string, Instant>();
  for (const { root, der } of crls)
    for (const { serial, revokedAt } of revokedCertificates(readCertificateList(der)))
      revoked.set(`${root} ${toHex(serial)}`, revokedAt);
  return (root, serial) => revoked.get(`${root} ${toHex(serial)}`) ?? null;
}

/** The entries of a root's last CRL with one more behind them: what was revoked stays revoked. */
export function withCaEntry(
  before: StoredCrl | undefined,
  serial: Bytes,
  revokedAt: Instant,
  reason: CaReason,
): Bytes {
  const entries = new CrlEntries(before && readCertificateList(before.der).entries);
  entries.append(encodeCrlEntry({ serial, revokedAt, reason }));
  return entries.octets;
}
