/** A leaf for a key that somebody else has: what a CA makes of a request. */
import type { Duration, Instant } from '../../src/base/clock.ts';
import { type Bytes, sha256, concat, fromUtf8 } from '../../src/x509/bytes.ts';
import { assembleCertificate, encodeTbsCertificate } from '../../src/x509/certificate.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extKeyUsage,
  keyUsage,
  subjectAltName,
} from '../../src/x509/extensions.ts';
import { signWith } from '../../src/x509/key-pair.ts';
import { EMPTY_NAME } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import type { Names, Party } from './chains.ts';

export function certify(ca: Party, spki: Bytes, names: Names, notBefore: Instant, life: Duration): Bytes {
  const algorithm = signatureAlgorithmFor(ca.pair.publicKey.type).identifier;
  const tbs = encodeTbsCertificate({
    serial: sha256(concat([spki, fromUtf8(String(notBefore))])).subarray(0, 15),
    signatureAlgorithm: algorithm,
    issuer: ca.name,
    notBefore,
    notAfter: notBefore + life,
    subject: EMPTY_NAME,
    spki,
    extensions: [
      authorityKeyIdentifier(keyIdentifier(ca.pair.publicKey.keyBits)),
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extKeyUsage([OID.serverAuth]),
      subjectAltName(names, true),
    ],
  });
  return assembleCertificate(tbs, algorithm, signWith(ca.pair, tbs));
}
