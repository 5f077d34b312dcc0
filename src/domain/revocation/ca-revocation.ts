/** CA certificates that their roots revoked. The newest CRL of a root is the record of it, also when it is stale. */
import { ChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import { type Bytes, fromHex, toHex } from '../../x509/bytes.ts';
import { formatSerial } from '../../x509/certificate.ts';
import {
  type CrlReason,
  readCertificateList,
  revocationReason,
  revokedCertificates,
} from '../../x509/crl.ts';
import { CrlEntries, encodeCrlEntry } from '../../x509/crl-writer.ts';
import type { StoredCrl } from './crl.ts';
import type { Revocation } from './ports.ts';

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

/** Records that hold beside the CRLs, since nobody has signed one that names them yet. */
export function orJournaled(
  crls: CaRevocations,
  journaled: (root: string) => readonly Pick<Revocation, 'serial' | 'revokedAt'>[],
): CaRevocations {
  return (root, serial) =>
    crls(root, serial) ??
    journaled(root).find((one) => one.serial === formatSerial(serial))?.revokedAt ??
    null;
}

/** Those of the revocations that these entries do not name. */
export function notIn<R extends Pick<Revocation, 'serial'>>(
  entries: Bytes | undefined,
  revocations: readonly R[],
): R[] {
  if (revocations.length === 0) return [];
  const named = new Set(entries === undefined ? [] : serialsIn(entries));
  return revocations.filter(({ serial }) => !named.has(serial));
}

const serialsIn = (entries: Bytes): string[] =>
  [...revokedCertificates({ entries })].map(({ serial }) => formatSerial(serial));

/** The same entries with these behind them. */
export function withRevocations(
  entries: Bytes,
  revocations: readonly Pick<Revocation, 'serial' | 'revokedAt' | 'reason'>[],
): Bytes {
  const all = new CrlEntries(entries);
  for (const { serial, revokedAt, reason } of revocations)
    all.append(encodeCrlEntry({ serial: fromHex(serial) ?? new Uint8Array(0), revokedAt, reason }));
  return all.octets;
}

/** What a CRL revokes and the one before did not. `notAfter` is the end of the root: nothing that it signed lives longer. */
export function addedBy(
  { root, der }: StoredCrl,
  before: StoredCrl | undefined,
  notAfter: Instant,
): Revocation[] {
  const all = [...revokedCertificates(readCertificateList(der))].map((entry): Revocation => {
    const { revokedAt, serial } = entry;
    const reason = revocationReason(entry);
    return { serial: formatSerial(serial), generation: root, shard: 0, notAfter, revokedAt, reason };
  });
  return notIn(before && readCertificateList(before.der).entries, all);
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
