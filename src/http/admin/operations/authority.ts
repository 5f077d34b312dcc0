/** Operations that show roots, issuers and profiles: public knowledge for everybody who may log in. */
import type { IssuerResource, ProfileResource } from '../../../api/authority.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatDuration } from '../../../base/clock.ts';
import type { IssuerPolicy } from '../../../domain/issuance/issuer.ts';
import type { Profile } from '../../../domain/issuance/profile.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { renderGeneration, renderPending, renderRoot } from './render-authority.ts';

type ByName = Exchange<unknown, unknown, { name: string }>;

export const authorityOperations = ({ authority, issuance }: AdminPorts) => {
  const renderIssuer = ({ name, root, profiles, authenticates }: IssuerPolicy): IssuerResource => {
    const pending = authority.pendingOf(name);
    return {
      name,
      root,
      profiles: [...profiles],
      authenticates,
      generations: authority.generations(name).map((generation) => renderGeneration(authority, generation)),
      ...(pending && { pending: renderPending(pending) }),
    };
  };

  const renderProfile = (profile: Profile): ProfileResource => ({
    ...profile,
    keyTypes: [...profile.keyTypes],
    names: {
      uri: { ...profile.names.uri },
      dns: { ...profile.names.dns },
      ip: { ...profile.names.ip },
      email: { ...profile.names.email },
    },
    extendedKeyUsage: [...profile.extendedKeyUsage],
    defaultTtl: formatDuration(profile.defaultTtl),
    maxTtl: formatDuration(profile.maxTtl),
    backdate: formatDuration(profile.backdate),
    issuers: [...issuance.issuers.withProfile(profile.name)],
  });

  return {
    listIssuers: (): Reply => ({ body: { issuers: authority.policies().map(renderIssuer) } }),
    showIssuer: ({ params }: ByName): Reply => ({
      body: renderIssuer(
        found(
          authority.policies().find(({ name }) => name === params.name),
          'issuer',
          params.name,
        ),
      ),
    }),
    listRoots: (): Reply => ({
      body: { roots: authority.roots().map((root) => renderRoot(authority, root)) },
    }),
    showRoot: ({ params }: ByName): Reply => ({
      body: renderRoot(authority, found(authority.root(params.name), 'root', params.name)),
    }),
    listProfiles: (): Reply => ({ body: { profiles: [...issuance.profiles.values()].map(renderProfile) } }),
    showProfile: ({ params }: ByName): Reply => ({
      body: renderProfile(found(issuance.profiles.get(params.name), 'profile', params.name)),
    }),
  };
};

function found<T>(value: T | undefined, kind: string, name: string): T {
  if (value !== undefined) return value;
  throw new ChanceryError('not_found', {
    message: `there is no ${kind} ${JSON.stringify(name)}`,
    rule: `${kind}s are those of the configuration`,
    fix: `See \`chancery ${kind === 'root' ? 'ca' : kind} list\`.`,
  });
}
