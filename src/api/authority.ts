import { z } from 'zod';
import { ObjectName, Pem, Time } from './common.ts';

const STATES = ['next', 'current', 'superseded', 'retired'] as const;

export const RootResource = z
  .object({
    name: z.string(),
    line: z.string().describe('What the configuration calls it: the name of the first of its line'),
    state: z.enum(STATES),
    offline: z.boolean().describe('Whether its key is kept elsewhere'),
    subject: z.string(),
    fingerprint: z.string().describe('SHA-256 of the certificate, hexadecimal'),
    notBefore: Time,
    notAfter: Time,
    keyType: z.string(),
    certificate: Pem,
  })
  .describe('A trust anchor');
export type RootResource = z.infer<typeof RootResource>;
export const RootList = z.object({ roots: z.array(RootResource) });
export type RootList = z.infer<typeof RootList>;

export const GenerationResource = z
  .object({
    id: z.string(),
    root: z.string().describe('Name of the root that signed it'),
    state: z
      .enum(STATES)
      .describe('superseded: a newer one issues, and certificates of this one may still live'),
    stopped: z.string().optional().describe('Why nothing is signed under it any more'),
    revokedAt: Time.optional().describe(
      'When its root revoked it: it signs no leaf, and its certificates log in nowhere',
    ),
    subject: z.string(),
    serial: z.string(),
    fingerprint: z.string(),
    subjectKeyIdentifier: z.string(),
    keyType: z.string(),
    notBefore: Time,
    notAfter: Time,
    maxPathLength: z.int().optional().describe('How many CAs may stand below it'),
    permitted: z.array(z.string()).describe('Names that it may certify, as name constraints; empty: all'),
    excluded: z.array(z.string()).describe('Names that it may not certify'),
    shards: z.int().describe('CRL shards that its certificates are spread over'),
    certificate: Pem,
  })
  .describe('One generation of an issuer: own key, name, key identifier and URLs');
export type GenerationResource = z.infer<typeof GenerationResource>;

export const GenerationRevocation = z
  .strictObject({
    reason: z.string().max(40).describe('cACompromise, superseded or cessationOfOperation (RFC 5280 5.3.1)'),
  })
  .describe('Have its root revoke a generation. It is for ever');
export type GenerationRevocation = z.infer<typeof GenerationRevocation>;

export const GenerationImpact = z
  .object({
    generation: z.string(),
    root: z.string(),
    offline: z.boolean().describe('Whether the root is kept elsewhere: then its CRL is signed there'),
    living: z.int().describe('Certificates of it that live, and that nobody would accept any more'),
    latestNotAfter: Time.optional().describe('When the last of them would expire'),
    logins: z.boolean().describe('Whether they log in here'),
  })
  .describe('What revoking a generation would hit; nothing is changed');
export type GenerationImpact = z.infer<typeof GenerationImpact>;

export const PendingResource = z
  .object({
    generation: z.string(),
    root: z.string().describe('Name of the root that has to sign'),
    csr: Pem,
    createdAt: Time,
  })
  .describe('The request of a generation that waits for the signature of an offline root');
export type PendingResource = z.infer<typeof PendingResource>;

export const PreparedResource = z
  .object({ generation: GenerationResource.optional(), request: PendingResource.optional() })
  .describe('The next generation, or the request for it');
export type PreparedResource = z.infer<typeof PreparedResource>;

export const ImportRequest = z
  .strictObject({ certificate: Pem })
  .describe(
    'A certificate that was signed elsewhere: by an offline root for a request of ours, or that root itself',
  );
export type ImportRequest = z.infer<typeof ImportRequest>;

export const IssuerImport = z
  .strictObject({
    key: Pem.describe('Private key, PKCS#8, not encrypted'),
    certificate: Pem,
    root: Pem.optional().describe('The root above it, where that is none of this authority'),
    noPreviousCrl: z
      .boolean()
      .default(false)
      .describe('It never published a CRL. Else none is published until its last one was given'),
  })
  .describe('Key and certificate of an issuer that were made elsewhere');
export type IssuerImport = z.infer<typeof IssuerImport>;

const PAST_OCTETS = 32 * 1024 * 1024;

export const IssuerHistory = z
  .strictObject({
    crl: z.string().max(PAST_OCTETS).optional().describe('Its last complete CRL, PEM'),
    index: z.string().max(PAST_OCTETS).optional().describe('index.txt of `openssl ca`'),
    certificates: z
      .array(Pem)
      .max(10_000)
      .default([])
      .describe('Certificates that it signed; in several requests where there are more'),
    noPreviousCrl: z.boolean().default(false).describe('It never published a CRL'),
  })
  .refine(
    ({ crl, index, certificates, noPreviousCrl }) =>
      noPreviousCrl || crl !== undefined || index !== undefined || certificates.length > 0,
    'at least one of crl, index, certificates and noPreviousCrl',
  )
  .describe('What an imported issuer did elsewhere');
export type IssuerHistory = z.infer<typeof IssuerHistory>;

export const IssuerHistoryReport = z
  .object({
    generation: z.string(),
    known: z.int().describe('Living certificates that OCSP knows now'),
    revocations: z.int().describe('Revocations that its CRLs name now'),
    crlNumber: z.string().optional().describe('Number of its last CRL: none here is below'),
    crlsHeldBack: z.boolean().describe('Whether no CRL is published yet'),
  })
  .describe('What was taken over');
export type IssuerHistoryReport = z.infer<typeof IssuerHistoryReport>;

export const CrlRequest = z
  .strictObject({ crl: Pem })
  .describe('A CRL that was signed with the key of a root');
export type CrlRequest = z.infer<typeof CrlRequest>;
export const CrlResource = z
  .object({ root: z.string(), number: z.string(), thisUpdate: Time, nextUpdate: Time })
  .describe('The newest CRL of a root');
export type CrlResource = z.infer<typeof CrlResource>;

export const byGeneration = z.strictObject({ id: ObjectName });

export const IssuerResource = z
  .object({
    name: z.string(),
    root: z.string(),
    profiles: z.array(z.string()),
    authenticates: z.boolean().describe('Whether its certificates log in here'),
    generations: z.array(GenerationResource),
    pending: PendingResource.optional(),
  })
  .describe('A named signing authority');
export type IssuerResource = z.infer<typeof IssuerResource>;
export const IssuerList = z.object({ issuers: z.array(IssuerResource) });
export type IssuerList = z.infer<typeof IssuerList>;

const Count = z.object({ min: z.int(), max: z.int() });
export const ProfileResource = z
  .object({
    name: z.string(),
    keyTypes: z.array(z.string()),
    names: z.object({ uri: Count, dns: Count, ip: Count, email: Count }),
    extendedKeyUsage: z.array(z.string()),
    commonName: z.boolean(),
    defaultTtl: z.string(),
    maxTtl: z.string(),
    backdate: z.string(),
    login: z.boolean(),
    noRevAvail: z
      .boolean()
      .describe('Whether its certificates say that no revocation is published for them (RFC 9608)'),
    issuers: z.array(z.string()).describe('Issuers that issue with it'),
  })
  .describe('What a kind of certificate looks like');
export type ProfileResource = z.infer<typeof ProfileResource>;
export const ProfileList = z.object({ profiles: z.array(ProfileResource) });
export type ProfileList = z.infer<typeof ProfileList>;

export const ServerInfo = z
  .object({
    version: z.string(),
    trustDomain: z.string(),
    principal: z.string().describe('Who you are here'),
    startedAt: Time,
    statusUrl: z.string().describe('Where CRLs, OCSP and issuer certificates are, for everybody'),
    certificates: z.int().describe('Certificates in the store'),
    headroomSeconds: z
      .number()
      .optional()
      .describe('Until the first valid certificate expires if nothing is renewed'),
  })
  .describe('What runs, and who asks');
export type ServerInfo = z.infer<typeof ServerInfo>;
