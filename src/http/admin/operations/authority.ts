/** Operations that show roots, issuers and profiles: public knowledge for everybody who may log in. */
import type {
  GenerationResource,
  IssuerResource,
  ProfileResource,
  RootResource,
} from '../../../api/authority.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatDuration, formatInstant } from '../../../base/clock.ts';
import {
  type Generation,
  generationState,
  type IssuerPolicy,
  type Root,
} from '../../../domain/issuance/issuer.ts';
import type { Profile } from '../../../domain/issuance/profile.ts';
import { toHex } from '../../../x509/bytes.ts';
import { certificateFingerprint, formatSerial } from '../../../x509/certificate.ts';
import { formatName } from '../../../x509/name.ts';
import type { PublicKey } from '../../../x509/public-key.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { certificatePem } from './render.ts';

type ByName = Exchange<unknown, unknown, { name: string }>;

export const authorityOperations = ({ authority, issuance, clock }: AdminPorts) => {
  const renderIssuer = (policy: IssuerPolicy): IssuerResource => ({
    ...policy,
    profiles: [...policy.profiles],
    generations: authority
      .generations(policy.name)
      .map((generation) => renderGeneration(generation, clock.now())),
  });

  const renderProfile = (profile: Profile): ProfileResource => ({
    ...profile,
    keyTypes: [...profile.keyTypes],
    names: {
      uri: { ...profile.names.uri },
      dns: { ...profile.names.dns },
      ip: { ...profile.names.ip },
      email: { ...profile.names.email },
    },
    extendedKeyUsage: [...profile.extendedKeyUsage],
    defaultTtl: formatDuration(profile.defaultTtl),
    maxTtl: formatDuration(profile.maxTtl),
    backdate: formatDuration(profile.backdate),
    issuers: [...issuance.issuers.withProfile(profile.name)],
  });

  return {
    listIssuers: (): Reply => ({ body: { issuers: authority.policies().map(renderIssuer) } }),
    showIssuer: ({ params }: ByName): Reply => ({
      body: renderIssuer(
        found(
          authority.policies().find(({ name }) => name === params.name),
          'issuer',
          params.name,
        ),
      ),
    }),
    listRoots: (): Reply => ({ body: { roots: authority.roots().map(renderRoot) } }),
    showRoot: ({ params }: ByName): Reply => ({
      body: renderRoot(found(authority.root(params.name), 'root', params.name)),
    }),
    listProfiles: (): Reply => ({ body: { profiles: [...issuance.profiles.values()].map(renderProfile) } }),
    showProfile: ({ params }: ByName): Reply => ({
      body: renderProfile(found(issuance.profiles.get(params.name), 'profile', params.name)),
    }),
  };
};

function found<T>(value: T | undefined, kind: string, name: string): T {
  if (value !== undefined) return value;
  throw new ChanceryError('not_found', {
    message: `there is no ${kind} ${JSON.stringify(name)}`,
    rule: `${kind}s are those of the configuration`,
    fix: `See \`chancery ${kind === 'root' ? 'ca' : kind} list\`.`,
  });
}

const keyTypeOf = ({ type, bits }: PublicKey): string => (type === 'rsa' ? `rsa-${bits}` : type);

const renderRoot = ({ name, certificate, publicKey }: Root): RootResource => ({
  name,
  subject: formatName(certificate.subject),
  fingerprint: certificateFingerprint(certificate.raw),
  notBefore: formatInstant(certificate.notBefore),
  notAfter: formatInstant(certificate.notAfter),
  keyType: keyTypeOf(publicKey),
  certificate: certificatePem(certificate.raw),
});

const renderGeneration = (generation: Generation, now: number): GenerationResource => ({
  id: generation.id,
  state: generationState(generation, now),
  ...(generation.stopped === null ? {} : { stopped: generation.stopped }),
  subject: formatName(generation.certificate.subject),
  serial: formatSerial(generation.certificate.serial),
  fingerprint: certificateFingerprint(generation.certificate.raw),
  subjectKeyIdentifier: toHex(generation.subjectKeyIdentifier),
  keyType: keyTypeOf(generation.publicKey),
  notBefore: formatInstant(generation.certificate.notBefore),
  notAfter: formatInstant(generation.certificate.notAfter),
  shards: generation.shards,
  certificate: certificatePem(generation.certificate.raw),
});
