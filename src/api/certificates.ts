import { z } from 'zod';
import {
  Cursor,
  Labels,
  LabelText,
  Limit,
  NameLists,
  ObjectName,
  Owner,
  Pem,
  Serial,
  Time,
  Ttl,
} from './common.ts';
import { RevocationDetail } from './revocations.ts';

const belonging = {
  owner: Owner.optional().describe(
    'Who answers for it; left out: the owner of the grant or token that allows it',
  ),
  labels: Labels.optional(),
};

const KEY_ALGORITHMS = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;

export const SignRequest = z
  .strictObject({
    issuer: ObjectName.optional().describe('Left out: the only issuer with this profile'),
    profile: ObjectName.optional().describe("Left out: the token's; callers without a token name it"),
    csr: Pem.describe(
      'Certificate request (PKCS#10). It gives the public key and names; its extensions are never copied',
    ),
    names: NameLists.optional().describe(
      'Left out: the names in the CSR. Given: the CSR has the same ones, or none',
    ),
    ttl: Ttl.optional().describe("Left out: the profile's default"),
    ...belonging,
  })
  .describe('Sign a certificate request');
export type SignRequest = z.infer<typeof SignRequest>;

export const GenerateRequest = z
  .strictObject({
    issuer: ObjectName.optional().describe('Left out: the only issuer with this profile'),
    profile: ObjectName,
    names: NameLists,
    keyType: z.enum(KEY_ALGORITHMS).default('ecdsa-p256'),
    ttl: Ttl.optional().describe("Left out: the profile's default"),
    ...belonging,
  })
  .describe('Issue a certificate with a key that is made here and handed over once');
export type GenerateRequest = z.infer<typeof GenerateRequest>;

export const RenewRequest = z
  .strictObject({
    csr: Pem.describe(
      'Certificate request with the key to be certified; names in it have to be those of the certificate',
    ),
    ttl: Ttl.optional().describe('Left out: as long as the certificate lived'),
  })
  .describe('Renew a certificate: same issuer, profile and names');
export type RenewRequest = z.infer<typeof RenewRequest>;

export const IssuedCertificate = z
  .object({
    serial: Serial,
    certificate: Pem.describe('The leaf'),
    chain: z.array(Pem).describe('Issuing CA first; neither leaf nor root'),
    notBefore: Time,
    notAfter: Time,
    issuer: z.string(),
    generation: z.string(),
    profile: z.string(),
    names: NameLists,
    rule: z.string().describe('The grant that allowed it'),
    roots: z.array(Pem).describe('The trust anchors of the chain'),
  })
  .describe('An issued certificate');
export type IssuedCertificate = z.infer<typeof IssuedCertificate>;

export const GeneratedCertificate = IssuedCertificate.extend({
  privateKey: Pem.optional().describe('PKCS#8. Only in the first answer: a replay never returns it'),
}).describe('An issued certificate with its private key');
export type GeneratedCertificate = z.infer<typeof GeneratedCertificate>;

export const CertificateSummary = z
  .object({
    serial: Serial,
    fingerprint: z.string().describe('SHA-256 of the certificate, hexadecimal'),
    issuer: z.string(),
    generation: z.string(),
    profile: z.string(),
    principal: z.string().describe('Who asked'),
    rule: z.string().describe('The grant that allowed it'),
    names: NameLists,
    notBefore: Time,
    notAfter: Time,
    issuedAt: Time,
    state: z.enum(['valid', 'expired', 'revoked']),
    revokedAt: Time.optional(),
    revocationReason: z.string().optional(),
    lastPresentedAt: Time.optional().describe('When it last logged in here, to half a minute'),
    renews: Serial.optional().describe('Serial of the certificate that this one renewed'),
    keyFingerprint: z.string().describe('SHA-256 of the SubjectPublicKeyInfo, hexadecimal'),
    owner: z.string().optional().describe('Who answers for it'),
    labels: z.record(z.string(), z.string()).optional(),
  })
  .describe('A certificate in the inventory');
export type CertificateSummary = z.infer<typeof CertificateSummary>;

export const CertificateDetail = CertificateSummary.extend({
  certificate: Pem,
  chain: z.array(Pem),
  roots: z.array(Pem),
  renewedBy: Serial.optional().describe('Serial of the newest certificate that renewed this one'),
  lastRenewedAt: Time.optional(),
  revocation: RevocationDetail.optional(),
}).describe('A certificate with its chain');
export type CertificateDetail = z.infer<typeof CertificateDetail>;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const CertificateQuery = z.strictObject({
  name: z.string().max(2100).optional().describe('Any name of any kind, exactly'),
  serial: Serial.optional(),
  fingerprint: Sha256.optional().describe('SHA-256 of the certificate, hexadecimal'),
  keyFingerprint: Sha256.optional().describe('SHA-256 of the SubjectPublicKeyInfo, hexadecimal'),
  issuer: ObjectName.optional(),
  profile: ObjectName.optional(),
  principal: z.string().max(2200).optional().describe('Who asked, exactly'),
  owner: z.string().max(200).optional().describe('Who answers for it, exactly'),
  label: LabelText.optional(),
  state: z.enum(['valid', 'expired', 'revoked']).optional(),
  expiresBefore: z.string().max(40).optional().describe('RFC 3339'),
  limit: Limit,
  cursor: Cursor,
});
export type CertificateQuery = z.infer<typeof CertificateQuery>;

export const CertificateList = z
  .object({
    certificates: z.array(CertificateSummary),
    cursor: z.string().optional().describe('Absent on the last page'),
  })
  .describe('A page of certificates, newest first');
export type CertificateList = z.infer<typeof CertificateList>;
