/** What renewals ask of CAs and stores, in the days to come. */
import { z } from 'zod';
import { ApplyDocument } from './apply.ts';

export const RenewalPlan = z.object({
  days: z.int(),
  lanes: z.array(
    z.object({
      lane: z.string().describe('A CA or a kind of store'),
      peakPerHour: z.int(),
      meanPerHour: z.number(),
      perDay: z.array(z.int()).describe('From today on'),
    }),
  ),
});
export type RenewalPlan = z.infer<typeof RenewalPlan>;

export const PlanQuery = z.strictObject({
  days: z.coerce.number().int().min(1).max(366).default(90).describe('From now on'),
});
export const PlanRequest = z
  .strictObject({
    days: z.int().min(1).max(366).default(90),
    documents: z.array(ApplyDocument).max(500),
  })
  .describe('What is to be planned besides what there is');
export type PlanRequest = z.infer<typeof PlanRequest>;
