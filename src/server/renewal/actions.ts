/** What people ask of managed certificates, wired: the operations of the API on the store and this host. */
import { setImmediate } from 'node:timers/promises';
import type { ManagedSpec } from '../../api/managed.ts';
import type { AuthoritySpec } from '../../api/public-authorities.ts';
import type { TargetReport, TargetSpec } from '../../api/targets.ts';
import { DAY, floorToSecond, HOUR, MINUTE, parseDuration } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Configuration } from '../../config/index.ts';
import { checkNames, resolveTtl } from '../../domain/issuance/profile.ts';
import type { Wish } from '../../domain/renewal/managed.ts';
import type { Pair } from '../../domain/renewal/ports.ts';
import type { ManagedPorts } from '../../http/admin/managed-ports.ts';
import { parsePlace } from '../../probe/address.ts';
import { assembleCertificate, certificateFingerprint, encodeTbsCertificate } from '../../x509/certificate.ts';
import { subjectAltName } from '../../x509/extensions.ts';
import { exportPkcs8, generateKeyPair, signWith } from '../../x509/key-pair.ts';
import { commonName, encodeName } from '../../x509/name.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { OpenedData } from '../open.ts';
import { refuseBeyondHost } from './host-limits.ts';
import { refuseOwnFiles } from './own-files.ts';
import { targetOf } from './places.ts';
import type { RenewalService } from './service.ts';
import { viewManaged, viewVersion } from './view.ts';
import { readTarget, readWish, sameCertificate } from './wish.ts';

/** What public CAs give at most, as far as grants are concerned. */
const PUBLIC_LIFE = 90 * DAY;
/** Of how many versions, over or not, one is shown with. */
const SHOWN = 10;

export function managedActions(
  { store, clock, random, paths }: OpenedData,
  config: Configuration,
  { progress, publicSource }: Pick<RenewalService, 'progress' | 'publicSource'>,
): ManagedPorts {
  const versions: ManagedPorts['versions'] = (managed, limit) =>
    store.managed.history(managed.name, limit).map((version) => viewVersion(version, managed));
  const profileOf = (wish: Wish) =>
    wish.source.kind === 'own' ? config.profiles.get(wish.source.profile) : undefined;

  return {
    store: store.managed,
    authorities: store.publicAuthorities,
    sameCertificate,
    versions,

    readWish(spec: ManagedSpec, coming: readonly string[] = []) {
      const wish = readWish(spec, config);
      refuseOwnFiles(wish, config.data);
      refuseBeyondHost(wish, config.delivery);
      const profile = profileOf(wish);
      if (profile !== undefined) {
        checkNames(profile, wish.names, config.trustDomain);
        requireKeyType(profile, wish.key.algorithm);
        resolveTtl(profile, wish.ttl);
      }
      if (wish.source.kind === 'public') {
        const known = new Set([...store.publicAuthorities.authorities().map(({ name }) => name), ...coming]);
        const missing = wish.source.authorities.find((name) => !known.has(name));
        if (missing !== undefined)
          throw new ChanceryError('not_found', {
            message: `there is no public CA ${missing}`,
            rule: 'a managed certificate names public CAs that are declared',
            fix: 'Apply a PublicAuthority of that name, before or together with it.',
          });
      }
      return wish;
    },

    checkAuthority(name: string, spec: AuthoritySpec) {
      if (config.issuers.some((issuer) => issuer.name === name))
        throw wrong(
          'name',
          `${name} is an issuer of ours`,
          'grants tell issuers and public CAs apart by their names',
        );
      for (const solver of spec.solvers) {
        if ('dns01' in solver && parseDuration(solver.dns01.rfc2136.propagation) === undefined)
          throw wrong('solvers', `${solver.dns01.rfc2136.propagation} is no duration`, '2m, 30s');
        for (const place of placesOf(solver))
          if (parsePlace(place) === undefined)
            throw wrong('solvers', `${JSON.stringify(place)} is no address`, 'host:port, [IPv6]:port');
      }
    },

    lifetimeOf: (wish) => wish.ttl ?? profileOf(wish)?.defaultTtl ?? PUBLIC_LIFE,

    view(managed) {
      const living = store.managed.living(managed.name);
      const latest = store.managed.history(managed.name, SHOWN);
      const older = living.filter(({ number }) => latest.every((other) => other.number !== number));
      return viewManaged(managed, [...latest, ...older.toReversed()]);
    },

    progress: (name, after, patience) => progress.watch(name, after, patience),

    async testAuthority(name, spec) {
      const { terms, ...found } = await publicSource.test(name);
      return {
        name,
        directory: spec.useStaging ? (spec.staging ?? spec.directory) : spec.directory,
        ...found,
        profiles: [...found.profiles],
        ...(terms !== undefined && { termsOfService: terms }),
      };
    },

    async rehearse(spec: TargetSpec): Promise<TargetReport> {
      const target = readTarget(spec);
      refuseOwnFiles({ targets: [target], probes: [] }, paths.data);
      const pair = await throwAwayPair(clock.now(), random.bytes(15));
      return { target: target.id, location: await targetOf(target, config).rehearse(pair) };
    },

    pause: () => setImmediate(),
  };
}

const wrong = (field: string, message: string, rule: string): ChanceryError =>
  new ChanceryError('invalid_request', {
    message: `${field}: ${message}`,
    rule,
    fix: 'Correct the field.',
    errors: [{ field, message }],
  });

function requireKeyType(
  { name, keyTypes }: { readonly name: string; readonly keyTypes: readonly string[] },
  algorithm: string,
): void {
  if (keyTypes.includes(algorithm)) return;
  throw new ChanceryError('profile_violation', {
    message: `keys of the type ${algorithm} are not for the profile ${name}`,
    rule: `its key types are ${keyTypes.join(', ')}`,
    fix: 'Change key.type.',
  });
}

function placesOf(solver: AuthoritySpec['solvers'][number]): readonly string[] {
  if ('http01' in solver) return 'listen' in solver.http01 ? [solver.http01.listen] : [];
  if ('tlsAlpn01' in solver) return [solver.tlsAlpn01.listen];
  const { server, nameservers = [] } = solver.dns01.rfc2136;
  return [server, ...nameservers];
}

/** Signed by itself, for a name that nobody has (RFC 6761). */
async function throwAwayPair(now: number, serial: Uint8Array): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair('ecdsa-p256');
  const algorithm = signatureAlgorithmFor(publicKey.type).identifier;
  const subject = encodeName([commonName('Chancery rehearsal')]);
  const tbs = encodeTbsCertificate({
    serial: Buffer.concat([Buffer.from([0x40]), serial]),
    signatureAlgorithm: algorithm,
    issuer: subject,
    notBefore: floorToSecond(now) - 5 * MINUTE,
    notAfter: floorToSecond(now) + HOUR,
    subject,
    spki: publicKey.spki,
    extensions: [subjectAltName([{ kind: 'dns', value: 'rehearsal.invalid' }], false)],
  });
  const certificate = assembleCertificate(tbs, algorithm, signWith({ privateKey, publicKey }, tbs));
  return {
    managed: 'rehearsal',
    version: 0,
    certificate,
    fingerprint: certificateFingerprint(certificate),
    chain: [],
    roots: [],
    privateKey: exportPkcs8(privateKey),
  };
}
