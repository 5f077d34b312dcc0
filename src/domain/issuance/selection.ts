/** Which profile and which issuer a request means. */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant } from '../../base/clock.ts';
import type { Generation } from './issuer.ts';
import type { IssuerDirectory } from './ports.ts';
import type { Profile } from './profile.ts';

/** Throws `not_found`. */
export function findProfile(profiles: ReadonlyMap<string, Profile>, name: string): Profile {
  const profile = profiles.get(name);
  if (profile !== undefined) return profile;
  throw new ChanceryError('not_found', {
    message: `there is no profile ${JSON.stringify(name)}`,
    rule: `profiles are ${[...profiles.keys()].join(', ')}`,
    fix: 'Ask with one of these.',
  });
}

export interface ActiveIssuer {
  readonly policy: { readonly name: string };
  readonly generation: Generation;
}

/**
 * The issuer that was asked for, or the only one with the profile, and its current generation. Throws `invalid_request`,
 * `not_found`, `profile_violation` or `issuer_stopped`.
 */
export function findIssuer(
  issuers: IssuerDirectory,
  asked: string | undefined,
  profile: Profile,
): ActiveIssuer {
  const candidates = issuers.withProfile(profile.name);
  const [only, ...more] = candidates;
  if (asked === undefined && (only === undefined || more.length > 0))
    throw new ChanceryError('invalid_request', {
      message: `no issuer is named, and ${candidates.length === 0 ? 'none' : `several (${candidates.join(', ')})`} issue with the profile ${profile.name}`,
      rule: 'the issuer may be left out where only one has the profile',
      fix: 'Name the issuer.',
    });
  const found = issuers.find(asked ?? only ?? '');
  if (found === undefined)
    throw new ChanceryError('not_found', {
      message: `there is no issuer ${JSON.stringify(asked)}`,
      rule: 'issuers are those of the configuration',
      fix: 'See `chancery issuer list`.',
    });
  if (!found.policy.profiles.includes(profile.name))
    throw new ChanceryError('profile_violation', {
      message: `the issuer ${found.policy.name} does not issue with the profile ${profile.name}`,
      rule: `its profiles are ${found.policy.profiles.join(', ')}`,
      fix: `Ask ${candidates.join(' or ') || 'an operator'}.`,
    });
  const generation = found.current;
  if (generation !== undefined && generation.revokedAt !== null)
    throw new ChanceryError('issuer_stopped', {
      message: `the issuer ${found.policy.name} signs nothing now: its root revoked ${generation.id} at ${formatInstant(generation.revokedAt)}`,
      rule: 'a CA whose certificate is on the CRL of its root signs nothing',
      fix: 'Tell an operator: the issuer needs another generation (`chancery issuer rotate`).',
    });
  if (generation?.stopped === null) return { policy: found.policy, generation };
  throw new ChanceryError('issuer_stopped', {
    message: `the issuer ${found.policy.name} signs nothing now: ${generation === undefined ? 'it has no current generation' : `${generation.id} was stopped (${String(generation.stopped)})`}`,
    rule: 'a failed self-check stops an issuer until an operator has looked',
    fix: 'Tell an operator.',
  });
}
