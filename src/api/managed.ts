/** Managed certificates, as files and the API write them. */
import { z } from 'zod';
import { Cursor, Labels, Limit, ObjectName, Owner, Time, Ttl } from './common.ts';
import { ProbeSpec, TargetSpec } from './targets.ts';

const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;
export const QuietSpec = z.strictObject({
  days: z
    .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
    .min(1)
    .optional(),
  from: z.string().describe('Local time, as 22:00'),
  to: z.string().describe('Time of day, e.g. 06:00; at or before `from` it is on the next day'),
  timeZone: z.string().max(64).default('UTC').describe('IANA name'),
});

export const ManagedSpec = z
  .strictObject({
    names: z.array(z.string().max(2100)).min(1).max(100).describe('DNS names, addresses, SPIFFE IDs'),
    issuer: z
      .union([
        ObjectName,
        z.strictObject({
          public: z.union([ObjectName, z.array(ObjectName).min(1).max(5)]),
          profile: z.string().max(64).optional(),
          preferredChain: z.string().max(200).optional(),
        }),
      ])
      .describe('An issuer of ours, or public CAs in the order in which they are tried'),
    profile: ObjectName.optional().describe('Of an issuer of ours; left out: its first'),
    ttl: Ttl.optional(),
    key: z
      .strictObject({
        type: z.enum(KEY_TYPES).default('ecdsa-p256'),
        reuse: z.boolean().default(false).describe('Whether the next version keeps the key'),
      })
      .prefault({}),
    targets: z.array(TargetSpec).max(50).default([]),
    probes: z.array(ProbeSpec).max(50).default([]),
    grace: Ttl.default('5m').describe('How long endpoints may take, and how long the old pair stays'),
    renewal: z
      .strictObject({
        fraction: z
          .number()
          .gt(0.1)
          .lt(0.95)
          .optional()
          .describe('Share of the life; left out: 2/3, short lives 1/2'),
        quiet: z.array(QuietSpec).max(10).default([]),
      })
      .prefault({}),
    owner: Owner.optional(),
    labels: Labels.default({}),
  })
  .describe('A wish: these names, from this issuer, into these places, seen at these endpoints');
export type ManagedSpec = z.infer<typeof ManagedSpec>;

export const Delivery = z.object({
  target: z.string(),
  state: z.enum(['waiting', 'stored', 'dead']),
  storedAt: Time.optional(),
  attempts: z.int(),
  nextTryAt: Time.optional(),
  error: z.string().optional(),
});

export const EndpointView = z.object({
  probe: z.string(),
  address: z.string(),
  state: z.enum(['new', 'old', 'wrong', 'unreachable']),
  since: Time,
  seenAt: Time,
  detail: z.string(),
});

export const VersionView = z.object({
  number: z.int(),
  state: z.enum(['pending', 'staged', 'verified', 'current', 'previous', 'retired', 'failed', 'rolled-back']),
  reason: z.string(),
  createdAt: Time,
  serial: z.string().optional(),
  issuedBy: z.string().optional(),
  notBefore: Time.optional(),
  notAfter: Time.optional(),
  targets: z.array(Delivery),
  probes: z.array(EndpointView),
  alarm: z.enum(['stored but not served', 'degraded']).optional(),
  error: z.string().optional(),
  nextTryAt: Time.optional(),
});
export type VersionView = z.infer<typeof VersionView>;

export const ManagedResource = z
  .object({
    name: z.string(),
    set: z.string().optional(),
    state: z.string().describe('Of the newest version; `new` before the first'),
    paused: z.boolean(),
    nextRenewal: Time.optional(),
    versions: z.array(VersionView).describe('Newest first'),
    spec: ManagedSpec,
  })
  .describe('A managed certificate');
export type ManagedResource = z.infer<typeof ManagedResource>;
export const ManagedList = z.object({ managed: z.array(ManagedResource), cursor: z.string().optional() });
export type ManagedList = z.infer<typeof ManagedList>;
export const ManagedQuery = z.strictObject({ set: ObjectName.optional(), limit: Limit, cursor: Cursor });

export const ManagedHistoryQuery = z.strictObject({ limit: Limit });
export const ManagedHistory = z.object({ versions: z.array(VersionView).describe('Newest first') });

export const ManagedProgressQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).describe('The `sequence` of the last line that was seen'),
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(30)
    .default(0)
    .describe('So many seconds until there is a line; 0: answer at once'),
});
export const ManagedProgress = z
  .object({
    state: z.string().describe('Of the newest version; `new` before the first'),
    version: z.int().optional().describe('Number of the newest version'),
    sequence: z.int().describe('Ask for what comes after this one'),
    lines: z.array(z.object({ sequence: z.int(), time: Time, version: z.int(), message: z.string() })),
  })
  .describe('What happened, oldest first: the last 50 lines since the server started');
export type ManagedProgress = z.infer<typeof ManagedProgress>;
