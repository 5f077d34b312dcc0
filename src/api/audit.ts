import { z } from 'zod';
import { Limit, Time } from './common.ts';

export const AuditQuery = z.strictObject({
  from: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('First sequence number; left out: the newest entries'),
  limit: Limit,
});
export type AuditQuery = z.infer<typeof AuditQuery>;

export const AuditEntryResource = z
  .object({
    sequence: z.int(),
    hash: z.string().describe('SHA-256 over the previous hash and the body, hexadecimal'),
    time: Time,
    event: z.string(),
    outcome: z.enum(['allowed', 'refused', 'failed']),
    principal: z.string(),
    door: z.string(),
    requestId: z.string(),
    address: z.string().optional(),
    details: z.record(z.string(), z.unknown()),
  })
  .describe('An entry of the audit log');
export type AuditEntryResource = z.infer<typeof AuditEntryResource>;

export const AuditList = z
  .object({
    entries: z.array(AuditEntryResource),
    next: z.int().optional().describe('`from` of the next page'),
  })
  .describe('Entries of the audit log, ascending');
export type AuditList = z.infer<typeof AuditList>;

export const AuditHeadResource = z
  .object({ sequence: z.int(), hash: z.string(), time: Time, keyId: z.string(), signature: z.string() })
  .describe('A signed head: keep one elsewhere to notice a cut tail');
export type AuditHeadResource = z.infer<typeof AuditHeadResource>;
