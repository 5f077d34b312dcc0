/** Which issuers the server itself leans on. */
import type { Configuration, IssuerConfiguration } from './configuration.ts';
import type { Profile } from '../domain/issuance/profile.ts';

export interface IssuerChoice {
  readonly issuer: IssuerConfiguration;
  readonly profile: Profile;
}

type Hierarchy = Pick<Configuration, 'issuers' | 'profiles'>;

/** The root that clients of this server trust: `/roots.pem`. */
const OWN_ROOT = 'internal';

/** What certifies our HTTPS listener: server names without a SPIFFE ID, under the root that clients are given. */
export function listenerIssuer(hierarchy: Hierarchy): IssuerChoice | undefined {
  return choices(hierarchy).find(
    ({ issuer, profile: { extendedKeyUsage, names } }) =>
      issuer.root === OWN_ROOT && extendedKeyUsage.includes('serverAuth') && names.uri.min === 0 && names.dns.max > 0 && names.ip.max > 0,
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
      return profile === undefined ? [] : [{ issuer, profile }];
    }),
  );
