/**
 * What a CRL or an OCSP answer says of a certificate, judged as a relying party has to: signature, scope and times
 * (RFC 5280 6.3.3, RFC 6960 3.2, RFC 5019 4). Whether the issuer itself is to be trusted is not asked here.
 */
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import type { Instant } from '../../base/clock.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { encodeCertId } from '../../x509/cert-id.ts';
import type { CrlReason } from '../../x509/crl.ts';
import { ALL_REASONS } from '../../x509/distribution-point.ts';
import { encodeOcspRequest } from '../../x509/ocsp-request.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';
import { Candidate } from '../path/candidate.ts';
import { Crl } from '../path/crl.ts';
import { verifyOcspResponse } from './ocsp-verify.ts';

export type StatusVerdict =
  | ({ readonly kind: 'good' } & Said)
  | ({ readonly kind: 'revoked'; readonly revokedAt: Instant; readonly reason: CrlReason } & Said)
  /** The responder does not know the certificate, or may not speak of it. */
  | ({ readonly kind: 'unknown'; readonly why: string } & Partial<Said>)
  /** No relying party may use it. */
  | { readonly kind: 'invalid'; readonly why: string };

interface Said {
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** Who signed it. */
  readonly signer: 'issuer' | 'delegated responder';
}

export interface StatusQuestion {
  readonly certificate: Candidate;
  readonly issuer: Candidate;
  readonly at: Instant;
}

const invalid = (why: string): StatusVerdict => ({ kind: 'invalid', why });

/** Throws `chain_rejected` where this certificate was not issued by that one. */
export function requireIssued({ certificate, issuer }: Omit<StatusQuestion, 'at'>): void {
  const { tbs, outerSignatureAlgorithm, signature } = certificate.certificate;
  const key = keyOf(issuer);
  const issued =
    certificate.issuerKey === issuer.subjectKey &&
    key !== undefined &&
    verifySignature(outerSignatureAlgorithm, tbs.raw, signature, key);
  if (issued) return;
  throw new ChanceryError('chain_rejected', {
    message: 'the certificate that was found as its issuer did not sign it',
    rule: 'RFC 5280 6.1.3',
    fix: 'Give the chain with the certificate: leaf first, then its issuer.',
  });
}

const keyOf = ({ publicKey }: Candidate): PublicKey | undefined =>
  'fault' in publicKey ? undefined : publicKey;

/** What a CRL says. It has to be of the issuer, complete or of the certificate's distribution point, and in time. */
export function judgeCrl(der: Bytes, { certificate, issuer, at }: StatusQuestion): StatusVerdict {
  return orInvalid(() => {
    const crl = new Crl(der);
    const { list, facts } = crl;
    const key = keyOf(issuer);
    if (crl.issuerKey !== certificate.issuerKey) return invalid('it is the CRL of another issuer');
    if (issuer.decoded.keyUsage?.includes('cRLSign') === false)
      return invalid('its signer has no cRLSign in its keyUsage');
    if (key === undefined || !verifySignature(list.outerSignatureAlgorithm, list.tbs, list.signature, key))
      return invalid('its signature is not by the issuer');
    const fault = crl.unfitness(at);
    if (fault !== undefined) return invalid(fault);
    if (facts.base !== undefined) return invalid('it is a delta of another CRL');
    const covered = crl.reasonsFor(certificate);
    if (!ALL_REASONS.every((reason) => covered.includes(reason)))
      return invalid('its scope (issuingDistributionPoint) does not cover the certificate');
    // unfitness() has refused one without
    const times = { thisUpdate: list.thisUpdate, nextUpdate: list.nextUpdate ?? at };
    const entry = crl.entryOf(certificate.certificate.serial);
    return entry === undefined
      ? { kind: 'good', ...times, signer: 'issuer' }
      : { kind: 'revoked', ...entry, ...times, signer: 'issuer' };
  });
}

/** With SHA-1: every responder knows it, and nothing hangs on it (RFC 5019 2.1.1). */
function certIdOf({ certificate, issuer }: Omit<StatusQuestion, 'at'>, key: PublicKey): Bytes {
  const named = { subject: issuer.certificate.subject, keyBits: key.keyBits };
  return encodeCertId('sha1', named, certificate.certificate.serial);
}

/** Throws `chain_rejected` for an issuer whose key cannot be read. */
export function ocspRequestFor(question: Omit<StatusQuestion, 'at'>): Bytes {
  const key = keyOf(question.issuer);
  if (key === undefined) throw new ChanceryError('chain_rejected', 'the key of the issuer cannot be read');
  return encodeOcspRequest([certIdOf(question, key)]);
}

/** What an OCSP answer says, whatever else it says of others. */
export function judgeOcsp(der: Bytes, question: StatusQuestion): StatusVerdict {
  const { issuer, at } = question;
  const publicKey = keyOf(issuer);
  if (publicKey === undefined) return invalid('the key of the issuer cannot be read');
  const verdict = verifyOcspResponse(der, {
    certId: certIdOf(question, publicKey),
    issuer: { certificate: issuer.certificate, publicKey },
    nonce: undefined,
    now: at,
  });
  if (!verdict.believed)
    return verdict.error === 'unauthorized'
      ? { kind: 'unknown', why: 'the responder does not speak for this certificate (unauthorized)' }
      : invalid(verdict.reason);
  const { status, thisUpdate, nextUpdate, signedBy } = verdict;
  const said: Said = {
    ...{ thisUpdate, nextUpdate },
    signer: signedBy === 'delegate' ? 'delegated responder' : 'issuer',
  };
  switch (status.kind) {
    case 'good':
      return { kind: 'good', ...said };
    case 'revoked':
      return { kind: 'revoked', revokedAt: status.revokedAt, reason: status.reason, ...said };
    case 'unknown':
      return { kind: 'unknown', why: 'the responder does not know the serial number', ...said };
  }
}

function orInvalid(judge: () => StatusVerdict): StatusVerdict {
  try {
    return judge();
  } catch (error) {
    if (isChanceryError(error)) return invalid(`it cannot be read: ${error.message}`);
    throw error;
  }
}
