/** From what people write to what the loop works with. */
import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ManagedSpec } from '../../api/managed.ts';
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, parseDuration } from '../../base/clock.ts';
import type { Configuration } from '../../config/index.ts';
import { type Name, parseName } from '../../domain/identity/names.ts';
import type { ProbeWish, Source, TargetWish, Wish } from '../../domain/renewal/managed.ts';
import {
  parseTimeOfDay,
  type QuietWindow,
  requireTimeZone,
  WEEKDAYS,
} from '../../domain/renewal/quiet-windows.ts';
import { parsePlace } from '../../probe/address.ts';
import { parseIp } from '../../x509/ip.ts';

/** A name is of the kind that it looks like. */
export function readWishName(text: string): Name {
  if (text.startsWith('spiffe://')) return parseName('uri', text);
  if (parseIp(text) !== undefined) return parseName('ip', text);
  return parseName(text.includes('@') ? 'email' : 'dns', text);
}

const wrong = (field: string, message: string, rule: string): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: `${field}: ${message}`,
    rule,
    fix: 'Correct the field.',
    errors: [{ field, message }],
  });

function duration(field: string, text: string): Duration {
  const read = parseDuration(text);
  if (read === undefined)
    throw wrong(field, `${JSON.stringify(text)} is no duration`, '90d, 12h, 1h30m, 45s');
  return read;
}

/** Throws `invalid_request`, `invalid_name`, or `not_found` for an issuer that there is not. */
export function readWish(spec: ManagedSpec, config: Pick<Configuration, 'issuers' | 'profiles'>): Wish {
  return {
    names: spec.names.map(readWishName),
    source: readSource(spec, config),
    ttl: spec.ttl === undefined ? undefined : duration('ttl', spec.ttl),
    key: { algorithm: spec.key.type, reuse: spec.key.reuse },
    targets: unique('targets', spec.targets.map(readTarget)),
    probes: unique('probes', spec.probes.map(readProbe)),
    grace: duration('grace', spec.grace),
    renewal: { fraction: spec.renewal.fraction, quiet: spec.renewal.quiet.map(readQuiet) },
    owner: spec.owner ?? null,
    labels: spec.labels,
  };
}

function readSource(
  { issuer, profile, ttl }: ManagedSpec,
  { issuers }: Pick<Configuration, 'issuers'>,
): Source {
  if (typeof issuer !== 'string') {
    if (profile !== undefined || ttl !== undefined)
      throw wrong(
        'issuer',
        'profile and ttl are of our own issuers',
        'a public CA decides the life itself; its profiles stand under issuer.profile',
      );
    return {
      kind: 'public',
      authorities: typeof issuer.public === 'string' ? [issuer.public] : issuer.public,
      profile: issuer.profile,
      preferredChain: issuer.preferredChain,
    };
  }
  const known = issuers.find(({ name }) => name === issuer);
  if (known === undefined)
    throw new ChanceryError('not_found', {
      message: `there is no issuer ${issuer}`,
      rule: `issuers here are ${issuers.map(({ name }) => name).join(', ')}`,
      fix: 'Name one of them, or a public CA: issuer: { public: NAME }.',
    });
  const chosen = profile ?? known.profiles[0] ?? '';
  if (!known.profiles.includes(chosen))
    throw wrong(
      'profile',
      `${issuer} has no profile ${chosen}`,
      `its profiles are ${known.profiles.join(', ')}`,
    );
  return { kind: 'own', issuer, profile: chosen };
}

export function readTarget(spec: ManagedSpec['targets'][number]): TargetWish {
  const place = `files:${posix.normalize(spec.files.directory).replace(/(.)\/$/, '$1')}`;
  return { id: spec.name ?? `files:${spec.files.directory}`, kind: 'files', spec: spec.files, place };
}

function readProbe(spec: ManagedSpec['probes'][number]): ProbeWish {
  const [kind, fields] =
    'tls' in spec
      ? (['tls', spec.tls] as const)
      : 'mtls' in spec
        ? (['mtls', spec.mtls] as const)
        : (['postgresql', spec.postgresql] as const);
  if (parsePlace(fields.address) === undefined)
    throw wrong('probes', `${JSON.stringify(fields.address)} is no address`, 'host:port, [IPv6]:port');
  return {
    id:
      spec.name ??
      `${kind}:${fields.address}${fields.serverName === undefined ? '' : `:${fields.serverName}`}`,
    kind,
    spec: fields,
    ...(fields.expect !== undefined && { expect: fields.expect }),
  };
}

function readQuiet(spec: ManagedSpec['renewal']['quiet'][number]): QuietWindow {
  const from = parseTimeOfDay(spec.from);
  const to = parseTimeOfDay(spec.to);
  if (from === undefined || to === undefined)
    throw wrong('renewal.quiet', `${spec.from} to ${spec.to} is no time of day`, 'HH:MM');
  requireTimeZone(spec.timeZone);
  return { days: spec.days ?? WEEKDAYS, from, to, timeZone: spec.timeZone };
}

function unique<T extends { readonly id: string }>(field: string, all: readonly T[]): readonly T[] {
  const twice = all.find(({ id }, index) => all.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw wrong(field, `${twice.id} stands there twice`, 'each once; give them names');
  return all;
}

/** Whether a certificate for one wish fits the other: then only delivery and proof change. */
export const sameCertificate = (a: Wish, b: Wish): boolean =>
  isDeepStrictEqual(
    [[...a.names].sort(byValue), a.source, a.ttl, a.key],
    [[...b.names].sort(byValue), b.source, b.ttl, b.key],
  );

const byValue = (a: Name, b: Name): number => (`${a.kind}${a.value}` < `${b.kind}${b.value}` ? -1 : 1);
