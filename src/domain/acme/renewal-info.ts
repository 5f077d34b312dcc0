/** Renewal information (RFC 9773): when a certificate should be replaced, and which order replaces it. */
import { type Duration, formatInstant, HOUR, type Instant, MINUTE, SECOND } from '../../base/clock.ts';
import { type Bytes, equal, fromHex, toBase64Url, toHex } from '../../x509/bytes.ts';
import { findExtension, readCertificate } from '../../x509/certificate.ts';
import { readAuthorityKeyIdentifier } from '../../x509/extensions.ts';
import { strictBase64Url } from '../../x509/jws.ts';
import { OID } from '../../x509/oids.ts';
import type { Name } from '../identity/names.ts';
import type { StoredCertificate } from '../issuance/ports.ts';
import type { AcmePorts, AcmeReply, DirectoryPolicy } from './context.ts';
import type { MovedWindow } from './ports.ts';
import { AcmeProblem, notFound } from './problem.ts';
import { type AccountRequest, malformed } from './request.ts';

/** RFC 9773 4.1: base64url of the AKI's keyIdentifier, a dot, base64url of the serial's content octets. */
export function readCertificateId(
  text: unknown,
): { readonly authority: Bytes; readonly serial: string } | undefined {
  if (typeof text !== 'string' || text.length > 200) return undefined;
  const dot = text.indexOf('.');
  const authority = strictBase64Url(text.slice(0, dot));
  const serial = strictBase64Url(text.slice(dot + 1));
  if (dot < 1 || authority === undefined || serial === undefined || serial.length === 0) return undefined;
  // the content octets of a positive INTEGER: a leading zero stands only before a set top bit
  const [first = 0, second = 0x80] = serial;
  if (first >= 0x80 || (first === 0 && (serial.length === 1 || second < 0x80))) return undefined;
  return { authority, serial: toHex(first === 0 ? serial.subarray(1) : serial) };
}

/** The other way, for a certificate that is on record; `undefined` where it is forgotten. */
export function certificateId({ issuance }: AcmePorts, serial: string): string | undefined {
  const certificate = issuance.ledger.findCertificate(serial);
  const content = fromHex(serial);
  if (certificate === undefined || content === undefined) return undefined;
  const authority = authorityOf(certificate);
  const padded = (content[0] ?? 0) >= 0x80 ? Uint8Array.of(0, ...content) : content;
  return `${toBase64Url(authority)}.${toBase64Url(padded)}`;
}

function authorityOf({ der }: StoredCertificate): Bytes {
  const extension = findExtension(readCertificate(der), OID.authorityKeyIdentifier);
  return extension === undefined
    ? new Uint8Array()
    : (readAuthorityKeyIdentifier(extension.value) ?? new Uint8Array());
}

/** The certificate of this directory with that id. */
function findById(
  { issuance }: AcmePorts,
  { issuer }: DirectoryPolicy,
  text: unknown,
): StoredCertificate | undefined {
  const id = readCertificateId(text);
  const certificate = id && issuance.ledger.findCertificate(id.serial);
  if (id === undefined || certificate?.issuer !== issuer) return undefined;
  return equal(authorityOf(certificate), id.authority) ? certificate : undefined;
}

export interface Window {
  readonly start: Instant;
  readonly end: Instant;
  readonly explanationUrl?: string | undefined;
}

/** The last third of the life is for renewing; a quarter of it is the window, so that others can still fail twice. */
const RENEW_AT = 2 / 3;
const WINDOW = 1 / 12;

/** Computed from facts: the life of a certificate, whether it was revoked, and what an operator moved. */
export function renewalWindow(
  {
    notBefore,
    notAfter,
    issuedAt,
    revokedAt,
  }: Pick<StoredCertificate, 'notBefore' | 'notAfter' | 'issuedAt' | 'revokedAt'>,
  moved: readonly MovedWindow[],
): Window {
  const life = notAfter - notBefore;
  const usual = {
    start: notBefore + Math.floor(life * RENEW_AT),
    end: notBefore + Math.floor(life * (RENEW_AT + WINDOW)),
  };
  // RFC 9773 4.2: a window in the past asks for renewal at once
  if (revokedAt !== null) return { start: revokedAt - HOUR, end: revokedAt };
  const mine = moved.find(({ issuedUntil }) => issuedAt <= issuedUntil);
  if (mine === undefined || mine.start >= usual.start) return usual;
  return { start: mine.start, end: mine.end, explanationUrl: mine.explanationUrl ?? undefined };
}

const SOONEST: Duration = MINUTE;
const LATEST: Duration = 6 * HOUR;

/** When a client should ask again: often enough to learn of a mass replacement (RFC 9773 4.3). */
export const pollInterval = ({
  notBefore,
  notAfter,
}: Pick<StoredCertificate, 'notBefore' | 'notAfter'>): Duration =>
  Math.min(LATEST, Math.max(SOONEST, Math.floor((notAfter - notBefore) / 24)));

export function renewalInfo(
  ports: AcmePorts,
  directory: DirectoryPolicy,
  text: string | undefined,
): AcmeReply {
  if (readCertificateId(text) === undefined)
    throw malformed(
      'this is no certificate identifier: base64url of the AKI, a dot, base64url of the serial (RFC 9773 4.1)',
    );
  const certificate = findById(ports, directory, text);
  if (certificate === undefined) throw notFound('certificate');
  const { start, end, explanationUrl } = renewalWindow(
    certificate,
    ports.store.windows.windows(directory.issuer),
  );
  return {
    status: 200,
    retryAfter: Math.floor(pollInterval(certificate) / SECOND),
    body: {
      suggestedWindow: { start: formatInstant(start), end: formatInstant(end) },
      ...(explanationUrl !== undefined && { explanationURL: explanationUrl }),
    },
  };
}

/** `replaces` of a new order (RFC 9773 5): a certificate of this account, with a name in common. */
export function readReplaces(
  ports: AcmePorts,
  { account, call }: AccountRequest,
  text: unknown,
  names: readonly Name[],
): string | null {
  if (text === undefined || text === null || text === '') return null;
  const certificate = findById(ports, call.directory, text);
  if (certificate === undefined)
    throw malformed('replaces names no certificate of this directory (RFC 9773 5)');
  const order = ports.store.orders.findByCertificate(certificate.serial);
  if (order?.account !== account.id)
    throw new AcmeProblem(
      'unauthorized',
      'replaces names a certificate that this account did not order (RFC 9773 5)',
    );
  const shared = certificate.names.some((old) =>
    names.some(({ kind, value }) => kind === old.kind && value === old.value),
  );
  if (!shared)
    throw malformed('replaces names a certificate that has none of the names of the order (RFC 9773 5)');
  return certificate.serial;
}
