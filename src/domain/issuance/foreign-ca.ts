/** Certificates of generations that were signed elsewhere: by an offline root, or by somebody else's. */
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { formatName } from '../../x509/name.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';
import { validateCertificationPath } from '../path/search.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import { lintRoot, type SigningRoot } from './hierarchy.ts';
import { lintCaCertificate } from './lint/index.ts';

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
  refuseFaulty(certificate, readPublicKey(certificate.spki), root, ca.trustDomain);
  return root;
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
  publicKey: PublicKey,
  root: SigningRoot,
  trustDomain: TrustDomain,
): void {
  const findings = lintCaCertificate({
    certificate: certificate.tbs,
    publicKey,
    issuer: lintRoot(root),
    trustDomain,
  });
  const [first] = findings;
  if (first === undefined) return;
  throw new ChanceryError('lint_failed', {
    message: findings.map(({ message }) => message).join('; '),
    rule: first.source,
    fix: 'Have it signed again, e.g. with `chancery ca sign-csr`.',
  });
}
