/** Renewal: the same names, issuer and profile, while the certificate is valid; by its holder for as long as it had. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, floorToSecond, formatInstant, type Instant, SECOND } from '../../base/clock.ts';
import type { Principal } from '../identity/principal.ts';
import type { StoredCertificate } from './ports.ts';

export const SELF_RENEWAL = 'builtin:self-renewal';

/**
 * The life that a certificate was issued for, as `prepare.ts` counts it: from the moment of issue, last second
 * included. A second less, and a chain of renewals would wear the life away.
 */
export const servedTtl = ({ issuedAt, notAfter }: StoredCertificate): Duration =>
  notAfter + SECOND - floorToSecond(issuedAt);

/** Throws `certificate_revoked`, `certificate_expired`, or `invalid_request` for another issuer or profile. */
export function checkRenewal(renews: StoredCertificate, issuer: string, profile: string, now: Instant): void {
  const { serial, revokedAt, notAfter } = renews;
  if (revokedAt !== null) throw noLongerValid(serial, 'revoked', revokedAt);
  if (notAfter < now) throw noLongerValid(serial, 'expired', notAfter);
  if (renews.issuer === issuer && renews.profile === profile) return;
  throw new ChanceryError('invalid_request', {
    message: `the certificate ${serial} is of the issuer ${renews.issuer} and the profile ${renews.profile}, asked for are ${issuer} and ${profile}`,
    rule: 'a renewal keeps issuer and profile',
    fix: 'Leave both out, or ask for a new certificate.',
  });
}

/**
 * The rule that allows a principal to renew the very certificate it logged in with, `undefined` when grants have to
 * decide: another certificate, or a longer life than before. (Expired and revoked ones never log in.)
 */
export function selfRenewalRule(
  principal: Principal,
  renews: StoredCertificate,
  ttl: Duration,
): string | undefined {
  const own = principal.kind === 'mtls' && principal.serial === renews.serial;
  return own && ttl <= servedTtl(renews) ? SELF_RENEWAL : undefined;
}

/** What a renewal hears: also when the revocation was recorded while it was on its way. */
export const noLongerValid = (serial: string, what: 'revoked' | 'expired', at: Instant): ChanceryError =>
  new ChanceryError(what === 'revoked' ? 'certificate_revoked' : 'certificate_expired', {
    message: `the certificate ${serial} ${what === 'revoked' ? 'was revoked' : 'expired'} at ${formatInstant(at)}`,
    rule: 'only a certificate that is valid is renewed',
    fix: 'Ask for a new certificate.',
  });
