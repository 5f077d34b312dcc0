/** The certificates that a revocation is about. */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { certificateFingerprint, formatSerial, readCertificate } from '../../x509/certificate.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import { RESPONDER_PRINCIPAL } from '../issuance/responder.ts';
import type { RevocationPorts, RevocationSearch, Selection } from './request.ts';
import { unrecordedAmong } from './unrecorded.ts';

/** As many are revoked in one transaction. */
export const CHUNK = 256;

/**
 * Page by page, newest first; each page is asked for when the one before was dealt with. Serials without a certificate
 * on record are passed over (unrecorded.ts). Throws `not_found` or `certificate_expired` where one that was named cannot
 * be revoked, `invalid_request` for a search without conditions.
 */
export function* selected(
  ports: Pick<RevocationPorts, 'ledger' | 'inventory' | 'store' | 'generations'>,
  selection: Selection,
  now: Instant,
): Generator<readonly StoredCertificate[]> {
  if (selection.kind === 'search') yield* searched(ports, selection.search, now);
  else {
    const named =
      selection.kind === 'serials'
        ? findAll(ports, [...new Set(selection.serials)])
        : [findCertificate(ports, selection.der)];
    refuseExpired(named, now);
    for (let at = 0; at < named.length; at += CHUNK) yield named.slice(at, at + CHUNK);
  }
}

function* searched(
  { inventory }: Pick<RevocationPorts, 'inventory'>,
  search: RevocationSearch,
  now: Instant,
): Generator<readonly StoredCertificate[]> {
  if (Object.values(search).every((condition) => condition === undefined))
    throw new ChanceryError('invalid_request', {
      message: 'search: names no condition',
      rule: 'a search for certificates to revoke has at least one condition',
      fix: 'Say whose certificates they are: principal, name, issuer, profile, keyFingerprint, owner or label.',
    });
  let cursor: string | undefined;
  do {
    const page = inventory.search({ ...search, state: 'valid' }, now, CHUNK, cursor);
    // who searches an issuer means what it issued to others, not the certificates that its OCSP answers are signed with
    const found = page.certificates.filter(
      ({ principal }) => principal !== RESPONDER_PRINCIPAL || search.principal === RESPONDER_PRINCIPAL,
    );
    if (found.length > 0) yield found;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function findAll(
  ports: Pick<RevocationPorts, 'ledger' | 'store' | 'generations'>,
  serials: readonly string[],
): readonly StoredCertificate[] {
  const found = serials.map((serial) => ({ serial, stored: ports.ledger.findCertificate(serial) }));
  const unrecorded = new Set(
    unrecordedAmong(ports, { kind: 'serials', serials }).map(({ serial }) => serial),
  );
  const missing = found.filter(({ serial, stored }) => stored === undefined && !unrecorded.has(serial));
  if (missing.length > 0) throw notThere(missing.map(({ serial }) => serial));
  return found.flatMap(({ stored }) => stored ?? []);
}

/** Throws `malformed_der` or `malformed_certificate`, and `not_found` for one that has our serial and is another. */
function findCertificate({ ledger }: Pick<RevocationPorts, 'ledger'>, der: Uint8Array): StoredCertificate {
  const serial = formatSerial(readCertificate(der).serial);
  const stored = ledger.findCertificate(serial);
  if (stored?.fingerprint !== certificateFingerprint(der)) throw notThere([serial]);
  return stored;
}

const notThere = (serials: readonly string[]): ChanceryError =>
  new ChanceryError('not_found', {
    message: `there is no certificate ${listed(serials)}`,
    rule: 'serial numbers of certificates that this authority issued and has on record',
    fix: 'See `chancery cert list`.',
    errors: serials.slice(0, 20).map((serial) => ({ field: serial, message: 'is not on record' })),
  });

/** Nobody accepts it any more, and its entry would leave the CRL at once. A leaked key is blocked by its own signature. */
function refuseExpired(named: readonly StoredCertificate[], now: Instant): void {
  const expired = named.filter(({ notAfter, revokedAt }) => notAfter < now && revokedAt === null);
  if (expired.length === 0) return;
  throw new ChanceryError('certificate_expired', {
    message: `expired already: ${listed(expired.map(({ serial }) => serial))}; nothing was revoked`,
    rule: 'a revocation ends with the certificate (RFC 5280 3.3): one that expired needs none',
    fix: 'Leave it out. A key that leaked is blocked by proof: `chancery cert revoke --leaked-key FILE`.',
    errors: expired
      .slice(0, 20)
      .map(({ serial, notAfter }) => ({ field: serial, message: `expired at ${formatInstant(notAfter)}` })),
  });
}

/** A few of them, and how many more. */
export const listed = (serials: readonly string[]): string =>
  serials.length <= 3
    ? serials.join(', ')
    : `${serials.slice(0, 3).join(', ')} and ${serials.length - 3} more`;
