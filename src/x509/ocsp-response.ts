/** OCSPResponse (RFC 6960 4.2.1), read strictly: errors, and what a responder signed about certificates. */
import { ChanceryError } from '../base/errors.ts';
import type { Instant } from '../base/clock.ts';
import type { Bytes } from './bytes.ts';
import { type CertId, readCertId } from './cert-id.ts';
import { CRL_REASONS } from './crl.ts';
import { context, contextConstructed, DerReader, readOid, readSmallInteger, TAG } from './der.ts';
import { readOctetBits } from './der-bits.ts';
import { type Extension, readExtensions } from './extensions.ts';
import { readNonce } from './ocsp-request.ts';
import {
  OCSP_RESPONSE_STATUSES,
  type OcspCertStatus,
  type OcspResponseStatus,
} from './ocsp-response-writer.ts';
import { OID } from './oids.ts';
import { readTime } from './time.ts';

/** The parts of a BasicOCSPResponse, not looked into. */
export interface BasicOcspParts {
  /** The octets that are signed. */
  readonly tbs: Bytes;
  readonly signatureAlgorithm: Bytes;
  readonly signature: Bytes;
  /** Certificates that came with it, each in DER. */
  readonly certificates: readonly Bytes[];
}

export type OcspResponderId =
  | { readonly byName: Bytes; readonly byKey?: undefined }
  /** SHA-1 of the responder's key. */
  | { readonly byKey: Bytes; readonly byName?: undefined };

export interface OcspSingleResponse {
  readonly certId: CertId;
  readonly status: OcspCertStatus;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant | undefined;
  readonly extensions: readonly Extension[];
}

export interface BasicOcspResponse extends BasicOcspParts {
  readonly responder: OcspResponderId;
  readonly producedAt: Instant;
  readonly singles: readonly OcspSingleResponse[];
  readonly nonce: Bytes | undefined;
}

export type OcspResponse =
  | { readonly status: 'successful'; readonly basic: BasicOcspResponse }
  | { readonly status: Exclude<OcspResponseStatus, 'successful'> };

const faulty = (message: string, rule: string): ChanceryError =>
  new ChanceryError('malformed_der', {
    message,
    rule,
    fix: 'Ask the OCSP responder again, or its operator.',
  });

/** Takes a response apart; `basic` is absent for an error. Throws `malformed_der`. */
export function readOcspParts(der: Bytes): {
  readonly status: OcspResponseStatus;
  readonly basic: BasicOcspParts | undefined;
} {
  const outer = DerReader.sequence(der, 'OCSPResponse');
  const code = outer.expect(TAG.enumerated, 'responseStatus');
  const number = readSmallInteger({ ...code, tag: TAG.integer }, 'responseStatus', 255);
  const status = OCSP_RESPONSE_STATUSES[number];
  const wrapped = outer.optional(contextConstructed(0), 'responseBytes');
  outer.end('OCSPResponse');
  if (status === undefined) throw faulty(`responseStatus ${number} is none`, 'RFC 6960 4.2.1');
  if ((status === 'successful') !== (wrapped !== undefined))
    throw faulty(
      `responseStatus ${status} with${wrapped === undefined ? 'out' : ''} responseBytes`,
      'RFC 6960 4.2.1: responseBytes of answers, and of nothing else',
    );
  return { status, basic: wrapped && readBasicParts(wrapped.content) };
}

function readBasicParts(content: Bytes): BasicOcspParts {
  const bytes = DerReader.sequence(content, 'responseBytes');
  const type = readOid(bytes.next('responseType'), 'responseType');
  const { content: response } = bytes.expect(TAG.octetString, 'response');
  bytes.end('responseBytes');
  if (type !== OID.ocspBasic)
    throw faulty(`the response is of the type ${type}`, 'RFC 6960 4.2.1: id-pkix-ocsp-basic');
  const basic = DerReader.sequence(response, 'BasicOCSPResponse');
  const tbs = basic.expect(TAG.sequence, 'tbsResponseData').raw;
  const signatureAlgorithm = basic.expect(TAG.sequence, 'signatureAlgorithm').raw;
  const signature = readOctetBits(basic.next('signature'), 'signature');
  const certs = basic.optional(contextConstructed(0), 'certs');
  basic.end('BasicOCSPResponse');
  const certificates =
    certs === undefined ? [] : DerReader.sequence(certs.content, 'certs').rest('certs', 20);
  return { tbs, signatureAlgorithm, signature, certificates: certificates.map(({ raw }) => raw) };
}

/** Reads a response. Throws `malformed_der`. */
export function readOcspResponse(der: Bytes): OcspResponse {
  const { status, basic } = readOcspParts(der);
  if (status !== 'successful') return { status };
  if (basic === undefined) throw new ChanceryError('internal', 'an OCSP answer without octets was read');
  return { status, basic: { ...basic, ...readResponseData(basic.tbs) } };
}

function readResponseData(
  tbs: Bytes,
): Pick<BasicOcspResponse, 'responder' | 'producedAt' | 'singles' | 'nonce'> {
  const reader = DerReader.sequence(tbs, 'tbsResponseData');
  // a version that is there is not v1: DER leaves the default out
  const responder = readResponderId(reader);
  const producedAt = generalizedTime(reader, 'producedAt');
  const list = reader.sequence('responses');
  const wrapped = reader.optional(contextConstructed(1), 'responseExtensions');
  reader.end('tbsResponseData');
  const singles = list.rest('responses', 100).map(({ raw }) => readSingle(raw));
  const extensions = wrapped === undefined ? [] : readExtensions(wrapped.content);
  refuseCritical(extensions);
  const nonce = extensions.find(({ id }) => id === OID.ocspNonce);
  return { responder, producedAt, singles, nonce: nonce && readNonce(nonce.value) };
}

function readResponderId(reader: DerReader): OcspResponderId {
  const { tag, content } = reader.next('responderID');
  const inner = new DerReader(content);
  if (tag === contextConstructed(1)) {
    const byName = inner.expect(TAG.sequence, 'byName').raw;
    inner.end('byName');
    return { byName };
  }
  if (tag !== contextConstructed(2))
    throw faulty('responderID is neither byName nor byKey', 'RFC 6960 4.2.1');
  const byKey = inner.expect(TAG.octetString, 'byKey').content;
  inner.end('byKey');
  return { byKey };
}

function generalizedTime(reader: DerReader, what: string): Instant {
  return readTime(reader.expect(TAG.generalizedTime, what), what, 'either');
}

function readSingle(raw: Bytes): OcspSingleResponse {
  const reader = DerReader.sequence(raw, 'SingleResponse');
  const certId = readCertId(reader);
  const status = readStatus(reader);
  const thisUpdate = generalizedTime(reader, 'thisUpdate');
  const next = reader.optional(contextConstructed(0), 'nextUpdate');
  const wrapped = reader.optional(contextConstructed(1), 'singleExtensions');
  reader.end('SingleResponse');
  const extensions = wrapped === undefined ? [] : readExtensions(wrapped.content);
  refuseCritical(extensions);
  return { certId, status, thisUpdate, nextUpdate: next && wrappedTime(next.content), extensions };
}

function wrappedTime(content: Bytes): Instant {
  const reader = new DerReader(content);
  const instant = generalizedTime(reader, 'nextUpdate');
  reader.end('nextUpdate');
  return instant;
}

function readStatus(reader: DerReader): OcspCertStatus {
  const { tag, content } = reader.next('certStatus');
  if (tag === contextConstructed(1)) return readRevokedInfo(content);
  if ((tag !== context(0) && tag !== context(2)) || content.length > 0)
    throw faulty('certStatus is neither good, revoked nor unknown', 'RFC 6960 4.2.1');
  return tag === context(0) ? { kind: 'good' } : { kind: 'unknown' };
}

function readRevokedInfo(content: Bytes): OcspCertStatus {
  const reader = new DerReader(content);
  const revokedAt = generalizedTime(reader, 'revocationTime');
  const wrapped = reader.optional(contextConstructed(0), 'revocationReason');
  reader.end('RevokedInfo');
  if (wrapped === undefined) return { kind: 'revoked', revokedAt, reason: 'unspecified' };
  const inner = new DerReader(wrapped.content);
  const code = inner.expect(TAG.enumerated, 'revocationReason');
  inner.end('revocationReason');
  const number = readSmallInteger({ ...code, tag: TAG.integer }, 'revocationReason', 255);
  const reason = CRL_REASONS[number];
  if (reason === undefined) throw faulty(`revocationReason ${number} is none`, 'RFC 5280 5.3.1');
  return { kind: 'revoked', revokedAt, reason };
}

function refuseCritical(extensions: readonly Extension[]): void {
  const critical = extensions.find((extension) => extension.critical && extension.id !== OID.ocspNonce);
  if (critical !== undefined)
    throw faulty(`the critical extension ${critical.id} is not understood`, 'RFC 6960 4.4');
}
