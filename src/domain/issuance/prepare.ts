/** Step 4: from what was authorized to octets that passed every lint. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, floorToSecond, formatInstant, type Instant, SECOND } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { encodeTbsCertificate } from '../../x509/certificate.ts';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extKeyUsage,
  keyUsage,
  NO_REV_AVAIL,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../x509/extensions.ts';
import { commonName, EMPTY_NAME, encodeName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { keyIdentifier, type PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { Name } from '../identity/names.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import type { Generation, StatusUrls } from './issuer.ts';
import type { LintIssuer } from './lint/index.ts';
import { PreparedCertificate } from './prepared.ts';
import type { Profile } from './profile.ts';

export interface LeafPlan {
  readonly serial: Bytes;
  readonly profile: Profile;
  readonly generation: Generation;
  readonly names: readonly Name[];
  readonly publicKey: PublicKey;
  readonly ttl: Duration;
  readonly trustDomain: TrustDomain;
  readonly urls: StatusUrls;
  readonly now: Instant;
}

export interface PreparedLeaf {
  readonly prepared: PreparedCertificate;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly shard: number;
}

/** Throws `lint_failed`, or `issuer_expires_too_soon` where the issuer cannot serve the lifetime in full. */
export function prepareLeaf(plan: LeafPlan): PreparedLeaf {
  const { generation, profile } = plan;
  const { notBefore, notAfter } = validity(plan);
  const shard = (plan.serial[plan.serial.length - 1] ?? 0) % generation.shards;
  const subject = leafSubject(profile, plan.names);
  const tbs = encodeTbsCertificate({
    serial: plan.serial,
    signatureAlgorithm: signatureAlgorithmFor(generation.publicKey.type).identifier,
    issuer: generation.certificate.subject,
    notBefore,
    notAfter,
    subject,
    spki: plan.publicKey.spki,
    extensions: [
      ...fixedExtensions(profile, plan.publicKey),
      subjectKeyIdentifier(keyIdentifier(plan.publicKey.keyBits)),
      subjectAltName(plan.names, subject === EMPTY_NAME),
      ...generationExtensions(generation, plan.urls, profile.noRevAvail ? 'none' : shard),
    ],
  });
  const prepared = PreparedCertificate.of(tbs, generation, {
    publicKey: plan.publicKey,
    issuer: lintIssuer(generation),
    profile,
    trustDomain: plan.trustDomain,
    now: plan.now,
  });
  return { prepared, notBefore, notAfter, shard };
}

/**
 * notAfter counts from now, so that nobody loses the backdate; only at the profile's limit the whole life, backdate
 * included, stays within it.
 */
function validity({ generation, profile, ttl, now }: LeafPlan): { notBefore: Instant; notAfter: Instant } {
  const start = floorToSecond(now);
  const issuer = generation.certificate;
  const notBefore = Math.max(start - profile.backdate, issuer.notBefore);
  const notAfter = Math.min(start + ttl, notBefore + profile.maxTtl) - SECOND;
  if (notAfter > issuer.notAfter)
    throw new ChanceryError('issuer_expires_too_soon', {
      message: `the certificate would live until ${formatInstant(notAfter)}, ${generation.id} only until ${formatInstant(issuer.notAfter)}`,
      rule: 'a certificate does not outlive its issuer, and is not silently shortened',
      fix: 'Activate the next generation of the issuer, or ask for a shorter life.',
    });
  return { notBefore, notAfter };
}

/**
 * The first host name or e-mail address that fits commonName (RFC 5280 A.1: ub-common-name 64). Never an address: programs
 * that still read commonName take it for a host name, and some stop at that.
 */
function leafSubject(profile: Profile, names: readonly Name[]): Bytes {
  const first = profile.commonName
    ? names.find(({ kind, value }) => (kind === 'dns' || kind === 'email') && value.length <= 64)
    : undefined;
  return first === undefined ? EMPTY_NAME : encodeName([commonName(first.value)]);
}

interface GenerationExtensions {
  readonly urls: StatusUrls;
  readonly authority: readonly Extension[];
  /** Where nothing is published about revocation (RFC 9608): only where the issuer is found. */
  readonly unpublished: readonly Extension[];
  readonly shards: Map<number, Extension>;
}

const extensionsOf = new WeakMap<Generation, GenerationExtensions>();

/** The extensions that the generation decides: its key, where it is found, and where its CRL shard is. */
function generationExtensions(
  generation: Generation,
  urls: StatusUrls,
  shard: number | 'none',
): readonly Extension[] {
  let known = extensionsOf.get(generation);
  if (known?.urls !== urls) {
    const caIssuers = [urls.certificate(generation.id)];
    const identifier = authorityKeyIdentifier(generation.subjectKeyIdentifier);
    known = {
      urls,
      authority: [identifier, authorityInfoAccess({ ocsp: [urls.ocsp], caIssuers })],
      unpublished: [identifier, authorityInfoAccess({ ocsp: [], caIssuers }), NO_REV_AVAIL],
      shards: new Map(),
    };
    extensionsOf.set(generation, known);
  }
  if (shard === 'none') return known.unpublished;
  let point = known.shards.get(shard);
  if (point === undefined) {
    point = crlDistributionPoints([urls.crlShard(generation.id, shard)]);
    known.shards.set(shard, point);
  }
  return [...known.authority, point];
}

const purposesOf = new WeakMap<Profile, Extension>();

/** The extensions that key and profile decide alone. */
function fixedExtensions(profile: Profile, key: PublicKey): Extension[] {
  let purposes = purposesOf.get(profile);
  if (purposes === undefined) {
    purposes = extKeyUsage(profile.extendedKeyUsage.map((purpose) => OID[purpose]));
    purposesOf.set(profile, purposes);
  }
  return [key.type === 'rsa' ? RSA_KEY_USAGE : KEY_USAGE, purposes, END_ENTITY];
}

const KEY_USAGE = keyUsage(['digitalSignature']);
/** Some validators want keyEncipherment of every RSA key in a TLS server (RFC 5246 7.4.2), whatever suites it offers. */
const RSA_KEY_USAGE = keyUsage(['digitalSignature', 'keyEncipherment']);
const END_ENTITY = basicConstraints({ ca: false });

export const lintIssuer = (
  generation: Pick<Generation, 'certificate' | 'publicKey' | 'subjectKeyIdentifier' | 'nameConstraints'>,
): LintIssuer => ({
  subject: generation.certificate.subject,
  subjectKeyIdentifier: generation.subjectKeyIdentifier,
  notBefore: generation.certificate.notBefore,
  notAfter: generation.certificate.notAfter,
  spki: generation.certificate.spki,
  signatureAlgorithm: signatureAlgorithmFor(generation.publicKey.type).identifier,
  nameConstraints: generation.nameConstraints,
});
