import { z } from 'zod';
import { Pem, Time } from './common.ts';

export const RootResource = z
  .object({
    name: z.string(),
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
    state: z.enum(['next', 'current', 'retired']),
    stopped: z.string().optional().describe('Why nothing is signed under it any more'),
    subject: z.string(),
    serial: z.string(),
    fingerprint: z.string(),
    subjectKeyIdentifier: z.string(),
    keyType: z.string(),
    notBefore: Time,
    notAfter: Time,
    shards: z.int().describe('CRL shards that its certificates are spread over'),
    certificate: Pem,
  })
  .describe('One generation of an issuer: own key, name, key identifier and URLs');
export type GenerationResource = z.infer<typeof GenerationResource>;

export const IssuerResource = z
  .object({
    name: z.string(),
    root: z.string(),
    profiles: z.array(z.string()),
    authenticates: z.boolean().describe('Whether its certificates log in here'),
    generations: z.array(GenerationResource),
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
    certificates: z.int().describe('Certificates in the store'),
    headroomSeconds: z
      .number()
      .optional()
      .describe('Until the first valid certificate expires if nothing is renewed'),
  })
  .describe('What runs, and who asks');
export type ServerInfo = z.infer<typeof ServerInfo>;
