/** Grants: which principal may do which verbs on which names, issuers and profiles, for how long. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, formatDuration, parseDuration } from '../../base/clock.ts';
import { NAME_KINDS, type NameKind } from '../../x509/general-name.ts';
import {
  type NamePattern,
  parsePattern,
  parsePrincipalPattern,
  patternContains,
  type PrincipalPattern,
  principalPatternContains,
} from './pattern.ts';
import { isReserved, type TrustDomain } from './spiffe-id.ts';

export const VERBS = ['issue', 'renew', 'revoke', 'read', 'deliver', 'register', 'admin'] as const;
export type Verb = (typeof VERBS)[number];

/** A grant as files and the API write it. A list of names that is left out allows no name of that kind. */
export interface GrantSpec {
  readonly name?: string | undefined;
  readonly principal: string;
  readonly verbs: readonly Verb[];
  /** An issuer's name, or `*`. */
  readonly issuer: string;
  /** Names of profiles; `*` for any. */
  readonly profiles: readonly string[];
  readonly uri?: readonly string[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly ip?: readonly string[] | undefined;
  readonly email?: readonly string[] | undefined;
  readonly maxTtl?: string | undefined;
  readonly owner?: string | undefined;
}

export type GrantSource = 'file' | 'api' | 'builtin';

/** A grant ready to decide. */
export interface Grant {
  readonly name: string;
  readonly source: GrantSource;
  readonly spec: GrantSpec;
  /** A pattern; built-in grants know one principal by its exact id. */
  readonly principal: PrincipalPattern | { readonly exact: string };
  readonly verbs: ReadonlySet<Verb>;
  readonly issuer: string;
  readonly profiles: ReadonlySet<string>;
  readonly patterns: readonly NamePattern[];
  readonly maxTtl: Duration | undefined;
  /** Only what the server grants to itself reaches reserved names. */
  readonly reservedNames: boolean;
  /** For this caller, of these names only those in here. */
  readonly narrowedTo?: { readonly by: string; readonly patterns: readonly NamePattern[] };
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** Parses a grant. Throws `invalid_request`, `invalid_name` or `invalid_duration` and names the field. */
export function parseGrant(
  spec: GrantSpec,
  source: GrantSource,
  fallbackName: string,
  trustDomain: TrustDomain,
): Grant {
  const name = spec.name ?? fallbackName;
  if (!NAME.test(name) || name.startsWith('builtin'))
    throw new ChanceryError('invalid_request', {
      message: `${JSON.stringify(name)} is no name for a grant`,
      rule: 'lower-case letters, digits, dots, dashes and underscores, at most 63; not "builtin…"',
      fix: 'Choose another name.',
    });
  const maxTtl = spec.maxTtl === undefined ? undefined : parseDuration(spec.maxTtl);
  if (spec.maxTtl !== undefined && maxTtl === undefined)
    throw new ChanceryError('invalid_duration', {
      message: `maxTtl of the grant "${name}" is ${JSON.stringify(spec.maxTtl)}`,
      rule: 'a duration is written as 90d, 12h, 1h30m',
      fix: 'Write it so.',
    });
  const patterns = NAME_KINDS.flatMap((kind) =>
    (spec[kind] ?? []).map((text) => parseNamePattern(kind, text, trustDomain)),
  );
  return {
    name,
    source,
    spec,
    principal: parsePrincipalPattern(spec.principal),
    verbs: new Set(spec.verbs),
    issuer: spec.issuer,
    profiles: new Set(spec.profiles),
    patterns,
    maxTtl,
    reservedNames: false,
  };
}

function parseNamePattern(kind: NameKind, text: string, trustDomain: TrustDomain): NamePattern {
  const pattern = parsePattern(kind, text);
  if (kind === 'uri' && isReserved(pattern.text, trustDomain))
    throw new ChanceryError('invalid_name', {
      message: `${JSON.stringify(text)} is reserved`,
      rule: `names under spiffe://${trustDomain}/chancery/ belong to the authority itself`,
      fix: 'Grant other names.',
    });
  return pattern;
}

/** Every name of every kind, for built-in grants and for `read` on everything. */
export const ALL_NAMES = { uri: ['**'], dns: ['**'], ip: ['0.0.0.0/0', '::/0'], email: ['**'] } as const;

/** A grant of the server's own making, for one principal by its exact id. */
export function builtinGrant(
  name: string,
  exact: string,
  spec: Omit<GrantSpec, 'principal' | 'name'>,
  reservedNames = false,
): Grant {
  return {
    name: `builtin:${name}`,
    source: 'builtin',
    spec: { ...spec, name: `builtin:${name}`, principal: exact },
    principal: { exact },
    verbs: new Set(spec.verbs),
    issuer: spec.issuer,
    profiles: new Set(spec.profiles),
    patterns: NAME_KINDS.flatMap((kind) => (spec[kind] ?? []).map((text) => parsePattern(kind, text))),
    maxTtl: spec.maxTtl === undefined ? undefined : parseDuration(spec.maxTtl),
    reservedNames,
  };
}

export const anyOf = (set: ReadonlySet<string>, value: string): boolean => set.has('*') || set.has(value);

/** In which respects `inner` goes beyond `outer`; empty when it is contained. */
export function grantExcess(outer: Grant, inner: Grant): string[] {
  const excess: string[] = [];
  for (const verb of inner.verbs) if (!outer.verbs.has(verb)) excess.push(`verb ${verb}`);
  if (outer.issuer !== '*' && outer.issuer !== inner.issuer) excess.push(`issuer ${inner.issuer}`);
  for (const profile of inner.profiles)
    if (!anyOf(outer.profiles, profile)) excess.push(`profile ${profile}`);
  for (const pattern of inner.patterns)
    if (!outer.patterns.some((own) => patternContains(own, pattern)))
      excess.push(`${pattern.kind} ${pattern.text}`);
  if (outer.maxTtl !== undefined && (inner.maxTtl === undefined || inner.maxTtl > outer.maxTtl))
    excess.push(
      `lifetime ${inner.maxTtl === undefined ? 'without limit' : formatDuration(inner.maxTtl)} over ${formatDuration(outer.maxTtl)}`,
    );
  return excess;
}

export const grantsPrincipal = (grant: Grant, inner: PrincipalPattern): boolean =>
  'exact' in grant.principal ? false : principalPatternContains(grant.principal, inner);
