/** Step 6: what was signed is what was prepared, and everybody can verify it. */
import { isChanceryError } from '../../base/errors.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { readSignedParts, type SignedParts } from '../../x509/certificate.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor, verifySignature } from '../../x509/signature.ts';

/** What was linted. It compares by itself: the signer's word on what it signed counts for nothing. */
export interface Linted {
  readonly isLinted: (tbs: Bytes) => boolean;
}

/**
 * What is wrong with a signed certificate, `undefined` when nothing is. The part inside was read and linted as the same
 * octets, its signature algorithm as that of the issuer's key; so octets are all that is compared here.
 */
export function selfCheckFault(der: Bytes, linted: Linted, issuerKey: PublicKey): string | undefined {
  const parts = readOrUndefined(der);
  if (parts === undefined) return 'the signed octets cannot be read back';
  const { tbs, signatureAlgorithm, signature } = parts;
  if (!linted.isLinted(tbs)) return 'the signed octets are not the linted ones';
  if (!equal(signatureAlgorithm, signatureAlgorithmFor(issuerKey.type).identifier))
    return 'the two signature algorithm identifiers differ (RFC 5280 4.1.1.2)';
  if (!verifySignature(signatureAlgorithm, tbs, signature, issuerKey))
    return "the signature does not verify with the issuer's public key";
  return undefined;
}

function readOrUndefined(der: Bytes): SignedParts | undefined {
  try {
    return readSignedParts(der);
  } catch (error) {
    if (isChanceryError(error)) return undefined;
    throw error;
  }
}
