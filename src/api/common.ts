/** Pieces that several resources share. Every schema has its words: they become openapi.yaml. */
import { z } from 'zod';

export const Time = z.iso.datetime().describe('RFC 3339 in UTC, e.g. 2026-01-31T00:00:00Z');
export const Ttl = z.string().max(40).describe('A lifetime: 90d, 12h, 1h30m, 45s');
export const Pem = z.string().max(65536).describe('PEM text (RFC 7468)');
export const ObjectName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)
  .describe('Lower-case letters, digits, dots, dashes and underscores');
export const Serial = z
  .string()
  .regex(/^[0-9a-f]{2,40}$/)
  .describe('Serial number, lower-case hexadecimal');

/** No control characters, no breaks of lines, nothing that changes the direction of writing. */
const PRINTABLE = '[^\\u0000-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]';
const isWellFormed = (text: string): boolean => text.isWellFormed();
const HALVES = 'half of a surrogate pair';
const LABEL_KEY = '[a-z0-9][a-z0-9._/-]{0,62}';

export const Owner = z
  .string()
  .regex(new RegExp(`^${PRINTABLE}{1,200}$`, 'u'))
  .refine(isWellFormed, HALVES)
  .describe('Who answers for it: 1 to 200 printable characters');

const MAX_LABELS = 16;
export const Labels = z
  .record(
    z.string().regex(new RegExp(`^${LABEL_KEY}$`)),
    z
      .string()
      .regex(new RegExp(`^${PRINTABLE}{0,200}$`, 'u'))
      .refine(isWellFormed, HALVES),
  )
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`)
  .meta({
    description: `At most ${MAX_LABELS} labels to find certificates by; a value has up to 200 printable characters`,
    maxProperties: MAX_LABELS,
  });

export const LabelText = z
  .string()
  .regex(new RegExp(`^${LABEL_KEY}:${PRINTABLE}{0,200}$`, 'u'))
  .describe('A label as key:value, exactly');

const nameList = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  z.array(z.string().max(2100)).max(100).optional().describe(what);

export const NameLists = z
  .strictObject({
    uri: nameList('SPIFFE IDs'),
    dns: nameList('DNS names'),
    ip: nameList('IP addresses'),
    email: nameList('e-mail addresses'),
  })
  .describe('Names by kind (RFC 5280 4.2.1.6)');

export const Limit = z.coerce.number().int().min(1).max(500).default(100).describe('How many at most');
export const Cursor = z.string().max(400).optional().describe('Opaque: the `cursor` of the page before');

/** RFC 9457, with what a caller needs to act: a stable code, the rule, the fix. */
export const Problem = z
  .object({
    type: z.string().describe('urn:chancery:error:<code>'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable: scripts switch on it'),
    detail: z.string().describe('The cause, with the offending value'),
    rule: z.string().optional().describe('The rule that was broken'),
    fix: z.string().optional().describe('What to do about it'),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    decision: z.unknown().optional().describe('For refusals by grant: the explanation'),
    generations: z.array(z.string()).optional().describe('What has to retire before'),
    living: z.int().optional().describe('How many certificates would be stranded'),
    latestNotAfter: Time.optional().describe('Until when the last of them lives'),
    requestId: z.string(),
  })
  .describe('A problem (RFC 9457)');
export type Problem = z.infer<typeof Problem>;

/** Of what has an id in its path. */
export const byId = z.strictObject({ id: z.string().regex(/^[0-9a-z]{8,40}$/) });
