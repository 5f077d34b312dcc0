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
import { encodeNameConstraints } from '../../x509/name-constraints.ts';
import type { IssuerBounds, Root, StatusUrls } from './issuer.ts';
import { lintCaCertificate, type LintIssuer } from './lint/index.ts';
import { selfCheckFault } from './self-check.ts';

export const ROOT_LIFE: Duration = 3650 * DAY;
export const GENERATION_LIFE: Duration = 365 * DAY;
export const SHARDS = 4;
/** CA certificates start a little in the past, so that leaves can be backdated from the first minute. */
const CA_BACKDATE: Duration = HOUR;
/** The line of roots whose anchor is the SPIFFE trust domain. */
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
const trustDomainName = (line: string, trustDomain: TrustDomain): Extension[] =>
  line === WORKLOAD_ROOT ? [subjectAltName([{ kind: 'uri', value: `spiffe://${trustDomain}` }], false)] : [];

/** A self-signed root of the line `workload`, `internal`, … */
export function prepareRoot(
  plan: CaPlan & { readonly root: string; readonly number?: number },
): PreparedCaCertificate {
  const { publicKey, trustDomain, root: line, number = 1 } = plan;
  const notBefore = floorToSecond(plan.now) - CA_BACKDATE;
  const name = caName(trustDomain, number === 1 ? `${line} root` : `${line} root ${number}`);
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
      ...trustDomainName(line, trustDomain),
    ],
  });
  const itself: LintIssuer = {
    subject: name,
    subjectKeyIdentifier: id,
    notBefore,
    notAfter: notBefore + ROOT_LIFE - SECOND,
    spki: publicKey.spki,
    signatureAlgorithm: signatureAlgorithmFor(publicKey.type).identifier,
  };
  return PreparedCaCertificate.of(tbs, publicKey, publicKey, itself, trustDomain);
}

/** Roots are told apart from generations, whose names end with a dash and a number, in every URL. */
export const rootName = (line: string, number: number): string =>
  number === 1 ? line : `${line}-r${number}`;

export const generationId = (issuer: string, number: number): string => `${issuer}-${number}`;

/** What a root's certificate says, wherever its key is. */
export type SigningRoot = Pick<Root, 'name' | 'line' | 'certificate' | 'publicKey'>;

export interface GenerationPlan extends CaPlan {
  /** `servers-1` */
  readonly id: string;
  /** Left out: the name that the id stands for. */
  readonly subject?: Bytes | undefined;
  readonly root: SigningRoot;
  readonly urls: StatusUrls;
  readonly bounds?: IssuerBounds | undefined;
  readonly life?: Duration | undefined;
}

/** The subject of a generation: its own, so that the chain of a leaf names one key. */
export const generationSubject = (trustDomain: TrustDomain, id: string): Bytes => caName(trustDomain, id);

/** A generation of an issuer. It certifies leaves only (pathLen 0) unless bounds say otherwise, for TLS in both directions. */
export function prepareGeneration(plan: GenerationPlan): PreparedCaCertificate {
  const { publicKey, trustDomain, root, bounds = {} } = plan;
  const { notBefore, notAfter } = generationValidity(plan);
  const tbs = encodeTbsCertificate({
    serial: plan.serial,
    signatureAlgorithm: signatureAlgorithmFor(root.publicKey.type).identifier,
    issuer: root.certificate.subject,
    notBefore,
    notAfter,
    subject: plan.subject ?? generationSubject(trustDomain, plan.id),
    spki: publicKey.spki,
    extensions: [
      basicConstraints({ ca: true, pathLength: bounds.pathLength ?? 0 }),
      keyUsage(['keyCertSign', 'cRLSign']),
      extKeyUsage([OID.serverAuth, OID.clientAuth]),
      ...(bounds.nameConstraints === undefined ? [] : [encodeNameConstraints(bounds.nameConstraints)]),
      subjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
      authorityKeyIdentifier(keyIdentifier(root.publicKey.keyBits)),
      ...trustDomainName(root.line, trustDomain),
      crlDistributionPoints([plan.urls.crlRoot(root.name)]),
      authorityInfoAccess({ ocsp: [], caIssuers: [plan.urls.certificate(root.name)] }),
    ],
  });
  return PreparedCaCertificate.of(tbs, publicKey, root.publicKey, lintRoot(root), trustDomain);
}

function generationValidity({ id, root, now, life = GENERATION_LIFE }: GenerationPlan): {
  notBefore: Instant;
  notAfter: Instant;
} {
  const notBefore = Math.max(floorToSecond(now) - CA_BACKDATE, root.certificate.notBefore);
  const notAfter = notBefore + life - SECOND;
  if (notAfter <= root.certificate.notAfter) return { notBefore, notAfter };
  throw new ChanceryError('issuer_expires_too_soon', {
    message: `${id} would live until ${formatInstant(notAfter)}, the root ${root.name} only until ${formatInstant(root.certificate.notAfter)}`,
    rule: 'a certificate does not outlive its issuer',
    fix: 'Rotate the root first.',
  });
}

/** A root as lints compare with it. */
export const lintRoot = ({ certificate, publicKey }: SigningRoot): LintIssuer => ({
  subject: certificate.subject,
  subjectKeyIdentifier: keyIdentifier(publicKey.keyBits),
  notBefore: certificate.notBefore,
  notAfter: certificate.notAfter,
  spki: certificate.spki,
  signatureAlgorithm: signatureAlgorithmFor(publicKey.type).identifier,
});

export const sameKey = (a: PublicKey, b: PublicKey): boolean => equal(a.spki, b.spki);
