import { z } from 'zod';
import { NameLists, ObjectName, LabelText, Pem, Serial, Time } from './common.ts';

const MAX_SERIALS = 1000;
const KeyFingerprint = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256 of the SubjectPublicKeyInfo, hexadecimal');

const RevocationSearch = z
  .strictObject({
    name: z.string().max(2100).optional().describe('Any name of any kind, exactly'),
    principal: z.string().max(2200).optional().describe('Who asked, exactly'),
    issuer: ObjectName.optional(),
    profile: ObjectName.optional(),
    keyFingerprint: KeyFingerprint.optional(),
    owner: z.string().max(200).optional().describe('Who answers for it, exactly'),
    label: LabelText.optional(),
  })
  .describe('All that are neither expired nor revoked and meet every condition; at least one condition');

const which = {
  serials: z.array(Serial).min(1).max(MAX_SERIALS).optional().describe('By serial number'),
  certificate: Pem.optional().describe('The certificate itself'),
  search: RevocationSearch.optional(),
};

const isOne = (body: { readonly [K in keyof typeof which]?: unknown }): boolean =>
  [body.serials, body.certificate, body.search].filter((value) => value !== undefined).length === 1;
const ONE = 'exactly one of serials, certificate and search';

export const RevocationRequest = z
  .strictObject({
    ...which,
    reason: z
      .string()
      .max(40)
      .default('unspecified')
      .describe(
        'unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn (RFC 5280 5.3.1)',
      ),
    expectedCount: z
      .int()
      .min(0)
      .optional()
      .describe('Nothing happens where another number of certificates is hit'),
  })
  .refine(isOne, ONE)
  .describe('Revoke certificates. It is for ever');
export type RevocationRequest = z.infer<typeof RevocationRequest>;

const Revoked = z
  .object({
    results: z.array(
      z.object({
        serial: Serial,
        result: z
          .enum(['revoked', 'raised', 'blocked', 'already'])
          .describe(
            'raised: it was revoked before, and its reason is keyCompromise now; blocked: only its key is blocked now',
          ),
        keyBlocked: z.boolean().describe('Whether nobody gets a certificate for its key any more'),
      }),
    ),
    more: z.boolean().describe('There are more than one request revokes: ask again in the same words'),
    notices: z.array(z.string()).describe('What whoever revokes has to know'),
  })
  .describe('What was revoked');

export const RevocationReport = Revoked.extend({ reason: z.string() }).describe('What was revoked');
export type RevocationReport = z.infer<typeof RevocationReport>;

export const ImpactRequest = z
  .strictObject(which)
  .refine(isOne, ONE)
  .describe('What a revocation would hit; nothing is changed');
export type ImpactRequest = z.infer<typeof ImpactRequest>;

export const ImpactResource = z
  .object({
    count: z.int().describe('How many certificates would be revoked'),
    unrecorded: z
      .int()
      .describe('How many of them are known by issuer and serial number only; they are not listed'),
    complete: z.boolean().describe('False: there are more than were counted'),
    refused: z
      .int()
      .describe('How many of them the caller may not revoke: nothing is revoked unless it is 0'),
    principals: z.int().describe('Of how many callers they are'),
    owners: z.int(),
    issuers: z.record(z.string(), z.int()).describe('How many by issuer'),
    latestNotAfter: Time.optional().describe('Until when the last of them lives'),
    blocksKeys: z
      .boolean()
      .describe('Whether keyCompromise by this caller blocks the keys of those that are listed'),
    certificates: z
      .array(
        z.object({
          serial: Serial,
          names: NameLists,
          issuer: z.string(),
          generation: z.string(),
          profile: z.string(),
          principal: z.string().describe('Who asked'),
          owner: z.string().optional(),
          state: z.enum(['valid', 'expired', 'revoked']),
          notAfter: Time,
          remainingSeconds: z.int().describe('How long it would have lived'),
          lastRenewedAt: Time.optional().describe('When a later certificate renewed it'),
          lastPresentedAt: Time.optional().describe('When it last logged in here'),
          replacedBy: Serial.optional().describe('A later living certificate with the same names'),
          keyFingerprint: KeyFingerprint,
          keyBlocked: z.boolean(),
          reach: z
            .enum(['everybody', 'here'])
            .describe('here: relying parties do not ask (RFC 9608), only this server refuses it'),
          deliveries: z.array(z.string()).describe('Where it was delivered to, as far as it is on record'),
        }),
      )
      .describe('The first 100'),
  })
  .describe('What a revocation would hit');
export type ImpactResource = z.infer<typeof ImpactResource>;

export const LeakedKeyRequest = z
  .strictObject({
    statement: z
      .string()
      .min(1)
      .max(8192)
      .describe(
        'JWS in compact form, signed by the key that leaked. Header: alg, jwk (public), typ chancery-leaked-key+jws. Payload: purpose chancery-revoke-leaked-key, trustDomain, keySha256 (of the SubjectPublicKeyInfo, hexadecimal), iat (at most 10 minutes off)',
      ),
  })
  .describe('Proof that a private key leaked: its signature. The key itself is never sent');
export type LeakedKeyRequest = z.infer<typeof LeakedKeyRequest>;

export const LeakedKeyReport = Revoked.extend({ keyFingerprint: KeyFingerprint }).describe(
  'What was revoked; the key is blocked',
);
export type LeakedKeyReport = z.infer<typeof LeakedKeyReport>;

/** In the detail of a certificate. */
export const RevocationDetail = z
  .object({
    revokedAt: Time,
    reason: z.string(),
    recordedAt: Time,
    crlSeenAt: Time.optional().describe('When our own probe first saw it in a published CRL'),
    ocspSeenAt: Time.optional().describe('When our own probe first had it from OCSP'),
  })
  .describe('The revocation, and since when others see it');
