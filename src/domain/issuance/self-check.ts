/** Step 6: what was signed is what was prepared, and everybody can verify it. */
import { type Bytes, equal } from '../../x509/bytes.ts';
import { readCertificate } from '../../x509/certificate.ts';
import type { PublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';

/** What is wrong with a signed certificate, `undefined` when nothing is. */
export function selfCheckFault(der: Bytes, preparedTbs: Bytes, issuerKey: PublicKey): string | undefined {
  const certificate = readCertificate(der);
  if (!equal(certificate.tbs.raw, preparedTbs)) return 'the signed octets are not the linted ones';
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
