/** CA certificates: roots and the generations of issuers, prepared, linted, signed and checked as leaves are. */
import { ChanceryError } from '../../base/errors.ts';
import {
  DAY,
  type Duration,
  floorToSecond,
  formatInstant,
  HOUR,
  type Instant,
  SECOND,
} from '../../base/clock.ts';
import { type Bytes, concat, equal } from '../../x509/bytes.ts';
import { assembleCertificate, encodeTbsCertificate, readTbsCertificate } from '../../x509/certificate.ts';
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
} from '../../x509/extensions.ts';
import { commonName, encodeName, organizationName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { keyIdentifier, type PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import type { Root, StatusUrls } from './issuer.ts';
import { lintCaCertificate, type LintIssuer } from './lint/index.ts';
import { selfCheckFault } from './self-check.ts';

export const ROOT_LIFE: Duration = 3650 * DAY;
export const GENERATION_LIFE: Duration = 365 * DAY;
export const SHARDS = 4;
/** CA certificates start a little in the past, so that leaves can be backdated from the first minute. */
const CA_BACKDATE: Duration = HOUR;
/** The root whose anchor is the SPIFFE trust domain. */
export const WORKLOAD_ROOT = 'workload';

/** A linted CA certificate that may be signed once, by the key of the root that it names as its issuer. */
export class PreparedCaCertificate {
  /** Public key of the CA that has to sign. */
  readonly signerKey: PublicKey;
  readonly #tbs: Bytes;
  #redeemed = false;

  private constructor(tbs: Bytes, signerKey: PublicKey) {
    this.#tbs = tbs;
    this.signerKey = signerKey;
  }

  static of(
    tbs: Bytes,
    publicKey: PublicKey,
    signerKey: PublicKey,
    issuer: LintIssuer | undefined,
    trustDomain: TrustDomain,
  ): PreparedCaCertificate {
    const findings = lintCaCertificate({
      certificate: readTbsCertificate(tbs),
      publicKey,
      issuer,
      trustDomain,
    });
    const [first] = findings;
    if (first !== undefined)
      throw new ChanceryError('lint_failed', {
        message: findings.map(({ message }) => message).join('; '),
        rule: first.source,
      });
    return new PreparedCaCertificate(tbs, signerKey);
  }

  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared CA certificate was redeemed twice');
    this.#redeemed = true;
    return concat([this.#tbs]);
  }

  /** Whether these are the octets that passed the lints. */
  isLinted(tbs: Bytes): boolean {
    return equal(tbs, this.#tbs);
  }
}

/** Signs CA certificates and nothing else. */
export interface CaSigner {
  /** The signature of the key `keyId` over what was prepared. */
  sign(keyId: string, prepared: PreparedCaCertificate): { readonly tbs: Bytes; readonly signature: Bytes };
}

/** Signs with `keyId`, checks what was signed, and returns the certificate's DER. Throws `self_check_failed`. */
export function signCaCertificate(signer: CaSigner, keyId: string, prepared: PreparedCaCertificate): Bytes {
  const { tbs, signature } = signer.sign(keyId, prepared);
  const der = assembleCertificate(tbs, signatureAlgorithmFor(prepared.signerKey.type).identifier, signature);
  const fault = selfCheckFault(der, prepared, prepared.signerKey);
  if (fault === undefined) return der;
  throw new ChanceryError('self_check_failed', {
    message: `the CA certificate was signed and discarded: ${fault}`,
    rule: 'signed octets are the linted ones and verify',
  });
}

interface CaPlan {
  readonly serial: Bytes;
  readonly publicKey: PublicKey;
  readonly trustDomain: TrustDomain;
  readonly now: Instant;
}

/** At most 64 characters each (RFC 5280 A.1). Of a long label the end stays: the number tells generations apart. */
function caName(trustDomain: TrustDomain, label: string): Bytes {
  const full = `Chancery ${label}`;
  return encodeName([
    organizationName(trustDomain.slice(0, 64)),
    commonName(full.length <= 64 ? full : label.slice(-64)),
  ]);
}

/** SPIFFE: a signing certificate of the trust domain carries its ID without a path (X509-SVID 3.2). */
const trustDomainName = (root: string, trustDomain: TrustDomain): Extension[] =>
  root === WORKLOAD_ROOT ? [subjectAltName([{ kind: 'uri', value: `spiffe://${trustDomain}` }], false)] : [];

/** A self-signed root named `workload`, `internal`, … */
export function prepareRoot(plan: CaPlan & { readonly root: string }): PreparedCaCertificate {
  const { publicKey, trustDomain } = plan;
  const notBefore = floorToSecond(plan.now) - CA_BACKDATE;
  const name = caName(trustDomain, `${plan.root} root`);
  const id = keyIdentifier(publicKey.keyBits);
  const tbs = encodeTbsCertificate({
    serial: plan.serial,
    signatureAlgorithm: signatureAlgorithmFor(publicKey.type).identifier,
    issuer: name,
    notBefore,
    notAfter: notBefore + ROOT_LIFE - SECOND,
    subject: name,
    spki: publicKey.spki,
    extensions: [
      basicConstraints({ ca: true }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(id),
      authorityKeyIdentifier(id),
      ...trustDomainName(plan.root, trustDomain),
    ],
  });
  return PreparedCaCertificate.of(tbs, publicKey, publicKey, undefined, trustDomain);
}

export interface GenerationPlan extends CaPlan {
  /** `servers-1` */
  readonly id: string;
  readonly root: Root;
  readonly urls: StatusUrls;
}

/** A generation of an issuer. It certifies leaves only (pathLen 0), for TLS in both directions. */
export function prepareGeneration(plan: GenerationPlan): PreparedCaCertificate {
  const { publicKey, trustDomain, root } = plan;
  const notBefore = Math.max(floorToSecond(plan.now) - CA_BACKDATE, root.certificate.notBefore);
  const notAfter = notBefore + GENERATION_LIFE - SECOND;
  if (notAfter > root.certificate.notAfter)
    throw new ChanceryError('issuer_expires_too_soon', {
      message: `${plan.id} would live until ${formatInstant(notAfter)}, the root ${root.name} only until ${formatInstant(root.certificate.notAfter)}`,
      rule: 'a certificate does not outlive its issuer',
      fix: 'Rotate the root first.',
    });
  const rootKeyIdentifier = keyIdentifier(root.publicKey.keyBits);
  const signatureAlgorithm = signatureAlgorithmFor(root.publicKey.type).identifier;
  const tbs = encodeTbsCertificate({
    serial: plan.serial,
    signatureAlgorithm,
    issuer: root.certificate.subject,
    notBefore,
    notAfter,
    subject: caName(trustDomain, plan.id),
    spki: publicKey.spki,
    extensions: [
      basicConstraints({ ca: true, pathLength: 0 }),
      keyUsage(['keyCertSign', 'cRLSign']),
      extKeyUsage([OID.serverAuth, OID.clientAuth]),
      subjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
      authorityKeyIdentifier(rootKeyIdentifier),
      ...trustDomainName(root.name, trustDomain),
      crlDistributionPoints([plan.urls.crlRoot(root.name)]),
      authorityInfoAccess({ ocsp: [], caIssuers: [plan.urls.certificate(root.name)] }),
    ],
  });
  const issuer: LintIssuer = {
    subject: root.certificate.subject,
    subjectKeyIdentifier: rootKeyIdentifier,
    notBefore: root.certificate.notBefore,
    notAfter: root.certificate.notAfter,
    spki: root.certificate.spki,
    signatureAlgorithm,
  };
  return PreparedCaCertificate.of(tbs, publicKey, root.publicKey, issuer, trustDomain);
}

export const sameKey = (a: PublicKey, b: PublicKey): boolean => equal(a.spki, b.spki);
