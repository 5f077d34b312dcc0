/**
 * Whether an OCSP response may be believed, as a relying party asks (RFC 6960 3.2, 4.2.2.2): it is about the certificate
 * that was asked for, its issuer or a responder that this issuer certified signed it, and it is of now.
 */
import { isChanceryError } from '../../base/errors.ts';
import { type Duration, formatInstant, type Instant, MINUTE } from '../../base/clock.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { readCertId, responderKeyHash } from '../../x509/cert-id.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import { DerReader } from '../../x509/der.ts';
import { readBasicConstraints, readExtKeyUsage, readKeyUsage } from '../../x509/extensions.ts';
import type { OcspCertStatus, OcspResponseStatus } from '../../x509/ocsp-response-writer.ts';
import {
  type BasicOcspResponse,
  type OcspResponderId,
  type OcspSingleResponse,
  readOcspResponse,
} from '../../x509/ocsp-response.ts';
import { OID, oidName } from '../../x509/oids.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';

/** Clocks differ by so much. */
const TOLERANCE: Duration = 5 * MINUTE;

export interface OcspQuestion {
  /** DER of the CertID that was asked for. */
  readonly certId: Bytes;
  readonly issuer: { readonly certificate: Certificate; readonly publicKey: PublicKey };
  /** The nonce that was sent. */
  readonly nonce: Bytes | undefined;
  readonly now: Instant;
}

export type OcspVerdict =
  | {
      readonly believed: true;
      readonly status: OcspCertStatus;
      readonly thisUpdate: Instant;
      readonly nextUpdate: Instant;
      readonly signedBy: 'issuer' | 'delegate';
      /** `absent`: an answer that was signed before, so that it may be as old as `thisUpdate` says. */
      readonly nonce: 'echoed' | 'absent' | 'not-sent';
    }
  | {
      readonly believed: false;
      readonly reason: string;
      readonly rule: string;
      /** What the responder answered instead of a status. */
      readonly error?: Exclude<OcspResponseStatus, 'successful'>;
    };

class Disbelief extends Error {
  readonly rule: string;

  constructor(reason: string, rule: string) {
    super(reason);
    this.rule = rule;
  }
}

/** Judges the octets of a response. Never throws for what a responder can send. */
export function verifyOcspResponse(der: Bytes, question: OcspQuestion): OcspVerdict {
  try {
    const response = readOcspResponse(der);
    if (response.status !== 'successful') {
      const { status: error } = response;
      return { believed: false, reason: `the responder answers ${error}`, rule: 'RFC 6960 2.3', error };
    }
    return judge(response.basic, question);
  } catch (error) {
    if (error instanceof Disbelief) return { believed: false, reason: error.message, rule: error.rule };
    if (!isChanceryError(error)) throw error;
    return { believed: false, reason: error.message, rule: error.detail.rule ?? 'RFC 6960 4.2.1' };
  }
}

function judge(basic: BasicOcspResponse, question: OcspQuestion): OcspVerdict {
  const single = singleOf(basic, question.certId);
  const signer = signerOf(basic, question);
  if (!verifySignature(basic.signatureAlgorithm, basic.tbs, basic.signature, signer.publicKey))
    throw new Disbelief('the signature of the response does not verify', 'RFC 6960 3.2 (2)');
  const nextUpdate = judgeTimes(single, question.now);
  const { status, thisUpdate } = single;
  const nonce = judgeNonce(basic.nonce, question.nonce);
  return { believed: true, status, thisUpdate, nextUpdate, signedBy: signer.kind, nonce };
}

function singleOf({ singles }: BasicOcspResponse, asked: Bytes): OcspSingleResponse {
  const { issuerKey, serial } = readCertId(new DerReader(asked));
  const found = singles.find(
    ({ certId }) =>
      certId.issuerKey !== undefined && certId.issuerKey === issuerKey && equal(certId.serial, serial),
  );
  if (found !== undefined) return found;
  throw new Disbelief('the response is not about the certificate that was asked for', 'RFC 6960 3.2 (1)');
}

interface Signer {
  readonly kind: 'issuer' | 'delegate';
  readonly publicKey: PublicKey;
}

const isNamed = (
  { byKey, byName }: OcspResponderId,
  { subject }: Pick<Certificate, 'subject'>,
  { keyBits }: PublicKey,
): boolean => (byKey !== undefined ? equal(byKey, responderKeyHash(keyBits)) : equal(byName, subject));

function signerOf({ responder, certificates }: BasicOcspResponse, { issuer, now }: OcspQuestion): Signer {
  if (isNamed(responder, issuer.certificate, issuer.publicKey))
    return { kind: 'issuer', publicKey: issuer.publicKey };
  for (const der of certificates) {
    const certificate = readCertificate(der, 'either');
    const publicKey = readPublicKey(certificate.spki);
    if (!isNamed(responder, certificate, publicKey)) continue;
    judgeDelegate(certificate, issuer, now);
    return { kind: 'delegate', publicKey };
  }
  throw new Disbelief('no certificate of the responder came with the response', 'RFC 6960 4.2.2.2');
}

/** Critical extensions that are looked at here. */
const UNDERSTOOD: ReadonlySet<string> = new Set([OID.keyUsage, OID.extKeyUsage, OID.basicConstraints]);

/** Certified for this by the very key that issued the certificate in question, and for nobody to check again. */
function judgeDelegate(certificate: Certificate, issuer: OcspQuestion['issuer'], now: Instant): void {
  const refuse = (reason: string, rule = 'RFC 6960 4.2.2.2'): never => {
    throw new Disbelief(`the certificate of the responder ${reason}`, rule);
  };
  const issuedHere =
    equal(certificate.issuer, issuer.certificate.subject) &&
    equal(certificate.signatureAlgorithm, certificate.outerSignatureAlgorithm) &&
    verifySignature(
      certificate.outerSignatureAlgorithm,
      certificate.tbs.raw,
      certificate.signature,
      issuer.publicKey,
    );
  if (!issuedHere) refuse('was not issued by the issuer of the certificate');
  if (now < certificate.notBefore || now > certificate.notAfter)
    refuse(
      `is valid from ${formatInstant(certificate.notBefore)} to ${formatInstant(certificate.notAfter)}`,
      'RFC 5280 6.1.3 (a)(2)',
    );
  const purposes = findExtension(certificate, OID.extKeyUsage);
  if (purposes === undefined || !readExtKeyUsage(purposes.value).includes(OID.ocspSigning))
    refuse('has no id-kp-OCSPSigning');
  const usage = findExtension(certificate, OID.keyUsage);
  if (usage !== undefined && !readKeyUsage(usage.value).includes('digitalSignature'))
    refuse('may not sign', 'RFC 5280 4.2.1.3');
  const constraints = findExtension(certificate, OID.basicConstraints);
  if (constraints !== undefined && readBasicConstraints(constraints.value).ca) refuse('is that of a CA');
  if (findExtension(certificate, OID.ocspNoCheck) === undefined)
    refuse('has no id-pkix-ocsp-nocheck, and its own status is not looked up', 'RFC 6960 4.2.2.2.1');
  const unknown = certificate.extensions.find(({ id, critical }) => critical && !UNDERSTOOD.has(id));
  if (unknown !== undefined) refuse(`has the critical extension ${oidName(unknown.id)}`, 'RFC 5280 4.2');
}

function judgeTimes({ thisUpdate, nextUpdate }: OcspSingleResponse, now: Instant): Instant {
  if (thisUpdate > now + TOLERANCE)
    throw new Disbelief(`the response is of ${formatInstant(thisUpdate)}`, 'RFC 6960 3.2 (5)');
  if (nextUpdate === undefined)
    throw new Disbelief('the response does not say until when it holds', 'RFC 5019 2.2.4: nextUpdate');
  if (nextUpdate < thisUpdate) throw new Disbelief('the response ends before it begins', 'RFC 6960 2.4');
  if (nextUpdate < now - TOLERANCE)
    throw new Disbelief(`the response held until ${formatInstant(nextUpdate)}`, 'RFC 6960 3.2 (6)');
  return nextUpdate;
}

function judgeNonce(got: Bytes | undefined, sent: Bytes | undefined): 'echoed' | 'absent' | 'not-sent' {
  if (sent === undefined) return 'not-sent';
  if (got === undefined) return 'absent';
  if (equal(got, sent)) return 'echoed';
  throw new Disbelief('the response has another nonce than the request', 'RFC 9654 2.1');
}
