import { z } from 'zod';
import { NameLists, ObjectName, Owner, Time, Ttl } from './common.ts';

export const TokenRequest = z
  .strictObject({
    issuer: ObjectName.optional().describe('Left out: the only issuer with this profile'),
    profile: ObjectName,
    names: NameLists.describe(
      'What its holder gets a certificate for; you have to hold these names yourself',
    ),
    uses: z.int().min(1).max(10_000).default(1).describe('How many certificates'),
    expiresIn: Ttl.default('1h').describe('Until when the token can be used, at most 30d'),
    maxTtl: Ttl.optional().describe('Longest life of its certificates; left out: as the profile has it'),
    owner: Owner.optional().describe('Who answers for it, and for its certificates'),
  })
  .describe('A new enrolment token');
export type TokenRequest = z.infer<typeof TokenRequest>;

export const TokenResource = z
  .object({
    id: z.string(),
    state: z.enum(['usable', 'spent', 'expired', 'revoked']),
    issuer: z.string(),
    profile: z.string(),
    names: NameLists,
    uses: z.int(),
    used: z.int(),
    expiresAt: Time,
    maxTtl: z.string().optional(),
    owner: z.string().optional(),
    createdBy: z.string(),
    createdAt: Time,
    revokedAt: Time.optional(),
  })
  .describe('An enrolment token, without its secret');
export type TokenResource = z.infer<typeof TokenResource>;

export const CreatedToken = TokenResource.extend({
  token: z.string().describe('chy_…: URL, secret and root fingerprint in one line. Only in this answer'),
}).describe('A new enrolment token with its secret');
export type CreatedToken = z.infer<typeof CreatedToken>;

export const TokenList = z.object({ tokens: z.array(TokenResource) });
export type TokenList = z.infer<typeof TokenList>;
