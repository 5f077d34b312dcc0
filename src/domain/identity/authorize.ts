/**
 * Step 3 of the pipeline. Deny by default: one grant has to cover the whole request. The answer names the rule that
 * decided and, when it refuses, the nearest one that would have allowed and what it lacks.
 */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatDuration } from '../../base/clock.ts';
import { ALL_NAMES, anyOf, type Grant, grantExcess, parseGrant, type Verb } from './grant.ts';
import { formatNameKey, type Name } from './names.ts';
import { nameMatches, principalMatches } from './pattern.ts';
import { isReservedPrincipal, type Principal, principalId, principalIds } from './principal.ts';
import { isReserved, type TrustDomain } from './spiffe-id.ts';

export interface Ask {
  readonly principalIds: readonly string[];
  readonly verb: Verb;
  readonly issuer: string;
  readonly profile: string;
  readonly names: readonly Name[];
  readonly ttl?: Duration | undefined;
}

export interface Mismatch {
  readonly facet: 'principal' | 'verb' | 'issuer' | 'profile' | 'name' | 'ttl';
  readonly message: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Name of the grant that decided; `deny-by-default` when none did. */
  readonly rule: string;
  /** The deciding grant's. */
  readonly maxTtl?: Duration | undefined;
  /** Likewise. */
  readonly owner?: string | undefined;
  /** When refused: the grant with the fewest mismatches, and those. */
  readonly nearest?: { readonly rule: string; readonly lacks: readonly Mismatch[] };
}

export const DENY_BY_DEFAULT = 'deny-by-default';

/** Where `grant` falls short of the request; empty when it allows it. */
export function mismatches(grant: Grant, ask: Ask, trustDomain: TrustDomain): Mismatch[] {
  const lacks: Mismatch[] = [];
  if (!knows(grant, ask.principalIds, trustDomain))
    lacks.push({
      facet: 'principal',
      message: `it is for ${grant.spec.principal}, not for ${ask.principalIds[0] ?? 'nobody'}`,
    });
  if (!grant.verbs.has(ask.verb))
    lacks.push({ facet: 'verb', message: `it allows ${[...grant.verbs].join(', ')}, not ${ask.verb}` });
  if (grant.issuer !== '*' && grant.issuer !== ask.issuer)
    lacks.push({ facet: 'issuer', message: `it is for the issuer ${grant.issuer}, not ${ask.issuer}` });
  if (!anyOf(grant.profiles, ask.profile))
    lacks.push({
      facet: 'profile',
      message: `it is for the profiles ${[...grant.profiles].join(', ')}, not ${ask.profile}`,
    });
  for (const name of ask.names) {
    const reserved = name.kind === 'uri' && isReserved(name.value, trustDomain);
    if (reserved && !grant.reservedNames)
      lacks.push({ facet: 'name', message: `${formatNameKey(name)} is reserved for the authority itself` });
    else if (!grant.patterns.some((pattern) => nameMatches(pattern, name)))
      lacks.push({
        facet: 'name',
        message: `${formatNameKey(name)} is in none of ${patternsOf(grant, name)}`,
      });
    else if (grant.narrowedTo?.patterns.some((pattern) => nameMatches(pattern, name)) === false)
      lacks.push({
        facet: 'name',
        message: `${formatNameKey(name)} is in none of the names of ${grant.narrowedTo.by}: ${grant.narrowedTo.patterns.map(({ text }) => text).join(', ') || 'it has none'}`,
      });
  }
  if (grant.maxTtl !== undefined && ask.ttl !== undefined && ask.ttl > grant.maxTtl)
    lacks.push({
      facet: 'ttl',
      message: `${formatDuration(ask.ttl)} is over its maxTtl ${formatDuration(grant.maxTtl)}`,
    });
  return lacks;
}

function knows(grant: Grant, ids: readonly string[], trustDomain: TrustDomain): boolean {
  const { principal } = grant;
  if ('exact' in principal) return ids.includes(principal.exact);
  return ids.some((id) => !isReservedPrincipal(id, trustDomain) && principalMatches(principal, id));
}

function patternsOf(grant: Grant, name: Name): string {
  const own = grant.patterns.filter(({ kind }) => kind === name.kind).map(({ text }) => text);
  return own.length === 0 ? `its names (it has no ${name.kind} pattern)` : own.join(', ');
}

/** A principal that a grant is not for is further away than any other mismatch. */
const distance = (lacks: readonly Mismatch[]): number =>
  lacks.reduce((sum, { facet }) => sum + (facet === 'principal' ? 100 : facet === 'verb' ? 10 : 1), 0);

export function decide(grants: readonly Grant[], ask: Ask, trustDomain: TrustDomain): Decision {
  let nearest: { grant: Grant; lacks: Mismatch[] } | undefined;
  for (const grant of grants) {
    const lacks = mismatches(grant, ask, trustDomain);
    if (lacks.length === 0)
      return { allowed: true, rule: grant.name, maxTtl: grant.maxTtl, owner: grant.spec.owner };
    if (grant.source === 'builtin' && lacks.some(({ facet }) => facet === 'principal')) continue; // nobody else's business
    if (nearest === undefined || distance(lacks) < distance(nearest.lacks)) nearest = { grant, lacks };
  }
  if (nearest === undefined) return { allowed: false, rule: DENY_BY_DEFAULT };
  return {
    allowed: false,
    rule: DENY_BY_DEFAULT,
    nearest: { rule: nearest.grant.name, lacks: nearest.lacks },
  };
}

/** The refusal as an error, with the same words on every door. */
export function refusal(decision: Decision, ask: Ask): ChanceryError {
  const what = `${ask.verb} ${ask.names.map(formatNameKey).join(', ') || 'anything'} from ${ask.issuer} with profile ${ask.profile}`;
  const who = ask.principalIds[0] ?? 'nobody';
  const lacks = decision.nearest?.lacks.map(({ message }) => message).join('; ');
  return new ChanceryError('not_granted', {
    message: `${who} may not ${what}`,
    rule:
      decision.nearest === undefined
        ? decision.rule
        : `${decision.rule}; the nearest grant "${decision.nearest.rule}" falls short: ${lacks}`,
    fix:
      decision.nearest === undefined
        ? 'Ask an operator for a grant: `chancery grant create`.'
        : `Ask for what "${decision.nearest.rule}" allows, or ask an operator for a grant that covers it.`,
    data: { decision },
  });
}

/** Decides and throws the refusal; returns the name of the rule that allowed. */
export function authorize(grants: readonly Grant[], ask: Ask, trustDomain: TrustDomain): string {
  const decision = decide(grants, ask, trustDomain);
  if (decision.allowed) return decision.rule;
  throw refusal(decision, ask);
}

/** Whether some grant gives the verb on everything: what reading the audit log and changing grants takes. */
export function authorizeEverywhere(
  grants: readonly Grant[],
  principal: Principal,
  verb: Verb,
  trustDomain: TrustDomain,
): string {
  const found = grantOfEveryName(grants, principal, { verb, issuer: '*', profile: '*' }, trustDomain);
  if (found !== undefined) return found.name;
  throw new ChanceryError('not_granted', {
    message: `${principalId(principal)} does not hold ${verb} on every issuer, profile and name`,
    rule: DENY_BY_DEFAULT,
    fix: 'Ask an operator who holds it.',
  });
}

/** The grant that gives the verb on every name of an issuer and profile (`*`: of all), `undefined` where none does. */
export function grantOfEveryName(
  grants: readonly Grant[],
  principal: Principal,
  { verb, issuer, profile }: Pick<Ask, 'verb' | 'issuer' | 'profile'>,
  trustDomain: TrustDomain,
): Grant | undefined {
  const ids = principalIds(principal);
  const everything = parseGrant(
    { principal: 'acme:**', verbs: [verb], issuer, profiles: [profile], ...ALL_NAMES },
    'api',
    'everything',
    trustDomain,
  );
  return grants.find(
    (grant) =>
      knows(grant, ids, trustDomain) &&
      grant.maxTtl === undefined &&
      grantExcess(grant, everything).length === 0,
  );
}

/** Nobody can grant more than they hold: one grant of the grantor's has to contain the new one. */
export function authorizeGranting(
  grants: readonly Grant[],
  principal: Principal,
  wanted: Grant,
  trustDomain: TrustDomain,
): string {
  const ids = principalIds(principal);
  const own = grants.filter((grant) => grant.verbs.has('admin') && knows(grant, ids, trustDomain));
  const excesses = own
    .map((grant) => ({ grant, excess: grantExcess(grant, wanted) }))
    .sort((a, b) => a.excess.length - b.excess.length);
  const [nearest] = excesses;
  if (nearest?.excess.length === 0) return nearest.grant.name;
  throw new ChanceryError(nearest === undefined ? 'not_granted' : 'grant_exceeds_own', {
    message:
      nearest === undefined
        ? `${principalId(principal)} holds no grant with the verb admin`
        : `the grant "${wanted.name}" goes beyond "${nearest.grant.name}": ${nearest.excess.join('; ')}`,
    rule: 'nobody can grant more than they hold',
    fix: 'Narrow the grant, or ask an operator who holds more.',
  });
}
