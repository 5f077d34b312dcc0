/** Certificates that answer tls-alpn-01, right unless told otherwise. */
import { sign } from 'node:crypto';
import { DAY } from '../../src/base/clock.ts';
import { sha256 } from '../../src/x509/bytes.ts';
import { assembleCertificate, encodeTbsCertificate } from '../../src/x509/certificate.ts';
import { octetString } from '../../src/x509/der.ts';
import { basicConstraints, type Extension, subjectAltName } from '../../src/x509/extensions.ts';
import type { KeyAlgorithm } from '../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { keyOf } from '../support/keys.ts';
import { KEY_AUTHORIZATION } from './workbench.ts';

export const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31';
export const DIGEST = sha256(Buffer.from(KEY_AUTHORIZATION));

export const acmeIdentifier = (
  digest: Uint8Array = DIGEST,
  { id = ACME_IDENTIFIER, critical = true } = {},
): Extension => ({ id, critical, value: octetString(digest) });

export const dnsNames = (...values: readonly string[]): Extension =>
  subjectAltName(
    values.map((value) => ({ kind: 'dns', value })),
    false,
  );
export const ipNames = (...values: readonly string[]): Extension =>
  subjectAltName(
    values.map((value) => ({ kind: 'ip', value })),
    false,
  );

export interface CertificateParts {
  readonly extensions?: readonly Extension[];
  /** Common names. */
  readonly subject?: string;
  readonly issuer?: string;
  /** Whose key signs instead of the certificate's own. */
  readonly signer?: string;
  readonly algorithm?: KeyAlgorithm;
}

export interface ServerPair {
  readonly der: Uint8Array;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export async function acmeCertificate({
  extensions = [dnsNames('www.example.test'), acmeIdentifier()],
  subject = 'ACME challenge',
  issuer = subject,
  signer,
  algorithm = 'ecdsa-p256',
}: CertificateParts): Promise<ServerPair> {
  const own = await keyOf(algorithm, 'challenge');
  const signing = signer === undefined ? own : await keyOf(algorithm, signer);
  const { identifier, digest } = signatureAlgorithmFor(signing.publicKey.type);
  const now = Math.floor(Date.now() / 1000) * 1000;
  const tbs = encodeTbsCertificate({
    serial: Buffer.from('5b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex'),
    signatureAlgorithm: identifier,
    issuer: encodeName([commonName(issuer)]),
    notBefore: now - DAY,
    notAfter: now + DAY,
    subject: encodeName([commonName(subject)]),
    spki: own.publicKey.spki,
    extensions: [basicConstraints({ ca: true }), ...extensions],
  });
  const der = assembleCertificate(tbs, identifier, sign(digest, tbs, signing.privateKey));
  return {
    der,
    certificate: encodePem('CERTIFICATE', der),
    key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}
