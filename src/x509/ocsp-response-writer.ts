/** OCSPResponse (RFC 6960 4.2.1), written: answers about certificates, and errors without any. */
import type { Instant } from '../base/clock.ts';
import type { Bytes } from './bytes.ts';
import { responderKeyHash } from './cert-id.ts';
import { CRL_REASONS, type CrlReason } from './crl.ts';
import { context, contextConstructed, octetString, oid, sequence, TAG, tlv } from './der.ts';
import { bitString } from './der-bits.ts';
import { encodeExtension } from './extensions.ts';
import { nonceExtension } from './ocsp-request.ts';
import { OID } from './oids.ts';
import { encodeGeneralizedTime } from './time.ts';

/** OCSPResponseStatus by number; 4 is not used. */
export const OCSP_RESPONSE_STATUSES = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  undefined,
  'sigRequired',
  'unauthorized',
] as const;
export type OcspResponseStatus = NonNullable<(typeof OCSP_RESPONSE_STATUSES)[number]>;

export type OcspCertStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly revokedAt: Instant; readonly reason: CrlReason }
  | { readonly kind: 'unknown' };

export interface OcspSingle {
  /** As it was asked. */
  readonly certId: Bytes;
  readonly status: OcspCertStatus;
}

export interface OcspTemplate {
  /** DER of the ResponderID, see `responderByKey`. */
  readonly responder: Bytes;
  readonly producedAt: Instant;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly singles: readonly OcspSingle[];
  readonly nonce: Bytes | undefined;
}

/** ResponderID byKey. */
export const responderByKey = (keyBits: Bytes): Bytes =>
  tlv(contextConstructed(2), octetString(responderKeyHash(keyBits)));

const GOOD: Bytes = tlv(context(0));
const UNKNOWN: Bytes = tlv(context(2));

function encodeStatus(status: OcspCertStatus): Bytes {
  if (status.kind === 'good') return GOOD;
  if (status.kind === 'unknown') return UNKNOWN;
  const time = encodeGeneralizedTime(status.revokedAt);
  const reason = CRL_REASONS.indexOf(status.reason);
  // `unspecified` says no more than its absence, as in CRLs (RFC 5280 5.3.1)
  return reason <= 0
    ? tlv(contextConstructed(1), time)
    : tlv(
        contextConstructed(1),
        time,
        tlv(contextConstructed(0), tlv(TAG.enumerated, Buffer.from([reason]))),
      );
}

/** The octets to be signed. */
export function encodeResponseData(template: OcspTemplate): Bytes {
  const thisUpdate = encodeGeneralizedTime(template.thisUpdate);
  const nextUpdate = tlv(contextConstructed(0), encodeGeneralizedTime(template.nextUpdate));
  const singles = template.singles.map(({ certId, status }) =>
    sequence(certId, encodeStatus(status), thisUpdate, nextUpdate),
  );
  const producedAt =
    template.producedAt === template.thisUpdate ? thisUpdate : encodeGeneralizedTime(template.producedAt);
  return template.nonce === undefined
    ? sequence(template.responder, producedAt, sequence(...singles))
    : sequence(
        template.responder,
        producedAt,
        sequence(...singles),
        tlv(contextConstructed(1), sequence(encodeExtension(nonceExtension(template.nonce)))),
      );
}

const SUCCESSFUL: Bytes = Buffer.from([TAG.enumerated, 1, 0]);

/** `certificates` is the encoded field, see `responderCertificates`. */
export const assembleOcspResponse = (
  tbs: Bytes,
  signatureAlgorithm: Bytes,
  signature: Bytes,
  certificates: Bytes,
): Bytes =>
  sequence(
    SUCCESSFUL,
    tlv(
      contextConstructed(0),
      sequence(
        oid(OID.ocspBasic),
        octetString(sequence(tbs, signatureAlgorithm, bitString(signature), certificates)),
      ),
    ),
  );

/** The `certs` field, with the one certificate that verifies the answer. */
export const responderCertificates = (certificate: Bytes): Bytes =>
  tlv(contextConstructed(0), sequence(certificate));

/** An error: its status and nothing else (RFC 6960 4.2.1). */
export const encodeOcspError = (status: Exclude<OcspResponseStatus, 'successful'>): Bytes =>
  sequence(tlv(TAG.enumerated, Buffer.from([OCSP_RESPONSE_STATUSES.indexOf(status)])));
