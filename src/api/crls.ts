import { z } from 'zod';
import { ObjectName, Time } from './common.ts';
import type { Route } from './route.ts';

export const IssuerCrlResource = z
  .object({
    generation: z.string(),
    scope: z
      .string()
      .describe('full: everything that the generation has revoked; else the number of a shard'),
    url: z.string(),
    problem: z.string().optional().describe('Why the next one was not published; the one here stays'),
    number: z.string().optional().describe('Absent where none was published yet, as all that follows'),
    thisUpdate: Time.optional(),
    nextUpdate: Time.optional(),
    entries: z.int().optional().describe('Certificates that it names'),
    size: z.int().optional().describe('Octets'),
    sha256: z.string().optional(),
  })
  .describe('The newest CRL of a scope');
export type IssuerCrlResource = z.infer<typeof IssuerCrlResource>;

export const IssuerCrlList = z.object({ crls: z.array(IssuerCrlResource) });
export type IssuerCrlList = z.infer<typeof IssuerCrlList>;

export const CrlPublication = z
  .strictObject({
    acceptClock: z
      .boolean()
      .describe('Date them by the clock as it is, although earlier ones lie in the future'),
  })
  .describe('Publish all CRLs of an issuer now');
export type CrlPublication = z.infer<typeof CrlPublication>;

const byName = z.strictObject({ name: ObjectName });

export const CRL_ROUTES = {
  listIssuerCrls: {
    method: 'get',
    path: '/api/v1/issuers/{name}/crls',
    rule: 'read-everything',
    summary: 'List the CRLs of an issuer: of each generation that publishes, by scope',
    params: byName,
    status: 200,
    response: IssuerCrlList,
  },
  publishIssuerCrls: {
    method: 'post',
    path: '/api/v1/issuers/{name}/crls/publish',
    rule: 'admin-everything',
    summary: 'Publish all CRLs of an issuer now',
    params: byName,
    body: CrlPublication,
    status: 200,
    response: IssuerCrlList,
  },
} as const satisfies Record<string, Route>;
