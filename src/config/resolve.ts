/** From the words of the file to values: durations, addresses, URLs, absolute paths, profiles, grants. */
import { isAbsolute, join, resolve as resolvePath } from 'node:path';
import { formatDuration, parseDuration, parseInstant } from '../base/clock.ts';
import type { TrustDomain } from '../domain/identity/spiffe-id.ts';
import { NAME_KINDS, type NameKind } from '../x509/general-name.ts';
import { parseIpRange } from '../x509/ip.ts';
import { type NameConstraints, parseSubtree } from '../x509/name-constraints.ts';
import { secretFile } from './bucket.ts';
import { checkExternalUrls, checkIssuers, checkOwnNeeds, resolveGrants } from './checks.ts';
import type {
  Configuration,
  ExternalUrl,
  IssuerConfiguration,
  ListenAddress,
  ListenerName,
  SecretReference,
} from './configuration.ts';
import { type Fault, formatPath, formatValue, type SettingPath } from './faults.ts';
import { defaultExternalUrl, isLoopback, parseHostPort } from './listeners.ts';
import { plainLimits, resolveLimits } from './acme-limits.ts';
import { plainWebhook, resolveEvents } from './events.ts';
import { plainJournal, resolveJournal } from './journal.ts';
import { plainLogins, resolveLogins } from './logins.ts';
import { resolveProfiles } from './profiles.ts';
import { plainPublication, resolvePublication } from './publication.ts';
import type { ConfigurationFile } from './schema.ts';

export interface Context {
  /** The data folder, absolute. */
  readonly data: string;
  /** The folder that relative paths of a setting start from. */
  readonly folderOf: (path: SettingPath) => string;
  readonly isDefault: (path: SettingPath) => boolean;
  /** $CREDENTIALS_DIRECTORY */
  readonly credentials: string | undefined;
}

export interface Resolved {
  readonly values: Omit<Configuration, 'file' | 'data' | 'settings'>;
  readonly faults: readonly Fault[];
}

/** The file has passed the schema. Values are sound where there are no faults. */
export function resolve(file: ConfigurationFile, context: Context): Resolved {
  const trustDomain = file.trustDomain as TrustDomain;
  const { all: profiles, faults: profileFaults } = resolveProfiles(file.profiles);
  const { grants, faults: grantFaults } = resolveGrants(file, trustDomain, profiles);
  const { logins, faults: loginFaults } = resolveLogins(file.logins, context.folderOf);
  const issuers = Object.entries(file.issuers).map(
    ([name, { maxPathLength, nameConstraints, ...policy }]): IssuerConfiguration => ({
      name,
      ...policy,
      bounds: { pathLength: maxPathLength, nameConstraints: constraints(nameConstraints) },
    }),
  );
  const listen = listeners(file, context);
  const externalUrl = externalUrls(file, listen);
  const { paths, faults: commandFaults } = delivery(file, context);
  const { journal, faults: journalFaults } = resolveJournal(file.journal, context);
  const { webhooks, faults: eventFaults } = resolveEvents(file.events, context);
  const { publication, faults: publicationFaults } = resolvePublication(file.publication, context);
  const issuerFaults = checkIssuers(file, profiles);
  const sinks = file.audit.sinks.map(({ file: path, required }, i) => ({
    file: resolvePath(context.folderOf(['audit', 'sinks', i, 'file']), path),
    required,
  }));
  const values = {
    trustDomain,
    listen,
    externalUrl,
    database: { sqlite: join(context.data, 'db', file.database.sqlite) },
    issuers,
    profiles,
    grants,
    logins,
    acme: acmeServer(file, listen.https.loopback),
    delivery: paths,
    agent: file.agent,
    keys: { passphrase: secret(file.keys.passphrase, ['keys', 'passphrase'], context) },
    audit: { headInterval: parseDuration(file.audit.headInterval) ?? 0, sinks },
    journal,
    publication,
    events: { webhooks },
    revocation: { crlLife: parseDuration(file.revocation.crlLife) ?? 0 },
    retention: {
      certificates: parseDuration(file.retention.certificates) ?? 0,
      idempotency: parseDuration(file.retention.idempotency) ?? 0,
      tokens: parseDuration(file.retention.tokens) ?? 0,
    },
    log: file.log,
  };
  const faults = [
    ...profileFaults,
    ...issuerFaults,
    // which profiles are missing was told already
    ...(issuerFaults.length === 0 ? checkOwnNeeds(values) : []),
    ...grantFaults,
    ...loginFaults,
    ...commandFaults,
    ...journalFaults,
    ...publicationFaults,
    ...eventFaults,
    ...checkExternalUrls(values),
  ];
  return { values: { ...values, plain: toPlain(file, values) }, faults };
}

const LISTENERS: readonly ListenerName[] = ['https', 'status', 'metrics'];

function listeners(
  file: ConfigurationFile,
  { isDefault }: Context,
): Readonly<Record<ListenerName, ListenAddress>> {
  const addresses = LISTENERS.map((name) => {
    const address = parseHostPort(file.listen[name]) ?? { host: '', port: 0 };
    return [
      name,
      { ...address, loopback: isLoopback(address.host), isDefault: isDefault(['listen', name]) },
    ] as const;
  });
  return Object.fromEntries(addresses) as Record<ListenerName, ListenAddress>;
}

function externalUrls(
  file: ConfigurationFile,
  listen: Readonly<Record<ListenerName, ListenAddress>>,
): Configuration['externalUrl'] {
  const one = (name: 'https' | 'status'): ExternalUrl => {
    const said = file.externalUrl[name];
    if (said === undefined) return { url: defaultExternalUrl(name, listen[name]) ?? '', isDefault: true };
    const { origin, pathname } = new URL(said);
    return { url: origin + pathname.replace(/\/+$/, ''), isDefault: false };
  };
  return { https: one('https'), status: one('status') };
}

function constraints(
  said: ConfigurationFile['issuers'][string]['nameConstraints'],
): NameConstraints | undefined {
  const read = (names: Partial<Record<NameKind, readonly string[] | undefined>> = {}) =>
    NAME_KINDS.flatMap((kind) => (names[kind] ?? []).flatMap((text) => parseSubtree(kind, text) ?? []));
  const both = { permitted: read(said?.permitted), excluded: read(said?.excluded) };
  return both.permitted.length + both.excluded.length === 0 ? undefined : both;
}

function acmeServer(file: ConfigurationFile, loopback: boolean): Configuration['acme'] {
  const { terms, termsSince, website, limits, caaIdentities } = file.acme;
  return {
    terms,
    termsSince: termsSince === undefined ? undefined : parseInstant(termsSince),
    website,
    limits: resolveLimits(limits, loopback),
    caaIdentities,
    validation: validation(file),
  };
}

function validation({ acme }: ConfigurationFile): Configuration['acme']['validation'] {
  const { httpPort, tlsPort, resolver, allow, deny } = acme.validation;
  const ranges = (texts: readonly string[]) => texts.flatMap((text) => parseIpRange(text) ?? []);
  return {
    httpPort,
    tlsPort,
    resolver: resolver === undefined ? undefined : parseHostPort(resolver, 53),
    allow: ranges(allow),
    deny: ranges(deny),
  };
}

function delivery(
  file: ConfigurationFile,
  { folderOf }: Context,
): { paths: Configuration['delivery']; faults: Fault[] } {
  const faults: Fault[] = [];
  const paths = file.delivery.paths.map((path, i) => resolvePath(folderOf(['delivery', 'paths', i]), path));
  const commands = new Map<string, readonly string[]>();
  for (const [name, [program = '', ...rest]] of Object.entries(file.delivery.commands)) {
    const path = ['delivery', 'commands', name];
    if (!program.includes('/'))
      faults.push({
        path: [...path, 0],
        message: `${formatPath(path)} runs ${formatValue(program)}`,
        rule: 'a program is named with its path: what $PATH finds can be put there by others',
        fix: 'Write e.g. /usr/sbin/nginx.',
      });
    if ([program, ...rest].some((argument) => argument.includes('\0')))
      faults.push({
        path,
        message: `${formatPath(path)} has a NUL character`,
        rule: 'execve(2)',
        fix: 'Remove it.',
      });
    commands.set(
      name,
      Object.freeze([isAbsolute(program) ? program : resolvePath(folderOf([...path, 0]), program), ...rest]),
    );
  }
  return { paths: { paths, commands }, faults };
}

function secret(
  said: ConfigurationFile['keys']['passphrase'],
  path: SettingPath,
  { credentials, folderOf }: Context,
): SecretReference | undefined {
  if (said === undefined) return undefined;
  return secretFile(said, folderOf([...path, 'file']), credentials);
}

/** The words of the file with everything filled in; as a file of its own it would mean the same. */
function toPlain(file: ConfigurationFile, values: Omit<Resolved['values'], 'plain'>): Configuration['plain'] {
  const { passphrase } = values.keys;
  return {
    ...file,
    externalUrl: { https: values.externalUrl.https.url, status: values.externalUrl.status.url },
    profiles: Object.fromEntries(
      Object.keys(file.profiles).map((name) => [name, plainProfile(file, name, values)]),
    ),
    acme: { ...file.acme, limits: plainLimits(file.acme.limits, values.listen.https.loopback) },
    logins: plainLogins(file.logins, values.logins),
    delivery: { paths: values.delivery.paths, commands: Object.fromEntries(values.delivery.commands) },
    keys:
      passphrase === undefined
        ? {}
        : {
            passphrase:
              passphrase.kind === 'file' ? { file: passphrase.file } : { credential: passphrase.name },
          },
    audit: { ...file.audit, sinks: values.audit.sinks },
    publication: values.publication.map(plainPublication),
    events: { webhooks: values.events.webhooks.map(plainWebhook) },
    ...(values.journal !== undefined && { journal: plainJournal(values.journal) }),
  };
}

function plainProfile(
  file: ConfigurationFile,
  name: string,
  { profiles }: Omit<Resolved['values'], 'plain'>,
): unknown {
  const profile = profiles.get(name);
  if (profile === undefined) return undefined;
  const { keyTypes, names, extendedKeyUsage, defaultTtl, maxTtl, backdate, noRevAvail } = profile;
  return {
    extends: file.profiles[name]?.extends,
    keyTypes,
    names: Object.fromEntries(NAME_KINDS.map((kind) => [kind, names[kind]])),
    extendedKeyUsage,
    defaultTtl: formatDuration(defaultTtl),
    maxTtl: formatDuration(maxTtl),
    backdate: formatDuration(backdate),
    noRevAvail,
  };
}
