/** CertID (RFC 6960 4.1.1): a certificate named by hashes of its issuer's name and key, and its serial number. */
import { hash } from 'node:crypto';
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, toLatin1 } from './bytes.ts';
import {
  DerReader,
  NULL,
  octetString,
  oid,
  readInteger,
  readOid,
  sequence,
  TAG,
  unsignedInteger,
} from './der.ts';
import { OID } from './oids.ts';

/** Hashes that a CertID may be made with here. */
export const CERT_ID_HASHES = ['sha1', 'sha256'] as const;
export type CertIdHash = (typeof CERT_ID_HASHES)[number];

const LENGTH: Readonly<Record<CertIdHash, number>> = { sha1: 20, sha256: 32 };
const BY_OID: ReadonlyMap<string, CertIdHash> = new Map(CERT_ID_HASHES.map((name) => [OID[name], name]));

export interface CertId {
  /** As it was asked: an answer repeats it octet by octet. */
  readonly raw: Bytes;
  /** Equal for all certificates of one issuer under one hash; `undefined` for a hash that is not known here. */
  readonly issuerKey: string | undefined;
  /** Content octets of the serial number, sign octet included. */
  readonly serial: Bytes;
}

/** What a CertID names an issuer by. */
export interface NamedIssuer {
  /** DER of its Name. */
  readonly subject: Bytes;
  /** Content of the BIT STRING of its public key. */
  readonly keyBits: Bytes;
}

const keyFor = (algorithm: CertIdHash, nameHash: Bytes, keyHash: Bytes): string =>
  `${algorithm}:${toLatin1(nameHash)}${toLatin1(keyHash)}`;

/** The `issuerKey` of every CertID that is about a certificate of this issuer. */
export const issuerKeysOf = ({ subject, keyBits }: NamedIssuer): string[] =>
  CERT_ID_HASHES.map((algorithm) =>
    keyFor(algorithm, hash(algorithm, subject, 'buffer'), hash(algorithm, keyBits, 'buffer')),
  );

/** KeyHash of a ResponderID (4.2.1): SHA-1, whatever else is hashed how. */
export const responderKeyHash = (keyBits: Bytes): Bytes => hash('sha1', keyBits, 'buffer');

/** `serial` are its octets, with or without the sign octet. */
export const encodeCertId = (algorithm: CertIdHash, issuer: NamedIssuer, serial: Bytes): Bytes =>
  sequence(
    sequence(oid(OID[algorithm]), NULL),
    octetString(hash(algorithm, issuer.subject, 'buffer')),
    octetString(hash(algorithm, issuer.keyBits, 'buffer')),
    unsignedInteger(serial),
  );

const faulty = (message: string, rule: string): ChanceryError =>
  new ChanceryError('malformed_der', { message, rule, fix: 'Make the OCSP request anew.' });

/** Reads the next element. Throws `malformed_der`. */
export function readCertId(reader: DerReader): CertId {
  const { content, raw } = reader.expect(TAG.sequence, 'CertID');
  const fields = new DerReader(content);
  const algorithm = fields.sequence('hashAlgorithm');
  const id = readOid(algorithm.next('hashAlgorithm'), 'hashAlgorithm');
  const known = BY_OID.get(id);
  if (!algorithm.atEnd) readParameters(algorithm, known);
  const nameHash = fields.expect(TAG.octetString, 'issuerNameHash').content;
  const keyHash = fields.expect(TAG.octetString, 'issuerKeyHash').content;
  const serial = readInteger(fields.next('serialNumber'), 'serialNumber');
  fields.end('CertID');
  if (serial.length > 20)
    throw faulty(`serialNumber has ${serial.length} octets`, 'RFC 5280 4.1.2.2: at most 20 octets');
  if ((serial[0] ?? 0) & 0x80)
    throw faulty('serialNumber is negative', 'RFC 5280 4.1.2.2: a positive integer');
  if (known === undefined) return { raw, issuerKey: undefined, serial };
  if (nameHash.length !== LENGTH[known] || keyHash.length !== LENGTH[known])
    throw faulty(
      `the hashes of the issuer have ${nameHash.length} and ${keyHash.length} octets`,
      `RFC 6960 4.1.1: ${LENGTH[known]} octets each under ${known}`,
    );
  return { raw, issuerKey: keyFor(known, nameHash, keyHash), serial };
}

/** NULL or nothing (RFC 5754 2): both are met. */
function readParameters(algorithm: DerReader, known: CertIdHash | undefined): void {
  const { tag, content } = algorithm.next('parameters of hashAlgorithm');
  algorithm.end('hashAlgorithm');
  if (known !== undefined && (tag !== TAG.null || content.length > 0))
    throw faulty('the parameters of hashAlgorithm are not NULL', 'RFC 5754 2');
}
