/** What the server grants by itself: everything to its first admin, and to its own parts just what each needs. */
import { ALL_NAMES, builtinGrant, type Grant, VERBS } from '../domain/identity/grant.ts';
import type { TrustDomain } from '../domain/identity/spiffe-id.ts';
import type { IssuerChoice } from '../config/index.ts';

export const adminId = (trustDomain: TrustDomain): string => `spiffe://${trustDomain}/chancery/admin`;

/** Every verb, issuer, profile and name but the reserved ones. */
export const adminGrant = (trustDomain: TrustDomain, login: IssuerChoice): Grant =>
  builtinGrant('admin', `mtls:${login.issuer.name}:${adminId(trustDomain)}`, {
    verbs: VERBS,
    issuer: '*',
    profiles: ['*'],
    ...ALL_NAMES,
  });

/** `init` certifies the admin, and nobody else. */
export const initGrant = (trustDomain: TrustDomain, login: IssuerChoice): Grant =>
  builtinGrant(
    'init',
    'system:init',
    {
      verbs: ['issue'],
      issuer: login.issuer.name,
      profiles: [login.profile.name],
      uri: [adminId(trustDomain)],
    },
    true,
  );

/**
 * Managed certificates are issued, and revoked when their time is over, by the server itself. What it may is not the
 * limit: who makes a wish holds `issue` and `deliver` on all of it, and that is decided when it is made.
 */
export const managedGrant = (): Grant =>
  builtinGrant('managed', 'system:managed', {
    verbs: ['issue', 'revoke'],
    issuer: '*',
    profiles: ['*'],
    ...ALL_NAMES,
  });

/** The HTTPS listener's certificate, for the names that it is reached by. */
export const listenerGrant = (
  listener: IssuerChoice,
  names: { readonly dns: readonly string[]; readonly ip: readonly string[] },
): Grant =>
  builtinGrant('listener', 'system:listener', {
    verbs: ['issue'],
    issuer: listener.issuer.name,
    profiles: [listener.profile.name],
    ...names,
  });
