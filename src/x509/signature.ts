/** Signature algorithms: their AlgorithmIdentifier, and verifying with it (RFC 4055, 5758, 8410). */
import { verify, type KeyObject } from 'node:crypto';
import { type Bytes, equal } from './bytes.ts';
import { DerReader, NULL, oid, readOid, sequence } from './der.ts';
import { OID, oidName } from './oids.ts';
import type { KeyType } from './public-key.ts';

export interface SignatureAlgorithm {
  readonly name: string;
  /** DER of the AlgorithmIdentifier, compared octet by octet. */
  readonly identifier: Bytes;
  /** Digest for `crypto.sign` and `crypto.verify`; `null` where the algorithm hashes by itself. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
  readonly family: 'ecdsa' | 'rsa' | 'ed25519';
}

const algorithm = (
  name: string,
  id: string,
  digest: SignatureAlgorithm['digest'],
  family: SignatureAlgorithm['family'],
): SignatureAlgorithm => ({
  name,
  identifier: family === 'rsa' ? sequence(oid(id), NULL) : sequence(oid(id)),
  digest,
  family,
});

const ECDSA_SHA256 = algorithm('ecdsa-with-SHA256', OID.ecdsaWithSha256, 'sha256', 'ecdsa');
const ECDSA_SHA384 = algorithm('ecdsa-with-SHA384', OID.ecdsaWithSha384, 'sha384', 'ecdsa');
const RSA_SHA256 = algorithm('sha256WithRSAEncryption', OID.sha256WithRsa, 'sha256', 'rsa');
const ED25519 = algorithm('Ed25519', OID.ed25519, null, 'ed25519');

/** Everything that we accept under a signature. MD5 and SHA-1 are not here. */
const ACCEPTED: readonly SignatureAlgorithm[] = [
  ECDSA_SHA256,
  ECDSA_SHA384,
  algorithm('ecdsa-with-SHA512', OID.ecdsaWithSha512, 'sha512', 'ecdsa'),
  RSA_SHA256,
  algorithm('sha384WithRSAEncryption', OID.sha384WithRsa, 'sha384', 'rsa'),
  algorithm('sha512WithRSAEncryption', OID.sha512WithRsa, 'sha512', 'rsa'),
  ED25519,
];

const SIGNED_WITH: Readonly<Record<KeyType, SignatureAlgorithm>> = {
  'ecdsa-p256': ECDSA_SHA256,
  'ecdsa-p384': ECDSA_SHA384,
  ed25519: ED25519,
  rsa: RSA_SHA256,
};

/** The one algorithm that a key of this type signs with. */
export const signatureAlgorithmFor = (type: KeyType): SignatureAlgorithm => SIGNED_WITH[type];

/** `undefined` when the AlgorithmIdentifier is none that we accept. */
export const findSignatureAlgorithm = (identifier: Bytes): SignatureAlgorithm | undefined =>
  ACCEPTED.find((candidate) => equal(candidate.identifier, identifier));

/** The dotted identifier, for messages. Throws `malformed_der`. */
export const signatureAlgorithmOid = (identifier: Bytes): string =>
  readOid(
    DerReader.sequence(identifier, 'signatureAlgorithm').next('signatureAlgorithm'),
    'signatureAlgorithm',
  );

/** The name of an algorithm that we accept, the identifier of any other, for people. */
export function signatureAlgorithmName(identifier: Bytes): string {
  const found = findSignatureAlgorithm(identifier);
  if (found !== undefined) return found.name;
  try {
    return oidName(signatureAlgorithmOid(identifier));
  } catch {
    return 'unreadable';
  }
}

const FAMILY: Readonly<Record<KeyType, SignatureAlgorithm['family']>> = {
  'ecdsa-p256': 'ecdsa',
  'ecdsa-p384': 'ecdsa',
  ed25519: 'ed25519',
  rsa: 'rsa',
};

/** Whether `signature` over `message` was made by the private half of `key` with the named algorithm. */
export function verifySignature(
  identifier: Bytes,
  message: Bytes,
  signature: Bytes,
  key: { readonly type: KeyType; readonly keyObject: KeyObject },
): boolean {
  const found = findSignatureAlgorithm(identifier);
  if (found === undefined || found.family !== FAMILY[key.type]) return false;
  try {
    return verify(found.digest, message, key.keyObject, signature);
  } catch {
    return false; // a signature that OpenSSL cannot even parse
  }
}
