import { z } from 'zod';
import { NameLists, ObjectName, Owner, Time, Ttl } from './common.ts';

export const Verb = z.enum(['issue', 'renew', 'revoke', 'read', 'deliver', 'register', 'admin']);

const patterns = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  z.array(z.string().max(2100)).max(200).optional().describe(what);

const fields = {
  principal: z
    .string()
    .min(1)
    .max(2200)
    .describe('Pattern over principals, e.g. mtls:clients:spiffe://example.test/ops/*'),
  verbs: z.array(Verb).min(1),
  issuer: z.union([ObjectName, z.literal('*')]),
  profiles: z.array(z.union([ObjectName, z.literal('*')])).min(1),
  uri: patterns('e.g. spiffe://example.test/ns/**'),
  dns: patterns('e.g. **.example.test'),
  ip: patterns('e.g. 10.0.0.0/8'),
  email: patterns('e.g. *@example.test'),
  maxTtl: Ttl.optional(),
  owner: Owner.optional(),
};

/** `/grants/explain` is another route. */
const NewName = ObjectName.refine((name) => name !== 'explain', 'explain is no name for a grant');

export const GrantRequest = z.strictObject({ name: NewName, ...fields }).describe('A new grant');
export type GrantRequest = z.infer<typeof GrantRequest>;

export const GrantReplacement = z
  .strictObject({ name: ObjectName.optional().describe('As in the path'), ...fields })
  .describe('What a grant is to say from now on');
export type GrantReplacement = z.infer<typeof GrantReplacement>;

export const GrantResource = z
  .object({
    name: z.string(),
    source: z.enum(['file', 'api', 'builtin']).describe('`file` and `builtin` are read-only here'),
    ...fields,
    issuer: z.string(),
    profiles: z.array(z.string()),
    owner: z.string().optional().describe('Who answers for it'),
    createdBy: z.string().optional(),
    createdAt: Time.optional(),
  })
  .describe('Which principal may do which verbs on which names, issuers and profiles');
export type GrantResource = z.infer<typeof GrantResource>;
export const GrantList = z.object({ grants: z.array(GrantResource) });
export type GrantList = z.infer<typeof GrantList>;

export const ExplainRequest = z
  .strictObject({
    principal: z
      .string()
      .max(2200)
      .optional()
      .describe('Left out: yourself. Somebody else needs the verb admin'),
    verb: Verb.default('issue'),
    issuer: ObjectName.optional().describe('Left out: the only issuer with this profile'),
    profile: ObjectName,
    names: NameLists,
    ttl: Ttl.optional(),
  })
  .describe('A request that is not made, to see how it would be decided');
export type ExplainRequest = z.infer<typeof ExplainRequest>;

export const Mismatch = z.object({
  facet: z.enum(['principal', 'verb', 'issuer', 'profile', 'name', 'ttl']),
  message: z.string(),
});

export const Explanation = z
  .object({
    allowed: z.boolean(),
    rule: z.string().describe('The grant that decided; deny-by-default when none did'),
    nearest: z
      .object({ rule: z.string(), lacks: z.array(Mismatch) })
      .optional()
      .describe('When refused: the grant that comes closest, and what it lacks'),
    request: z.object({
      principal: z.string(),
      verb: Verb,
      issuer: z.string(),
      profile: z.string(),
      names: NameLists,
      ttl: z.string(),
    }),
  })
  .describe('How a request is decided, by the code that decides it');
export type Explanation = z.infer<typeof Explanation>;
