/** OCSP answers: prepared, judged, signed and read back before anybody sees them, as CRLs are. */
import { ChanceryError } from '../../base/errors.ts';
import { type Duration, floorToSecond, formatInstant, HOUR, type Instant } from '../../base/clock.ts';
import { type Bytes, concat, equal } from '../../x509/bytes.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import {
  assembleOcspResponse,
  encodeResponseData,
  type OcspSingle,
  responderByKey,
  responderCertificates,
} from '../../x509/ocsp-response-writer.ts';
import { readOcspParts } from '../../x509/ocsp-response.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor, verifySignature } from '../../x509/signature.ts';

/** How long relying parties may hold on to an answer. */
export const OCSP_LIFE: Duration = HOUR;

/** Who answers for a generation, with what each of its answers repeats ready encoded. */
export interface OcspResponder {
  readonly generation: string;
  readonly keyId: string;
  readonly certificate: Certificate;
  readonly publicKey: PublicKey;
  /** DER of the ResponderID. */
  readonly id: Bytes;
  /** DER of the field `certs`. */
  readonly certificates: Bytes;
  /** DER of the AlgorithmIdentifier of its key. */
  readonly algorithm: Bytes;
}

/** `der` is the responder's certificate. */
export function openResponder(generation: string, keyId: string, der: Bytes): OcspResponder {
  const certificate = readCertificate(der);
  const publicKey = readPublicKey(certificate.spki);
  return {
    ...{ generation, keyId, certificate, publicKey },
    id: responderByKey(publicKey.keyBits),
    certificates: responderCertificates(der),
    algorithm: signatureAlgorithmFor(publicKey.type).identifier,
  };
}

export interface OcspPlan {
  readonly responder: OcspResponder;
  /** At least one. */
  readonly singles: readonly OcspSingle[];
  readonly nonce: Bytes | undefined;
  readonly now: Instant;
  readonly life?: Duration;
}

/** An answer that was judged and may be signed once. */
export class PreparedOcsp {
  readonly responder: OcspResponder;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly #tbs: Bytes;
  #redeemed = false;

  private constructor(tbs: Bytes, responder: OcspResponder, thisUpdate: Instant, nextUpdate: Instant) {
    this.#tbs = tbs;
    this.responder = responder;
    this.thisUpdate = thisUpdate;
    this.nextUpdate = nextUpdate;
  }

  /** Never from the future, and never valid for longer than its responder. Throws `not_ready` where that has expired. */
  static of({ responder, singles, nonce, now, life = OCSP_LIFE }: OcspPlan): PreparedOcsp {
    const thisUpdate = floorToSecond(now);
    const { notAfter } = responder.certificate;
    const nextUpdate = Math.min(thisUpdate + life, notAfter);
    if (nextUpdate <= thisUpdate)
      throw new ChanceryError('not_ready', {
        message: `the OCSP responder of ${responder.generation} expired at ${formatInstant(notAfter)}`,
        rule: 'an answer is not valid for longer than the certificate that verifies it',
      });
    const { id } = responder;
    const producedAt = thisUpdate;
    const tbs = encodeResponseData({ responder: id, producedAt, thisUpdate, nextUpdate, singles, nonce });
    return new PreparedOcsp(tbs, responder, thisUpdate, nextUpdate);
  }

  redeem(): Bytes {
    if (this.#redeemed) throw new ChanceryError('internal', 'a prepared OCSP answer was redeemed twice');
    this.#redeemed = true;
    return concat([this.#tbs]);
  }

  isPrepared(tbs: Bytes): boolean {
    return equal(tbs, this.#tbs);
  }
}

/** Signs OCSP answers and nothing else. */
export interface OcspSigner {
  sign(prepared: PreparedOcsp): { readonly tbs: Bytes; readonly signature: Bytes };
}

/** Signs, checks what was signed, and returns the response's DER. Throws `self_check_failed`. */
export function signOcsp(signer: OcspSigner, prepared: PreparedOcsp): Bytes {
  const { responder } = prepared;
  const { tbs, signature } = signer.sign(prepared);
  const der = assembleOcspResponse(tbs, responder.algorithm, signature, responder.certificates);
  const { basic } = readOcspParts(der);
  const sound =
    basic !== undefined &&
    prepared.isPrepared(basic.tbs) &&
    verifySignature(basic.signatureAlgorithm, basic.tbs, basic.signature, responder.publicKey);
  if (sound) return der;
  throw new ChanceryError('self_check_failed', {
    message:
      'the OCSP answer was signed and discarded: it is not the one that was prepared, or does not verify',
    rule: 'signed octets are the prepared ones and verify',
  });
}
