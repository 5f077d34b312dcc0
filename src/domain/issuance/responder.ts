/**
 * Certificates that answer OCSP for a generation (RFC 6960 4.2.2.2): a leaf of the generation with a key of its own, so
 * that the generation's key signs once in days and not with every question.
 */
import { ChanceryError } from '../../base/errors.ts';
import { DAY, type Duration, floorToSecond, HOUR, type Instant, SECOND } from '../../base/clock.ts';
import { type Bytes, concat, equal } from '../../x509/bytes.ts';
import { assembleCertificate, encodeTbsCertificate, readTbsCertificate } from '../../x509/certificate.ts';
import { NULL } from '../../x509/der.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../x509/extensions.ts';
import { commonName, encodeName, organizationName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { keyIdentifier, type PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';
import type { TrustDomain } from '../identity/spiffe-id.ts';
import type { Generation } from './issuer.ts';
import { lintResponderCertificate } from './lint/index.ts';
import { lintIssuer } from './prepare.ts';
import { selfCheckFault } from './self-check.ts';

/** What stands in the records of these certificates instead of a profile of the configuration. */
export const RESPONDER_PROFILE = 'ocsp-responder';
/** Who they are issued to; reserved, so that nobody else is called so. */
export const RESPONDER_PRINCIPAL = 'system:ocsp';

/** Counted from now on. It cannot be revoked, so it is short. */
export const RESPONDER_LIFE: Duration = 7 * DAY;
/** For relying parties whose clock lags. */
const BACKDATE: Duration = HOUR;

export interface ResponderPlan {
  readonly serial: Bytes;
  readonly generation: Generation;
  readonly publicKey: PublicKey;
  readonly trustDomain: TrustDomain;
  readonly now: Instant;
}

/** A linted responder certificate that may be signed once, by the key of its generation. */
export class PreparedResponder {
  readonly generation: Generation;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly #tbs: Bytes;
  #redeemed = false;

  private constructor(
    tbs: Bytes,
    generation: Generation,
    validity: { notBefore: Instant; notAfter: Instant },
  ) {
    this.#tbs = tbs;
    this.generation = generation;
    this.notBefore = validity.notBefore;
    this.notAfter = validity.notAfter;
  }

  /** Throws `lint_failed`, `issuer_stopped`, or `issuer_expires_too_soon` where the generation is over. */
  static of(plan: ResponderPlan): PreparedResponder {
    const { generation, publicKey, trustDomain, now } = plan;
    refuseStopped(generation);
    const validity = responderValidity(generation, now);
    const tbs = encodeTbsCertificate({
      serial: plan.serial,
      signatureAlgorithm: signatureAlgorithmFor(generation.publicKey.type).identifier,
      issuer: generation.certificate.subject,
      ...validity,
      subject: responderName(trustDomain, generation.id),
      spki: publicKey.spki,
      extensions: [
        keyUsage(['digitalSignature']),
        extKeyUsage([OID.ocspSigning]),
        basicConstraints({ ca: false }),
        subjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
        authorityKeyIdentifier(generation.subjectKeyIdentifier),
        NO_CHECK,
      ],
    });
    const findings = lintResponderCertificate({
      certificate: readTbsCertificate(tbs),
      publicKey,
      issuer: lintIssuer(generation),
      trustDomain,
      now,
    });
    const [first] = findings;
    if (first !== undefined)
      throw new ChanceryError('lint_failed', {
        message: findings.map(({ message }) => message).join('; '),
        rule: first.source,
      });
    return new PreparedResponder(tbs, generation, validity);
  }

  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared responder was redeemed twice');
    this.#redeemed = true;
    return concat([this.#tbs]);
  }

  /** Whether these are the octets that passed the lints. */
  isLinted(tbs: Bytes): boolean {
    return equal(tbs, this.#tbs);
  }
}

/** Relying parties need not ask about the one that answers (4.2.2.2.1). */
const NO_CHECK: Extension = { id: OID.ocspNoCheck, critical: false, value: NULL };

/** Of a long id the end stays: the number tells generations apart (RFC 5280 A.1: at most 64 characters). */
const responderName = (trustDomain: TrustDomain, generation: string): Bytes =>
  encodeName([
    organizationName(trustDomain.slice(0, 64)),
    commonName(`OCSP ${generation}`.length <= 64 ? `OCSP ${generation}` : generation.slice(-64)),
  ]);

/** When a responder that is made now would be valid. Throws `issuer_expires_too_soon`. */
export function responderValidity(
  { id, certificate }: Pick<Generation, 'id' | 'certificate'>,
  now: Instant,
): { readonly notBefore: Instant; readonly notAfter: Instant } {
  const start = floorToSecond(now);
  const notBefore = Math.max(start - BACKDATE, certificate.notBefore);
  const notAfter = Math.min(start + RESPONDER_LIFE - SECOND, certificate.notAfter);
  if (notAfter > start && notBefore <= start) return { notBefore, notAfter };
  throw new ChanceryError('issuer_expires_too_soon', {
    message: `nobody can answer for ${id}: its certificate is not valid now`,
    rule: 'a certificate does not outlive its issuer',
  });
}

function refuseStopped({ id, stopped }: Generation): void {
  if (stopped === null) return;
  throw new ChanceryError('issuer_stopped', {
    message: `${id} was stopped (${stopped}): it certifies no OCSP responder`,
    rule: 'after a failed self-check nothing is signed until an operator has looked',
    fix: 'Prepare and activate the next generation.',
  });
}

/** Signs responder certificates and nothing else. */
export interface ResponderSigner {
  sign(prepared: PreparedResponder): { readonly tbs: Bytes; readonly signature: Bytes };
}

/** Signs, checks what was signed, and returns the certificate's DER. Throws `self_check_failed`. */
export function signResponder(signer: ResponderSigner, prepared: PreparedResponder): Bytes {
  const { publicKey } = prepared.generation;
  const { tbs, signature } = signer.sign(prepared);
  const der = assembleCertificate(tbs, signatureAlgorithmFor(publicKey.type).identifier, signature);
  const fault = selfCheckFault(der, prepared, publicKey);
  if (fault === undefined) return der;
  throw new ChanceryError('self_check_failed', {
    message: `the responder certificate of ${prepared.generation.id} was signed and discarded: ${fault}`,
    rule: 'signed octets are the linted ones and verify',
  });
}

/** Half of its life is over. The clock that issued it decides, not the backdate. */
export const responderIsDue = (
  { notBefore, notAfter }: { readonly notBefore: Instant; readonly notAfter: Instant },
  now: Instant,
): boolean => now >= notBefore + (notAfter - notBefore) / 2;
