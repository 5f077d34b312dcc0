/** CertificationRequest (PKCS#10, RFC 2986). A request gives a public key and names to be compared, nothing else. */
import { ChanceryError } from '../base/errors.ts';
import type { Bytes } from './bytes.ts';
import {
  contextConstructed,
  DerReader,
  oid,
  readOid,
  readSmallInteger,
  sequence,
  setOf,
  smallInteger,
  TAG,
  tlv,
} from './der.ts';
import { bitString, readOctetBits } from './der-bits.ts';
import { encodeExtension, type Extension, readExtensions, readSubjectAltName } from './extensions.ts';
import type { GeneralName } from './general-name.ts';
import { readName } from './name.ts';
import { OID } from './oids.ts';
import { type PublicKey, readPublicKey } from './public-key.ts';
import { verifySignature } from './signature.ts';

export interface CertificationRequest {
  readonly raw: Bytes;
  /** CertificationRequestInfo: what the signature is over. */
  readonly info: Bytes;
  /** DER of the subject's Name. */
  readonly subject: Bytes;
  readonly commonNames: readonly string[];
  readonly publicKey: PublicKey;
  /** Extensions that the requester would like. Never copied. */
  readonly requestedExtensions: readonly Extension[];
  /** The names of a requested subjectAltName. */
  readonly names: readonly GeneralName[];
  readonly signatureAlgorithm: Bytes;
  readonly signature: Bytes;
}

/** Reads a request; the signature is not checked here. Throws `malformed_csr`, or `weak_key` for its key. */
export function readCertificationRequest(der: Bytes): CertificationRequest {
  try {
    return read(der);
  } catch (cause) {
    if (!(cause instanceof ChanceryError) || cause.code === 'weak_key') throw cause;
    throw new ChanceryError(
      'malformed_csr',
      { ...cause.detail, fix: 'Make the request again, e.g. `openssl req -new`, and send it unchanged.' },
      { cause },
    );
  }
}

function read(der: Bytes): CertificationRequest {
  const outer = DerReader.sequence(der, 'certification request');
  const info = outer.expect(TAG.sequence, 'certificationRequestInfo').raw;
  const signatureAlgorithm = outer.expect(TAG.sequence, 'signatureAlgorithm').raw;
  const signature = readOctetBits(outer.next('signature'), 'signature');
  outer.end('certification request');

  const reader = DerReader.sequence(info, 'certificationRequestInfo');
  readSmallInteger(reader.next('version'), 'version', 0);
  const subject = reader.expect(TAG.sequence, 'subject').raw;
  const publicKey = readPublicKey(reader.expect(TAG.sequence, 'subjectPublicKeyInfo').raw);
  // RFC 2986 makes the attributes mandatory; some clients leave the empty set out
  const attributes = reader.optional(contextConstructed(0), 'attributes');
  reader.end('certificationRequestInfo');

  const requestedExtensions = attributes === undefined ? [] : readExtensionRequest(attributes.content);
  const san = requestedExtensions.find((extension) => extension.id === OID.subjectAltName);
  return {
    raw: der,
    info,
    subject,
    commonNames: readName(subject).flatMap(({ type, value }) => (type === OID.commonName ? [value] : [])),
    publicKey,
    requestedExtensions,
    names: san === undefined ? [] : readSubjectAltName(san.value),
    signatureAlgorithm,
    signature,
  };
}

function readExtensionRequest(attributes: Bytes): Extension[] {
  let found: Extension[] | undefined;
  for (const { raw } of new DerReader(attributes).rest('attributes', 50)) {
    const attribute = DerReader.sequence(raw, 'attribute');
    const type = readOid(attribute.next('attribute type'), 'attribute type');
    const values = new DerReader(attribute.expect(TAG.set, 'attribute values').content);
    attribute.end('attribute');
    if (type !== OID.extensionRequest) continue;
    if (found !== undefined) throw askedTwice(type);
    found = readExtensions(values.expect(TAG.sequence, 'extensionRequest').raw);
    values.end('extensionRequest');
  }
  const ids = new Set<string>();
  for (const { id } of found ?? []) {
    if (ids.has(id)) throw askedTwice(id);
    ids.add(id);
  }
  return found ?? [];
}

const askedTwice = (id: string): ChanceryError =>
  new ChanceryError('malformed_csr', {
    message: `the extension ${id} is asked for twice`,
    rule: 'RFC 5280 4.2: one of each',
  });

/** Whether the requester holds the private key: the signature verifies with the key inside. */
export const provesPossession = (request: CertificationRequest): boolean =>
  verifySignature(request.signatureAlgorithm, request.info, request.signature, request.publicKey);

export interface RequestTemplate {
  readonly subject: Bytes;
  readonly spki: Bytes;
  readonly extensions: readonly Extension[];
}

/** The CertificationRequestInfo to be signed. */
export const encodeRequestInfo = ({ subject, spki, extensions }: RequestTemplate): Bytes =>
  sequence(
    smallInteger(0),
    subject,
    spki,
    tlv(
      contextConstructed(0),
      ...(extensions.length === 0
        ? []
        : [sequence(oid(OID.extensionRequest), setOf(sequence(...extensions.map(encodeExtension))))]),
    ),
  );

export const assembleRequest = (info: Bytes, signatureAlgorithm: Bytes, signature: Bytes): Bytes =>
  sequence(info, signatureAlgorithm, bitString(signature));
