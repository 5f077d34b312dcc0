/** Documents that are applied: what a set is to hold, and what changes by it. */
import { z } from 'zod';
import { ObjectName } from './common.ts';
import { ManagedSpec } from './managed.ts';
import { AuthoritySpec } from './public-authorities.ts';

export const ApplyDocument = z.union([
  z.strictObject({
    apiVersion: z.literal('chancery/v1'),
    kind: z.literal('ManagedCertificate'),
    name: ObjectName,
    spec: ManagedSpec,
  }),
  z.strictObject({
    apiVersion: z.literal('chancery/v1'),
    kind: z.literal('PublicAuthority'),
    name: ObjectName,
    spec: AuthoritySpec,
  }),
]);
export type ApplyDocument = z.infer<typeof ApplyDocument>;

export const ApplyRequest = z
  .strictObject({
    set: ObjectName.default('default').describe('Prune never leaves it'),
    documents: z.array(ApplyDocument).max(500),
    prune: z
      .boolean()
      .default(false)
      .describe('Whether what the set has and the documents have not is deleted'),
    dryRun: z.boolean().default(false),
  })
  .describe('What a set is to hold');
export type ApplyRequest = z.infer<typeof ApplyRequest>;

export const Change = z.object({
  kind: z.string(),
  name: z.string(),
  action: z.enum(['created', 'changed', 'unchanged', 'deleted']),
  fields: z.array(z.string()).describe('What changes'),
});
export const ApplyReport = z.object({ dryRun: z.boolean(), changes: z.array(Change) });
export type ApplyReport = z.infer<typeof ApplyReport>;
