/** Step 6: what was signed is what was prepared, and everybody can verify it. */
import { isChanceryError } from '../../base/errors.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';

/** What was linted. It compares by itself: the signer's word on what it signed counts for nothing. */
export interface Linted {
  readonly isLinted: (tbs: Bytes) => boolean;
}

/** What is wrong with a signed certificate, `undefined` when nothing is. */
export function selfCheckFault(der: Bytes, linted: Linted, issuerKey: PublicKey): string | undefined {
  const certificate = readOrUndefined(der);
  if (certificate === undefined) return 'the signed octets cannot be read back';
  if (!linted.isLinted(certificate.tbs.raw)) return 'the signed octets are not the linted ones';
  if (!equal(certificate.signatureAlgorithm, certificate.outerSignatureAlgorithm))
    return 'the two signature algorithm identifiers differ (RFC 5280 4.1.1.2)';
  if (
    !verifySignature(
      certificate.outerSignatureAlgorithm,
      certificate.tbs.raw,
      certificate.signature,
      issuerKey,
    )
  )
    return "the signature does not verify with the issuer's public key";
  return undefined;
}

function readOrUndefined(der: Bytes): Certificate | undefined {
  try {
    return readCertificate(der);
  } catch (error) {
    if (isChanceryError(error)) return undefined;
    throw error;
  }
}
