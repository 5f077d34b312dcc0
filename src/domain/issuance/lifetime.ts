/** Which lifetime a request gets, and which grant allows it: one answer for issuing and for explaining. */
import type { Duration } from '../../base/clock.ts';
import { type Ask, decide, type Decision } from '../identity/authorize.ts';
import type { Grant } from '../identity/grant.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import { type Profile, resolveTtl } from './profile.ts';

export interface DecidedLifetime {
  readonly decision: Decision;
  readonly ttl: Duration;
}

/**
 * Who asks for a lifetime gets it or is refused. Who leaves it out gets the profile's default, or as long as the
 * grant that covers everything else allows. Throws `profile_violation`.
 */
export function decideLifetime(
  grants: readonly Grant[],
  ask: Omit<Ask, 'ttl'>,
  profile: Profile,
  asked: Duration | undefined,
  trustDomain: TrustDomain,
): DecidedLifetime {
  const ttl = resolveTtl(profile, asked);
  const decision = decide(grants, { ...ask, ttl }, trustDomain);
  if (decision.allowed || asked !== undefined) return { decision, ttl };
  const withoutLifetime = decide(grants, ask, trustDomain);
  const { maxTtl } = withoutLifetime;
  return maxTtl === undefined ? { decision, ttl } : { decision: withoutLifetime, ttl: maxTtl };
}
