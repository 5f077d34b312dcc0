/** Certificates of generations that were signed elsewhere: by an offline root, or by somebody else's. */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import { readSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import { formatName } from '../../x509/name.ts';
import { verifySignature } from '../../x509/signature.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import { validateCertificationPath } from '../path/search.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import { lintRoot, type SigningRoot } from './hierarchy.ts';
import { type Finding, lintCaCertificate, type LintIssuer } from './lint/index.ts';

const rejected = (message: string, rule: string, fix: string): ChanceryError =>
  new ChanceryError('chain_rejected', { message, rule, fix });

export interface ForeignCa {
  readonly certificate: Bytes;
  /** The key that it must be for. */
  readonly spki: Bytes;
  /** The subject that was asked for; left out: any. */
  readonly subject?: Bytes;
  readonly roots: readonly SigningRoot[];
  readonly trustDomain: TrustDomain;
  readonly now: Instant;
}

/**
 * The root that the certificate leads to. Throws `malformed_certificate`, `weak_key`, `lint_failed`, or `chain_rejected`
 * for another key or name, one that is not valid now, no CA, or one that no root of ours signed.
 */
export function judgeForeignCa<R extends SigningRoot>(ca: ForeignCa & { readonly roots: readonly R[] }): R {
  const certificate = readCertificate(ca.certificate);
  refuseOther(certificate, ca);
  const root = rootAbove(certificate, ca);
  refuseFaulty(certificate, lintRoot(root), ca.trustDomain);
  return root;
}

export interface ImportedIssuer {
  readonly certificate: Bytes;
  readonly spki: Bytes;
  /** DER of the root above it, where that is not one of ours. */
  readonly root: Bytes | undefined;
  readonly roots: readonly SigningRoot[];
  readonly trustDomain: TrustDomain;
  readonly now: Instant;
}

/** Rules of how we write certificates, which others do not have to share. */
const OURS: ReadonlySet<string> = new Set([
  'extension_unknown',
  'serial_entropy',
  'signature_algorithm_issuer',
]);

/** An unknown extension that is critical bounds what we would not know of. */
const isOurs = ({ lint, message }: Finding): boolean =>
  OURS.has(lint) && !(lint === 'extension_unknown' && message.startsWith('critical'));

/**
 * Judges an issuer whose key and certificate were made elsewhere; returns DER of the root that it leads to. Throws
 * `malformed_certificate`, `chain_rejected` for a certificate of another key, one that does not lead to the root, or a
 * root that is none, `lint_failed` for one that could not issue.
 */
export function judgeImportedIssuer(issuer: ImportedIssuer): Bytes {
  const { root, roots, trustDomain, now } = issuer;
  const certificate = readCertificate(issuer.certificate);
  if (!equal(certificate.spki, issuer.spki))
    throw rejected(
      'the certificate is not for the public half of the key',
      'key and certificate belong together',
      'Give the certificate of this key.',
    );
  const given = root === undefined ? [] : [readRoot(root)];
  const above = rootAbove(certificate, { roots: root === undefined ? roots : given, now });
  const ski = findExtension(above.certificate, OID.subjectKeyIdentifier);
  const lints = { ...lintRoot(above), subjectKeyIdentifier: ski && readSubjectKeyIdentifier(ski.value) };
  refuseFaulty(certificate, lints, trustDomain, isOurs);
  return above.certificate.raw;
}

/** Judges the successor of a root that was made beside it. Throws `malformed_certificate`, `chain_rejected`, `lint_failed`. */
export function judgeForeignRoot(der: Bytes, trustDomain: TrustDomain, now: Instant): void {
  const root = readRoot(der);
  const { notBefore, notAfter } = root.certificate;
  if (now < notBefore || now > notAfter)
    throw rejected(
      `the root is valid from ${formatInstant(notBefore)} to ${formatInstant(notAfter)}`,
      'a root is valid when it comes into the bundles',
      'Look at the clocks of both machines.',
    );
  refuseFaulty(root.certificate, lintRoot(root), trustDomain);
}

/** A root as others make them: a CA that signed itself. */
function readRoot(der: Bytes): SigningRoot {
  const certificate = readCertificate(der);
  const publicKey = readPublicKey(certificate.spki);
  const selfSigned =
    equal(certificate.subject, certificate.issuer) &&
    verifySignature(
      certificate.outerSignatureAlgorithm,
      certificate.tbs.raw,
      certificate.signature,
      publicKey,
    );
  if (selfSigned) return { name: formatName(certificate.subject), line: '', certificate, publicKey };
  throw rejected(
    `${formatName(certificate.subject)} did not sign itself`,
    'a root is a self-signed CA certificate',
    'Give the root, not another certificate of the chain.',
  );
}

function refuseOther({ spki, subject }: Certificate, asked: ForeignCa): void {
  if (!equal(spki, asked.spki))
    throw rejected(
      'the certificate is for another public key than the one that waits for it',
      'a certificate is imported for the key that the request was made with',
      'Sign the request that `chancery issuer prepare` printed last.',
    );
  if (asked.subject !== undefined && !equal(subject, asked.subject))
    throw rejected(
      `the certificate's subject is ${formatName(subject)}, ${formatName(asked.subject)} was asked for`,
      'every generation has a name of its own, and the certificate has the one of the request',
      'Sign the request unchanged.',
    );
}

function rootAbove<R extends SigningRoot>(
  certificate: Certificate,
  { roots, now }: { readonly roots: readonly R[]; readonly now: Instant },
): R {
  const result = validateCertificationPath({
    leaf: certificate.raw,
    untrusted: [],
    anchors: roots.map((root) => root.certificate.raw),
    at: now,
  });
  const names = roots.map(({ name }) => name).join(', ');
  if (!result.valid)
    throw rejected(
      `the certificate does not chain to ${names} at ${formatInstant(now)}: ${result.reason}`,
      result.rule,
      'Sign the request with the key of that root.',
    );
  const anchor = result.chain.at(-1);
  const root = roots.find((one) => anchor !== undefined && equal(one.certificate.raw, anchor.raw));
  if (root === undefined) throw new ChanceryError('internal', 'a path that ends at no root');
  return root;
}

function refuseFaulty(
  certificate: Certificate,
  issuer: LintIssuer,
  trustDomain: TrustDomain,
  isLeftAside: (finding: Finding) => boolean = () => false,
): void {
  const findings = lintCaCertificate({
    certificate: certificate.tbs,
    publicKey: readPublicKey(certificate.spki),
    issuer,
    trustDomain,
  }).filter((finding) => !isLeftAside(finding));
  const [first] = findings;
  if (first === undefined) return;
  throw new ChanceryError('lint_failed', {
    message: findings.map(({ message }) => message).join('; '),
    rule: first.source,
    fix: 'Have it signed again, e.g. with `chancery ca sign-csr`.',
  });
}
