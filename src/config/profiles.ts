/** Profiles of the file: copies of built-in ones under other names, in every respect as narrow or narrower. */
import { type Duration, formatDuration, parseDuration, SECOND } from '../base/clock.ts';
import { type Count, DEFAULT_PROFILES, MIN_TTL, type Profile } from '../domain/issuance/profile.ts';
import { NAME_KINDS, type NameKind } from '../x509/general-name.ts';
import { type Fault, formatPath, formatValue } from './faults.ts';
import type { ConfigurationFile } from './schema.ts';

type Declared = ConfigurationFile['profiles'][string];

export interface Profiles {
  readonly all: ReadonlyMap<string, Profile>;
  readonly faults: readonly Fault[];
}

export function resolveProfiles(declared: ConfigurationFile['profiles']): Profiles {
  const all = new Map<string, Profile>(Object.entries(DEFAULT_PROFILES));
  const faults: Fault[] = [];
  for (const [name, own] of Object.entries(declared)) {
    if (Object.hasOwn(DEFAULT_PROFILES, name)) {
      faults.push({
        path: ['profiles', name],
        atKey: true,
        message: `profiles.${name} is built in`,
        rule: 'built-in profiles stay as they are',
        fix: `Choose another name, let it extend ${name}, and list it in the issuer's profiles.`,
      });
      continue;
    }
    const base: Profile = DEFAULT_PROFILES[own.extends];
    const profile = narrow(name, own, base);
    all.set(name, profile);
    faults.push(...faultsOf(profile, own, base));
  }
  return { all, faults };
}

const life = (text: string | undefined): Duration | undefined =>
  text === undefined ? undefined : (parseDuration(text) ?? 0);

function narrow(name: string, own: Declared, base: Profile): Profile {
  const maxTtl = life(own.maxTtl) ?? base.maxTtl;
  return Object.freeze({
    name,
    keyTypes: own.keyTypes ?? base.keyTypes,
    names: Object.freeze(
      Object.fromEntries(
        NAME_KINDS.map((kind) => [kind, narrowCount(own.names?.[kind], base.names[kind])]),
      ) as Record<NameKind, Count>,
    ),
    extendedKeyUsage: own.extendedKeyUsage ?? base.extendedKeyUsage,
    commonName: base.commonName,
    defaultTtl: life(own.defaultTtl) ?? Math.min(base.defaultTtl, maxTtl),
    maxTtl,
    // a short life is not to be eaten up by the past
    backdate: life(own.backdate) ?? Math.min(base.backdate, Math.floor(maxTtl / 2 / SECOND) * SECOND),
    noRevAvail: own.noRevAvail ?? base.noRevAvail,
    login: base.login && (own.extendedKeyUsage ?? base.extendedKeyUsage).includes('clientAuth'),
  });
}

const narrowCount = (
  own: { min?: number | undefined; max?: number | undefined } | undefined,
  base: Count,
): Count => {
  const max = own?.max ?? base.max;
  return Object.freeze({ min: own?.min ?? Math.min(base.min, max), max });
};

function faultsOf(profile: Profile, own: Declared, base: Profile): Fault[] {
  const faults: Fault[] = [];
  const refuse = (field: readonly string[], message: string, rule: string, fix: string): void => {
    const path = ['profiles', profile.name, ...field];
    faults.push({ path, message: `${formatPath(path)} ${message}`, rule, fix });
  };
  const wider = `a profile is never wider than ${base.name}, which it extends`;
  for (const kind of NAME_KINDS) {
    const { min, max } = profile.names[kind];
    const limit = base.names[kind];
    if (min > max)
      refuse(['names', kind], `is from ${min} to ${max}`, 'min is not over max', 'Correct one of them.');
    else if (min < limit.min || max > limit.max)
      refuse(
        ['names', kind],
        `is from ${min} to ${max}`,
        `${wider}: ${limit.min} to ${limit.max}`,
        'Stay within.',
      );
  }
  if (NAME_KINDS.every((kind) => profile.names[kind].max === 0))
    refuse(['names'], 'leave no name', 'a certificate has at least one name', 'Allow a kind of names.');
  if (profile.names.uri.max > 0 && profile.extendedKeyUsage.length < base.extendedKeyUsage.length)
    refuse(
      ['extendedKeyUsage'],
      `is ${formatValue(profile.extendedKeyUsage)}, and SPIFFE IDs are allowed`,
      'X509-SVID 4.4: serverAuth and clientAuth, both',
      'Name both, or forbid SPIFFE IDs: names: { uri: { max: 0 } }.',
    );
  const over = (field: 'maxTtl' | 'backdate'): void => {
    if (profile[field] > base[field])
      refuse(
        [field],
        `is ${formatValue(own[field])}`,
        `${wider}: at most ${formatDuration(base[field])}`,
        'Stay within.',
      );
  };
  over('maxTtl');
  over('backdate');
  if (profile.maxTtl < MIN_TTL)
    refuse(['maxTtl'], `is ${formatValue(own.maxTtl)}`, `at least ${formatDuration(MIN_TTL)}`, 'Allow more.');
  if (profile.defaultTtl > profile.maxTtl)
    refuse(
      ['defaultTtl'],
      `is ${formatValue(own.defaultTtl)}`,
      `not over maxTtl, ${formatDuration(profile.maxTtl)}`,
      'Stay within.',
    );
  if (profile.defaultTtl < MIN_TTL && own.defaultTtl !== undefined)
    refuse(
      ['defaultTtl'],
      `is ${formatValue(own.defaultTtl)}`,
      `at least ${formatDuration(MIN_TTL)}`,
      'Allow more.',
    );
  if (profile.backdate >= profile.maxTtl && profile.maxTtl >= MIN_TTL)
    refuse(
      ['backdate'],
      `is ${formatValue(own.backdate)}`,
      `shorter than maxTtl, ${formatDuration(profile.maxTtl)}`,
      'Write less.',
    );
  return faults;
}
