/** What has to fit together, beyond single values: issuers with profiles, grants with both, URLs with listeners. */
import { bareHost } from '../base/host-port.ts';
import { parseGrant, type Grant } from '../domain/identity/grant.ts';
import { parsePattern, parsePrincipalPattern } from '../domain/identity/pattern.ts';
import type { TrustDomain } from '../domain/identity/spiffe-id.ts';
import type { Profile } from '../domain/issuance/profile.ts';
import { NAME_KINDS } from '../x509/general-name.ts';
import type { Configuration } from './configuration.ts';
import { didYouMean } from './did-you-mean.ts';
import { type Fault, formatPath, formatValue, type SettingPath } from './faults.ts';
import { listenerIssuer, loginIssuer } from './issuers.ts';
import { isLoopback } from './listeners.ts';
import { ruleOf } from './rules.ts';
import type { ConfigurationFile } from './schema.ts';

type Profiles = ReadonlyMap<string, Profile>;

export function checkIssuers({ issuers }: ConfigurationFile, profiles: Profiles): Fault[] {
  return Object.entries(issuers).flatMap(([issuer, policy]) =>
    policy.profiles.flatMap((profile, i) =>
      unknownName(['issuers', issuer, 'profiles', i], profile, 'profile', [...profiles.keys()]),
    ),
  );
}

function unknownName(path: SettingPath, name: string, noun: string, known: readonly string[]): Fault[] {
  if (known.includes(name)) return [];
  return [
    {
      path,
      message: `${formatPath(path)} is ${formatValue(name)}, and there is no such ${noun}${didYouMean(name, known)}`,
      rule: `${noun}s are ${known.join(', ')}`,
      fix: `Name one of these, or declare the ${noun}.`,
    },
  ];
}

/** The server leans on issuers of its own: for its HTTPS listener, and to let the first admin log in. */
export function checkOwnNeeds(hierarchy: Pick<Configuration, 'issuers' | 'profiles'>): Fault[] {
  const faults: Fault[] = [];
  if (listenerIssuer(hierarchy) === undefined)
    faults.push({
      path: ['issuers'],
      atKey: true,
      message: 'no issuer can certify the HTTPS listener of this server',
      rule: 'at least one issuer under the root internal has a profile that is, or extends, server with serverAuth, takes P-256 keys, three DNS names and addresses, and asks for no SPIFFE ID',
      fix: 'Keep the issuer servers: { root: internal, profiles: [server] }.',
    });
  if (loginIssuer(hierarchy) === undefined)
    faults.push({
      path: ['issuers'],
      atKey: true,
      message: 'nobody could log in: no issuer authenticates with a profile for logins',
      rule: 'at least one issuer has authenticates: true and a profile that is, or extends, client or workload, with clientAuth and P-256 keys',
      fix: 'Keep the issuer clients: { root: internal, profiles: [client], authenticates: true }.',
    });
  return faults;
}

export interface Grants {
  readonly grants: readonly Grant[];
  readonly faults: readonly Fault[];
}

export function resolveGrants(file: ConfigurationFile, trustDomain: TrustDomain, profiles: Profiles): Grants {
  const grants: Grant[] = [];
  const faults: Fault[] = [];
  for (const [i, spec] of file.grants.entries()) {
    const path = ['grants', i] as const;
    const own = [
      ...patternFaults(spec, path),
      ...unknownInGrant(spec, path, Object.keys(file.issuers), [...profiles.keys()]),
    ];
    const judge = () => grants.push(parseGrant(spec, 'file', `file-${i + 1}`, trustDomain));
    // the grant as a whole is judged when its parts are sound: else it would tell the same fault again
    const broken = own.length === 0 ? ruleOf(judge) : undefined;
    if (broken !== undefined)
      own.push({ path, ...broken, message: `${formatPath(path)}: ${broken.message}` });
    const name = spec.name ?? `file-${i + 1}`;
    if (file.grants.slice(0, i).some((earlier, j) => (earlier.name ?? `file-${j + 1}`) === name))
      own.push({
        path: [...path, 'name'],
        message: `${formatPath(path)} has the name ${formatValue(name)} of another grant`,
        rule: 'names of grants are unique',
        fix: 'Choose another name.',
      });
    faults.push(...own);
  }
  return { grants, faults };
}

type Spec = ConfigurationFile['grants'][number];

function patternFaults(spec: Spec, path: SettingPath): Fault[] {
  const principal = ruleOf(() => parsePrincipalPattern(spec.principal));
  const names = NAME_KINDS.flatMap((kind) =>
    (spec[kind] ?? []).flatMap((text, i) => {
      const broken = ruleOf(() => parsePattern(kind, text));
      return broken === undefined
        ? []
        : [
            {
              ...broken,
              path: [...path, kind, i],
              message: `${formatPath([...path, kind, i])}: ${broken.message}`,
            },
          ];
    }),
  );
  return principal === undefined
    ? names
    : [
        {
          ...principal,
          path: [...path, 'principal'],
          message: `${formatPath([...path, 'principal'])}: ${principal.message}`,
        },
        ...names,
      ];
}

function unknownInGrant(
  spec: Spec,
  path: SettingPath,
  issuers: readonly string[],
  profiles: readonly string[],
): Fault[] {
  return [
    ...(spec.issuer === '*' ? [] : unknownName([...path, 'issuer'], spec.issuer, 'issuer', issuers)),
    ...spec.profiles.flatMap((profile, i) =>
      profile === '*' ? [] : unknownName([...path, 'profiles', i], profile, 'profile', profiles),
    ),
  ];
}

/** Once others can reach this server, its URLs have to lead them here and not to themselves. */
export function checkExternalUrls({
  listen,
  externalUrl,
}: Pick<Configuration, 'listen' | 'externalUrl'>): Fault[] {
  const open = (['https', 'status'] as const).find((name) => !listen[name].loopback);
  if (open === undefined) return [];
  return (['https', 'status'] as const).flatMap((name): Fault[] => {
    const { url, isDefault } = externalUrl[name];
    const setting = `externalUrl.${name}`;
    const path = isDefault ? ['listen', open] : ['externalUrl', name];
    const rule = `externalUrl.https and externalUrl.status are reachable for others once a listener is (listen.${open} is)`;
    const fix = `Write the URL that others reach it by, e.g. ${name === 'https' ? 'https://ca.example.test:8443' : 'http://ca.example.test:8080'}.`;
    if (url === '')
      return [{ path, message: `${setting} is missing, and listen.${name} is every address`, rule, fix }];
    if (!isLoopback(bareHost(new URL(url)))) return [];
    return [
      { path, message: `${setting} is ${formatValue(url)}, which leads every host to itself`, rule, fix },
    ];
  });
}
