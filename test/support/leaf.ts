/** A leaf as the pipeline would make it, taken apart so that a test can spoil any one part. */
import { HOUR, type Instant, MINUTE } from '../../src/base/clock.ts';
import type { Bytes } from '../../src/x509/bytes.ts';
import { encodeTbsCertificate } from '../../src/x509/certificate.ts';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import type { NameKind } from '../../src/x509/general-name.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier, type PublicKey } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { TRUST_DOMAIN, URLS } from './authority.ts';
import type { Generation } from '../../src/domain/issuance/issuer.ts';
import { lintIssuer } from '../../src/domain/issuance/prepare.ts';
import { PreparedCertificate } from '../../src/domain/issuance/prepared.ts';
import type { Profile } from '../../src/domain/issuance/profile.ts';

export interface LeafParts {
  readonly serial: Bytes;
  readonly issuer: Bytes;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly subject: Bytes;
  readonly spki: Bytes;
  readonly signatureAlgorithm: Bytes;
  /** By role, in the order in which they are written. `undefined` leaves one out. */
  readonly extensions: Readonly<Record<string, Extension | undefined>>;
}

export interface LeafFor {
  readonly generation: Generation;
  readonly profile: Profile;
  readonly publicKey: PublicKey;
  readonly now: Instant;
  readonly names: readonly { readonly kind: NameKind; readonly value: string }[];
}

/** Nothing is wrong with this one. */
export const goodParts = ({ generation, profile, publicKey, now, names }: LeafFor): LeafParts => ({
  serial: Buffer.from('5b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex'),
  issuer: generation.certificate.subject,
  notBefore: now - MINUTE,
  notAfter: now + HOUR,
  subject: EMPTY_NAME,
  spki: publicKey.spki,
  signatureAlgorithm: signatureAlgorithmFor(generation.publicKey.type).identifier,
  extensions: {
    keyUsage: keyUsage(['digitalSignature']),
    extKeyUsage: extKeyUsage(profile.extendedKeyUsage.map((purpose) => OID[purpose])),
    basicConstraints: basicConstraints({ ca: false }),
    subjectKeyIdentifier: subjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
    authorityKeyIdentifier: authorityKeyIdentifier(generation.subjectKeyIdentifier),
    subjectAltName: subjectAltName(names, true),
    cRLDistributionPoints: crlDistributionPoints([URLS.crlShard(generation.id, 0)]),
    authorityInfoAccess: authorityInfoAccess({
      ocsp: [URLS.ocsp],
      caIssuers: [URLS.certificate(generation.id)],
    }),
  },
});

export const encodeParts = ({ extensions, ...rest }: LeafParts): Bytes =>
  encodeTbsCertificate({
    ...rest,
    extensions: Object.values(extensions).filter((extension) => extension !== undefined),
  });

/** Lints the parts under the rules of the generation and profile; throws `lint_failed`. */
export const prepareParts = (
  parts: LeafParts,
  { generation, profile, publicKey, now }: LeafFor,
): PreparedCertificate =>
  PreparedCertificate.of(encodeParts(parts), generation, {
    publicKey,
    issuer: lintIssuer(generation),
    profile,
    trustDomain: TRUST_DOMAIN,
    now,
  });
