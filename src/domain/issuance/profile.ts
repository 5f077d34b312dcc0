/** Profiles: what a kind of certificate looks like. Limits that are broken are named in the refusal. */
import { ChanceryError } from '../../base/errors.ts';
import { DAY, type Duration, formatDuration, HOUR, MINUTE, SECOND } from '../../base/clock.ts';
import type { NameKind } from '../../x509/general-name.ts';
import { NAME_KINDS } from '../../x509/general-name.ts';
import { KEY_TYPES, type KeyType, type PublicKey } from '../../x509/public-key.ts';
import { formatNameKey, type Name } from '../identity/names.ts';
import { type SpiffeId, type TrustDomain, trustDomainOf } from '../identity/spiffe-id.ts';

export const PURPOSES = ['serverAuth', 'clientAuth'] as const;
export type Purpose = (typeof PURPOSES)[number];

export interface Count {
  readonly min: number;
  readonly max: number;
}

export interface Profile {
  readonly name: string;
  readonly keyTypes: readonly KeyType[];
  /** How many names of each kind; at least one name in all. */
  readonly names: Readonly<Record<NameKind, Count>>;
  readonly extendedKeyUsage: readonly Purpose[];
  /** Whether the first DNS name or e-mail address is repeated as commonName for old relying parties. */
  readonly commonName: boolean;
  readonly defaultTtl: Duration;
  readonly maxTtl: Duration;
  /** How far notBefore lies in the past, for clocks that lag. */
  readonly backdate: Duration;
  /** Whether its certificates may log in here, where their issuer is marked `authenticates`. */
  readonly login: boolean;
  /** Whether its certificates say that nothing is published about their revocation (RFC 9608). */
  readonly noRevAvail: boolean;
}

const none: Count = { min: 0, max: 0 };
const any: Count = { min: 0, max: 100 };
const COMMON = { keyTypes: KEY_TYPES, backdate: 5 * MINUTE, extendedKeyUsage: PURPOSES, noRevAvail: false };

/** The built-in profiles; configuration can narrow copies of them under other names. */
export const DEFAULT_PROFILES = {
  // X509-SVID: exactly one URI SAN, no subject
  workload: {
    ...COMMON,
    name: 'workload',
    names: { uri: { min: 1, max: 1 }, dns: any, ip: any, email: none },
    commonName: false,
    defaultTtl: HOUR,
    maxTtl: DAY,
    login: true,
  },
  server: {
    ...COMMON,
    name: 'server',
    names: { uri: { min: 0, max: 1 }, dns: any, ip: any, email: none },
    commonName: true,
    defaultTtl: 7 * DAY,
    maxTtl: 90 * DAY,
    login: false,
  },
  client: {
    ...COMMON,
    name: 'client',
    names: { uri: { min: 0, max: 1 }, dns: any, ip: any, email: any },
    commonName: true,
    defaultTtl: 12 * HOUR,
    maxTtl: 30 * DAY,
    login: true,
  },
} as const satisfies Record<string, Profile>;

/** Shorter lives than this cannot be renewed in time by anybody. */
export const MIN_TTL: Duration = 10 * SECOND;

const violation = (profile: Profile, message: string, rule: string, fix: string): ChanceryError =>
  new ChanceryError('profile_violation', { message, rule: `profile ${profile.name}: ${rule}`, fix });

/** The lifetime to be served. Throws `profile_violation`. */
export function resolveTtl(profile: Profile, asked: Duration | undefined): Duration {
  const ttl = asked ?? profile.defaultTtl;
  if (ttl > profile.maxTtl)
    throw violation(
      profile,
      `a lifetime of ${formatDuration(ttl)} is asked for`,
      `at most ${formatDuration(profile.maxTtl)}`,
      'Ask for less, and renew.',
    );
  if (!(ttl >= MIN_TTL))
    throw violation(
      profile,
      `a lifetime of ${formatDuration(ttl)} is asked for`,
      `at least ${formatDuration(MIN_TTL)}`,
      'Ask for more.',
    );
  return ttl;
}

/** Throws `profile_violation` when the key's type is not served. */
export function checkKeyType(profile: Profile, key: PublicKey): void {
  if (profile.keyTypes.includes(key.type)) return;
  throw violation(
    profile,
    `the key is of the type ${key.type}`,
    `keys are ${profile.keyTypes.join(', ')}`,
    'Make a key of one of these types.',
  );
}

/** Throws `profile_violation` when the kinds and numbers of names do not fit, or a SPIFFE ID is of another trust domain. */
export function checkNames(profile: Profile, names: readonly Name[], trustDomain: TrustDomain): void {
  if (names.length === 0)
    throw violation(
      profile,
      'no name is asked for',
      'a certificate has at least one name',
      'Put subjectAltName into the request, or name them beside it.',
    );
  for (const kind of NAME_KINDS) {
    const { min, max } = profile.names[kind];
    const count = names.filter((name) => name.kind === kind).length;
    if (count >= min && count <= max) continue;
    const allowed = max === 0 ? 'none' : min === max ? `exactly ${min}` : `${min} to ${max}`;
    throw violation(
      profile,
      `${count} names of the kind ${kind} are asked for`,
      `${allowed} of the kind ${kind}`,
      'Ask for other names, or with another profile.',
    );
  }
  for (const name of names)
    if (name.kind === 'uri' && trustDomainOf(name.value as SpiffeId) !== trustDomain)
      throw violation(
        profile,
        `${formatNameKey(name)} is of another trust domain`,
        `this authority serves ${trustDomain}`,
        'Ask the authority of that trust domain.',
      );
}
