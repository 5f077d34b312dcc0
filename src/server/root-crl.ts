/** What the CRL of a root says: beyond the one before it, and what it must not leave out. */
import { formatInstant, type Instant } from '../base/clock.ts';
import type { AuditDraft } from '../domain/audit/entry.ts';
import type { Generation } from '../domain/issuance/issuer.ts';
import { addedBy, notIn } from '../domain/revocation/ca-revocation.ts';
import type { StoredCrl } from '../domain/revocation/crl.ts';
import type { Revocation } from '../domain/revocation/ports.ts';
import type { Bytes } from '../x509/bytes.ts';
import { formatSerial } from '../x509/certificate.ts';
import { readCertificateList } from '../x509/crl.ts';

/** What a CRL says beyond the one before it. */
export interface Addition {
  readonly entries: (before: StoredCrl | undefined, now: Instant) => Bytes;
  readonly audit: readonly AuditDraft[];
  readonly acceptClock?: boolean;
}

export const NOTHING_MORE: Addition = {
  entries: (before) => (before === undefined ? new Uint8Array(0) : readCertificateList(before.der).entries),
  audit: [],
};

export const crlDetails = ({ root, number, nextUpdate }: StoredCrl) => ({
  root,
  number: String(number),
  nextUpdate: formatInstant(nextUpdate),
});

export const highestOf = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

/** Generations that a root had revoked, that have not expired since, and that its new CRL does not name. */
export function forgottenBy(
  crl: StoredCrl,
  before: StoredCrl | undefined,
  journaled: readonly Revocation[],
  generations: readonly Generation[],
): readonly Generation[] {
  const revoked = [...(before === undefined ? [] : addedBy(before, crl, 0)), ...journaled];
  const forgotten = new Set(notIn(readCertificateList(crl.der).entries, revoked).map(({ serial }) => serial));
  return generations.filter(
    ({ root, certificate }) =>
      root === crl.root &&
      forgotten.has(formatSerial(certificate.serial)) &&
      certificate.notAfter >= (before?.thisUpdate ?? 0),
  );
}
