/**
 * Who may see and change a managed certificate. It is a wish that the server fulfils with its own hands, so nobody can
 * wish for more than they hold: `issue` and `deliver` on every name, at the issuer and with the profile of the wish. For
 * a public CA the issuer of a grant is the CA's name, and the profile the one that is asked for there, else `default`.
 */
import { ChanceryError } from '../../../base/errors.ts';
import { type Ask, authorize, decide } from '../../../domain/identity/authorize.ts';
import type { Verb } from '../../../domain/identity/grant.ts';
import { type Principal, principalIds } from '../../../domain/identity/principal.ts';
import type { ManagedCertificate, Wish } from '../../../domain/renewal/managed.ts';
import type { AdminPorts } from '../ports.ts';

type Ports = Pick<AdminPorts, 'grants' | 'trustDomain' | 'managed'>;

/** Profile of a grant for wishes that leave the profile to the public CA. */
const DEFAULT_PROFILE = 'default';

const CHANGING: readonly Verb[] = ['issue', 'deliver'];

function asksOf({ managed }: Ports, principal: Principal, wish: Wish, verb: Verb): Ask[] {
  const { source, names } = wish;
  const common = { principalIds: principalIds(principal), verb, names };
  // who reads a certificate does not get it
  const ttl = verb === 'read' ? undefined : managed.lifetimeOf(wish);
  if (source.kind === 'own') return [{ ...common, issuer: source.issuer, profile: source.profile, ttl }];
  return source.authorities.map((issuer) => ({
    ...common,
    issuer,
    profile: source.profile ?? DEFAULT_PROFILE,
    ttl,
  }));
}

/** Throws `not_granted`; returns the names of the rules that allowed. */
export function authorizeWish(ports: Ports, principal: Principal, wish: Wish): string {
  const grants = ports.grants.of(principal);
  const rules = CHANGING.flatMap((verb) =>
    asksOf(ports, principal, wish, verb).map((ask) => authorize(grants, ask, ports.trustDomain)),
  );
  return [...new Set(rules)].join(', ');
}

export function maySeeWish(ports: Ports, principal: Principal, wish: Wish): boolean {
  const grants = ports.grants.of(principal);
  return asksOf(ports, principal, wish, 'read').every(
    (ask) => decide(grants, ask, ports.trustDomain).allowed,
  );
}

/** One that may be seen, or changed: others are told the same as of one that there is not. */
export function findManaged(ports: Ports, principal: Principal, name: string): ManagedCertificate {
  const found = ports.managed.store.find(name);
  if (
    found !== undefined &&
    (maySeeWish(ports, principal, found.wish) || mayChange(ports, principal, found.wish))
  )
    return found;
  throw new ChanceryError('not_found', {
    message: `there is no managed certificate ${name} that you may read`,
    rule: 'a `read` grant covers issuer, profile and every name of it',
    fix: 'See `chancery managed list`.',
  });
}

function mayChange(ports: Ports, principal: Principal, wish: Wish): boolean {
  const grants = ports.grants.of(principal);
  return CHANGING.every((verb) =>
    asksOf(ports, principal, wish, verb).every((ask) => decide(grants, ask, ports.trustDomain).allowed),
  );
}
