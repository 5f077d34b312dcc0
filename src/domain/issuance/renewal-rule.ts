/** Renewal with the certificate that is renewed: the same identity, for as long as it had, while it is valid. */
import type { Duration } from '../../base/clock.ts';
import type { Principal } from '../identity/principal.ts';
import type { StoredCertificate } from './ports.ts';

export const SELF_RENEWAL = 'builtin:self-renewal';

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
  const notLonger = ttl <= Math.ceil((renews.notAfter - renews.issuedAt + 1000) / 1000) * 1000;
  return own && notLonger ? SELF_RENEWAL : undefined;
}
