/** Operations on public CAs, and the rehearsal of a target: for admins of everything. */
import { isDeepStrictEqual } from 'node:util';
import type { AuthorityResource, AuthoritySpec } from '../../../api/public-authorities.ts';
import type { TargetSpec } from '../../../api/targets.ts';
import { ChanceryError } from '../../../base/errors.ts';
import type { PublicAuthority } from '../../../domain/renewal/ports.ts';
import { draft } from '../draft.ts';
import { requireMatch } from '../etag.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { requireSet } from './managed-change.ts';

type ByName<Body = unknown> = Exchange<Body, unknown, { name: string }>;
type Caller = Pick<Exchange, 'principal' | 'door'>;

export const publicAuthorityOperations = (ports: AdminPorts) => {
  const { managed } = ports;

  return {
    listAuthorities: (): Reply => ({
      body: { authorities: managed.authorities.authorities().map((one) => render(ports, one)) },
    }),

    getAuthority: ({ params }: ByName): Reply => ({ body: render(ports, findAuthority(ports, params.name)) }),

    putAuthority: async (exchange: ByName<AuthoritySpec>): Promise<Reply> => {
      const { body: spec, params, ifMatch } = exchange;
      managed.checkAuthority(params.name, spec);
      const before = managed.authorities.authorities().find(({ name }) => name === params.name);
      if (before !== undefined) requireSet('public CA', params.name, before, null);
      if (before !== undefined || ifMatch !== undefined)
        requireMatch(ifMatch, before === undefined ? {} : render(ports, before));
      await putAuthority(ports, exchange, { name: params.name, set: null, spec });
      return { body: render(ports, findAuthority(ports, params.name)) };
    },

    deleteAuthority: async (exchange: ByName): Promise<Reply> => {
      const before = findAuthority(ports, exchange.params.name);
      requireSet('public CA', before.name, before, null);
      requireMatch(exchange.ifMatch, render(ports, before));
      await refuseWhileUsed(ports, before.name, new Set());
      await removeAuthority(ports, exchange, before);
      return { empty: true };
    },

    testAuthority: async ({ params }: ByName): Promise<Reply> => {
      const { name, spec } = findAuthority(ports, params.name);
      return { body: await managed.testAuthority(name, spec as AuthoritySpec) };
    },

    testTarget: async ({ body }: Exchange<TargetSpec>): Promise<Reply> => ({
      body: await managed.rehearse(body),
    }),
  };
};

export const putAuthority = (
  ports: AdminPorts,
  { principal, door }: Caller,
  wanted: PublicAuthority,
): Promise<void> =>
  ports.managed.authorities.putAuthority(wanted, [
    draft(ports, 'authority.applied', 'allowed', principal, door, {
      authority: wanted.name,
      set: wanted.set,
      spec: JSON.stringify(wanted.spec),
    }),
  ]);

export const removeAuthority = (
  ports: AdminPorts,
  { principal, door }: Caller,
  { name, set }: PublicAuthority,
): Promise<void> =>
  ports.managed.authorities.removeAuthority(name, [
    draft(ports, 'authority.removed', 'allowed', principal, door, { authority: name, set }),
  ]);

/** Throws `not_ready` where a managed certificate names it that is not among those that go with it. */
export async function refuseWhileUsed(
  ports: AdminPorts,
  authority: string,
  going: ReadonlySet<string>,
): Promise<void> {
  const PAGE = 200;
  for (let after: string | undefined; ;) {
    const page = ports.managed.store.list({ limit: PAGE, after });
    const user = page.find(
      ({ name, wish: { source } }) =>
        !going.has(name) && source.kind === 'public' && source.authorities.includes(authority),
    );
    if (user !== undefined)
      throw new ChanceryError('not_ready', {
        message: `the managed certificate ${user.name} is of the public CA ${authority}`,
        rule: 'a public CA is removed when nothing is managed with it',
        fix: 'Change the managed certificate first, or remove it.',
      });
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
    await ports.managed.pause();
  }
}

export const isSameAuthority = (a: PublicAuthority, b: PublicAuthority): boolean =>
  isDeepStrictEqual([a.set, a.spec], [b.set, b.spec]);

function findAuthority({ managed }: AdminPorts, name: string): PublicAuthority {
  const found = managed.authorities.authorities().find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new ChanceryError('not_found', {
    message: `there is no public CA ${name}`,
    fix: 'See `chancery authority list`.',
  });
}

function render({ managed }: AdminPorts, { name, set, spec }: PublicAuthority): AuthorityResource {
  const written = spec as AuthoritySpec;
  const directory = written.useStaging ? (written.staging ?? written.directory) : written.directory;
  const accountUrl = managed.authorities.account(new URL(directory).href)?.url ?? undefined;
  return {
    name,
    ...(set !== null && { set }),
    ...(accountUrl !== undefined && { accountUrl }),
    spec: written,
  };
}
