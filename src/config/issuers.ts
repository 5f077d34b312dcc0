/** Which issuers the server itself leans on. */
import type { Configuration, IssuerConfiguration } from './configuration.ts';
import type { Profile } from '../domain/issuance/profile.ts';
import type { KeyType } from '../x509/public-key.ts';

export interface IssuerChoice {
  readonly issuer: IssuerConfiguration;
  readonly profile: Profile;
}

type Hierarchy = Pick<Configuration, 'issuers' | 'profiles'>;

/** The root that clients of this server trust: `/roots.pem`. */
const OWN_ROOT = 'internal';

/** The type of the keys that the server makes for itself and for the first admin. */
const OWN_KEY: KeyType = 'ecdsa-p256';

/** The external name, the address of the listener, and localhost: at most so many names of a kind. */
const OWN_NAMES = 3;

/**
 * What certifies our HTTPS listener: server names without a SPIFFE ID, under the root that clients are given. A profile
 * for logins is none: whoever had the listener's key could log in with it.
 */
export function listenerIssuer(hierarchy: Hierarchy): IssuerChoice | undefined {
  return choices(hierarchy).find(
    ({ issuer, profile: { extendedKeyUsage, login, names } }) =>
      issuer.root === OWN_ROOT &&
      !login &&
      extendedKeyUsage.includes('serverAuth') &&
      names.uri.min + names.email.min === 0 &&
      [names.dns, names.ip].every(({ min, max }) => min <= 1 && max >= OWN_NAMES),
  );
}

/** What certifies operators, the first admin among them: people's certificates before those of workloads. */
export function loginIssuer(hierarchy: Hierarchy): IssuerChoice | undefined {
  const logins = choices(hierarchy).filter(({ issuer, profile }) => issuer.authenticates && profile.login);
  return logins.find(({ profile }) => profile.names.uri.min === 0) ?? logins[0];
}

const choices = ({ issuers, profiles }: Hierarchy): IssuerChoice[] =>
  issuers.flatMap((issuer) =>
    issuer.profiles.flatMap((name) => {
      const profile = profiles.get(name);
      return profile?.keyTypes.includes(OWN_KEY) === true ? [{ issuer, profile }] : [];
    }),
  );
