/** OCSPRequest (RFC 6960 4.1.1), read strictly and written. What an OCSP client signs or says of itself is not used. */
import { ChanceryError } from '../base/errors.ts';
import type { Bytes } from './bytes.ts';
import { type CertId, readCertId } from './cert-id.ts';
import { contextConstructed, DerReader, octetString, sequence, TAG, tlv } from './der.ts';
import { readOctetBits } from './der-bits.ts';
import { encodeExtension, type Extension, readExtensions } from './extensions.ts';
import { OID, oidName } from './oids.ts';

/** So many certificates may one request ask for. RFC 5019 2.1.1 has one; OpenSSL and others send more. */
export const MAX_CERT_IDS = 16;

export interface OcspRequest {
  /** At least one. */
  readonly certIds: readonly CertId[];
  /** The octets that the client wants to see again (RFC 9654). */
  readonly nonce: Bytes | undefined;
}

const faulty = (message: string, rule: string): ChanceryError =>
  new ChanceryError('malformed_der', { message, rule, fix: 'Make the OCSP request anew.' });

/** Reads a request. Throws `malformed_der` for whatever is answered with malformedRequest. */
export function readOcspRequest(der: Bytes): OcspRequest {
  const outer = DerReader.sequence(der, 'OCSPRequest');
  const tbs = outer.sequence('tbsRequest');
  const signature = outer.optional(contextConstructed(0), 'optionalSignature');
  outer.end('OCSPRequest');
  if (signature !== undefined) skipSignature(signature.content);

  // a version that is there is not v1: DER leaves the default out
  const requestorName = tbs.optional(contextConstructed(1), 'requestorName');
  if (requestorName !== undefined) skipOne(requestorName.content, 'requestorName');
  const list = tbs.sequence('requestList');
  const wrapped = tbs.optional(contextConstructed(2), 'requestExtensions');
  tbs.end('tbsRequest');

  const certIds: CertId[] = [];
  while (!list.atEnd) {
    if (certIds.length === MAX_CERT_IDS)
      throw faulty(`over ${MAX_CERT_IDS} certificates are asked for`, 'RFC 5019 2.1.1: one');
    certIds.push(readRequest(list.sequence('Request')));
  }
  if (certIds.length === 0) throw faulty('no certificate is asked for', 'RFC 6960 4.1.1: a requestList');
  return { certIds, nonce: wrapped === undefined ? undefined : nonceOf(extensionsOf(wrapped.content)) };
}

function readRequest(request: DerReader): CertId {
  const certId = readCertId(request);
  const extensions = request.optional(contextConstructed(0), 'singleRequestExtensions');
  request.end('Request');
  if (extensions !== undefined) extensionsOf(extensions.content);
  return certId;
}

/** The extensions, each once, none critical that is not understood (RFC 6960 4.1.2). */
function extensionsOf(der: Bytes): Extension[] {
  const extensions = readExtensions(der);
  if (extensions.length === 0) throw faulty('an empty list of extensions', 'RFC 5280 4.1: at least one');
  const seen = new Set<string>();
  for (const { id, critical } of extensions) {
    if (seen.has(id)) throw faulty(`the extension ${oidName(id)} stands there twice`, 'RFC 5280 4.2');
    if (critical && id !== OID.ocspNonce)
      throw faulty(`the critical extension ${oidName(id)} is not understood`, 'RFC 6960 4.1.2');
    seen.add(id);
  }
  return extensions;
}

function nonceOf(extensions: readonly Extension[]): Bytes | undefined {
  const extension = extensions.find(({ id }) => id === OID.ocspNonce);
  return extension && readNonce(extension.value);
}

/** Throws `malformed_der` for one that is empty or over 128 octets long. */
export function readNonce(value: Bytes): Bytes {
  const reader = new DerReader(value);
  const { content } = reader.expect(TAG.octetString, 'nonce');
  reader.end('nonce');
  if (content.length >= 1 && content.length <= 128) return content;
  throw faulty(`the nonce has ${content.length} octets`, 'RFC 9654 2.1: 1 to 128 octets');
}

export const nonceExtension = (nonce: Bytes): Extension => ({
  id: OID.ocspNonce,
  critical: false,
  value: octetString(nonce),
});

function skipOne(content: Bytes, what: string): void {
  const reader = new DerReader(content);
  reader.next(what);
  reader.end(what);
}

/** Anybody may ask, so nobody has to sign (RFC 6960 4.1.2); yet it has to be a Signature. */
function skipSignature(content: Bytes): void {
  const reader = DerReader.sequence(content, 'optionalSignature');
  reader.expect(TAG.sequence, 'signatureAlgorithm');
  readOctetBits(reader.next('signature'), 'signature');
  reader.optional(contextConstructed(0), 'certs');
  reader.end('optionalSignature');
}

/** A request for certificates by their encoded CertIDs, as the profile wants it: no more than what is needed. */
export const encodeOcspRequest = (certIds: readonly Bytes[], nonce?: Bytes): Bytes =>
  sequence(
    sequence(
      sequence(...certIds.map((certId) => sequence(certId))),
      ...(nonce === undefined
        ? []
        : [tlv(contextConstructed(2), sequence(encodeExtension(nonceExtension(nonce))))]),
    ),
  );
