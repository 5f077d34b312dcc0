import { z } from 'zod';
import { ObjectName, Time, Ttl } from './common.ts';

const patterns = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  z.array(z.string().max(300)).max(100).optional().describe(what);

const Patterns = z.strictObject({
  dns: patterns('DNS names: "*" is one label, "**" one or more'),
  ip: patterns('Addresses and CIDR ranges'),
});

const KeyName = z
  .string()
  .regex(/^[\x20-\x7e]{1,100}$/)
  .describe('What people call it: 1 to 100 printable ASCII characters');

export const ExternalKeyRequest = z
  .strictObject({
    issuer: ObjectName.describe('An issuer that serves ACME'),
    name: KeyName.optional(),
    names: Patterns.optional().describe(
      'The only names that its accounts can get, of those that they are granted; left out: all of them',
    ),
    preauthorized: Patterns.optional().describe('Names that need no challenge while the key lasts'),
    profile: ObjectName.optional().describe('The only profile that its accounts can get'),
    uses: z.int().min(1).max(10_000).optional().describe('How many accounts; left out: any number'),
    expiresIn: Ttl.optional().describe('Until when it lasts; left out: until it is revoked'),
  })
  .describe('A new external account key (RFC 8555 7.3.4)');
export type ExternalKeyRequest = z.infer<typeof ExternalKeyRequest>;

export const ExternalKeyResource = z
  .object({
    kid: z.string().describe('The key identifier that clients are given'),
    state: z.enum(['usable', 'spent', 'expired', 'revoked']),
    issuer: z.string(),
    name: z.string(),
    names: Patterns.optional(),
    preauthorized: Patterns.optional(),
    profile: z.string().optional(),
    uses: z.int().optional(),
    used: z.int(),
    expiresAt: Time.optional(),
    createdBy: z.string(),
    createdAt: Time,
    revokedAt: Time.optional(),
  })
  .describe('An external account key, without its secret');
export type ExternalKeyResource = z.infer<typeof ExternalKeyResource>;

export const CreatedExternalKey = ExternalKeyResource.extend({
  hmacKey: z.string().describe('The MAC key, base64url. Only in this answer'),
}).describe('A new external account key with its secret');
export type CreatedExternalKey = z.infer<typeof CreatedExternalKey>;

export const ExternalKeyList = z.object({ externalKeys: z.array(ExternalKeyResource) });
export type ExternalKeyList = z.infer<typeof ExternalKeyList>;

export const AcmeAccountResource = z
  .object({
    id: z.string(),
    issuer: z.string(),
    status: z.enum(['valid', 'deactivated']),
    principal: z.string().describe('How grants and the audit log know it'),
    contact: z.array(z.string()),
    key: z.string().describe('SHA-256 of its public key'),
    externalKey: z.string().optional().describe('The external account key that it was made with'),
    termsAgreedAt: Time.optional(),
    createdAt: Time,
    deactivatedAt: Time.optional(),
  })
  .describe('An ACME account');
export type AcmeAccountResource = z.infer<typeof AcmeAccountResource>;

export const AcmeAccountList = z.object({
  accounts: z.array(AcmeAccountResource),
  cursor: z.string().optional().describe('Of the next page'),
});
export type AcmeAccountList = z.infer<typeof AcmeAccountList>;

const Step = z.object({
  after: z.number().describe('Milliseconds since the probe began'),
  kind: z.string(),
  target: z.string(),
  address: z.string().optional(),
  result: z.string(),
});

const AcmeAuthorization = z.object({
  id: z.string(),
  name: z.string().describe('dns:www.example.test, dns:*.example.test, ip:192.0.2.7'),
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  preauthorizedBy: z.string().optional().describe('The external account key that stands in for a challenge'),
  challenge: z
    .object({
      type: z.string(),
      status: z.enum(['pending', 'processing', 'valid', 'invalid']),
      startedAt: Time,
      endedAt: Time.optional(),
      problem: z.object({ type: z.string(), detail: z.string() }).optional(),
      log: z.array(Step).describe('What the probe did, and what came of it'),
    })
    .optional()
    .describe('The one that the client answered'),
});

export const AcmeOrderResource = z
  .object({
    id: z.string(),
    issuer: z.string(),
    account: z.string(),
    status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
    names: z.array(z.string()),
    profile: z.string(),
    createdAt: Time,
    expiresAt: Time,
    certificate: z.string().optional().describe('Serial number'),
    replaces: z.string().optional().describe('Serial number of the certificate that it replaces'),
    refusal: z.string().optional().describe('Why finalizing it was refused last'),
    authorizations: z.array(AcmeAuthorization),
  })
  .describe('An ACME order, with what became of its validations');
export type AcmeOrderResource = z.infer<typeof AcmeOrderResource>;

export const AcmeOrderList = z.object({
  orders: z.array(AcmeOrderResource.omit({ authorizations: true })),
  cursor: z.string().optional().describe('Of the next page'),
});
export type AcmeOrderList = z.infer<typeof AcmeOrderList>;

export const WindowRequest = z
  .strictObject({
    issuer: ObjectName,
    within: Ttl.default('1h').describe('How long the window is, from now on: clients spread over it'),
    explanationUrl: z
      .url({ protocol: /^https$/ })
      .max(500)
      .optional()
      .describe('Shown by clients'),
    revoke: z
      .string()
      .max(40)
      .optional()
      .describe(
        'Also revoke them, with this reason, once the window is over and every client has seen it; left out: nothing is revoked',
      ),
  })
  .describe('Ask the clients of all certificates of an issuer to renew now (RFC 9773)');
export type WindowRequest = z.infer<typeof WindowRequest>;

export const ScheduledRevocationResource = z
  .object({
    id: z.string(),
    state: z.enum(['waiting', 'running', 'done', 'cancelled']),
    issuer: z.string(),
    issuedUntil: Time.describe('Certificates that were issued over ACME up to here'),
    reason: z.string(),
    dueAt: Time.describe('Not before'),
    createdBy: z.string(),
    createdAt: Time,
    cancelledAt: Time.optional(),
    doneAt: Time.optional(),
    revoked: z.int().optional().describe('How many were revoked'),
  })
  .describe('A revocation that waits until ACME clients have been told to renew');
export type ScheduledRevocationResource = z.infer<typeof ScheduledRevocationResource>;

export const ScheduledRevocationList = z.object({ revocations: z.array(ScheduledRevocationResource) });
export type ScheduledRevocationList = z.infer<typeof ScheduledRevocationList>;

export const WindowResource = z
  .object({
    issuer: z.string(),
    issuedUntil: Time.describe('Certificates that were issued up to here'),
    start: Time,
    end: Time,
    knownBy: Time.describe('Until then every client that asks as it was told has seen it'),
    explanationUrl: z.string().optional(),
    revocation: ScheduledRevocationResource.optional(),
  })
  .describe('A moved renewal window');
export type WindowResource = z.infer<typeof WindowResource>;
