/** Managed certificates and public CAs, as files and the API write them. Paths are absolute: `apply` makes them so. */
import { z } from 'zod';
import { Cursor, Labels, Limit, ObjectName, Owner, Pem, Time, Ttl } from './common.ts';

const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;
const AbsolutePath = z
  .string()
  .max(1000)
  .regex(/^\/[^\0]*$/)
  .describe('An absolute path on the host of the server');
const SecretFile = z.strictObject({ file: AbsolutePath }).describe('Where the secret is; never the secret');
const Place = z.string().max(300).describe('host:port; of a name every address is looked at');
const FileMode = z
  .string()
  .regex(/^0?[0-7]{3}$/)
  .describe('Octal, e.g. "0640"');

const Reload = z
  .union([
    z.strictObject({
      pidFile: AbsolutePath,
      signal: z.enum(['HUP', 'USR1', 'USR2']).default('HUP'),
    }),
    z.strictObject({ command: ObjectName.describe('Of delivery.commands of the host') }),
    z.strictObject({
      systemd: z.string().max(200).describe('A unit; the host lists the command systemctl'),
    }),
  ])
  .describe('How the service is told');

const FilesTarget = z.strictObject({
  directory: AbsolutePath.describe('In or below one of delivery.paths of the host'),
  layout: z.enum(['pem', 'nginx', 'haproxy', 'postgresql', 'java', 'bundle']).default('pem'),
  mode: FileMode.optional().describe('Of files without a key; left out: 0644'),
  keyMode: FileMode.optional().describe('Of files with a key; left out: 0600'),
  owner: z.int().min(0).optional().describe('User id'),
  group: z.int().min(0).optional().describe('Group id'),
  password: SecretFile.optional().describe('Of the PKCS#12 file (layout java)'),
  reload: Reload.optional(),
});

export const TargetSpec = z
  .strictObject({ name: ObjectName.optional(), files: FilesTarget })
  .describe('Where a pair is delivered');
export type TargetSpec = z.infer<typeof TargetSpec>;

const probeFields = {
  address: Place,
  serverName: z.string().max(253).optional().describe('SNI; left out: the host of the address'),
  expect: z.int().min(1).max(1000).optional().describe('So many instances have to be found'),
};

export const ProbeSpec = z
  .union([
    z.strictObject({ name: ObjectName.optional(), tls: z.strictObject(probeFields) }),
    z.strictObject({
      name: ObjectName.optional(),
      mtls: z.strictObject({
        ...probeFields,
        certificate: AbsolutePath.describe('PEM of what is presented'),
        key: AbsolutePath,
      }),
    }),
    z.strictObject({ name: ObjectName.optional(), postgresql: z.strictObject(probeFields) }),
  ])
  .describe('What looks at the running endpoints');
export type ProbeSpec = z.infer<typeof ProbeSpec>;

export const QuietSpec = z.strictObject({
  days: z
    .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
    .min(1)
    .optional(),
  from: z.string().describe('22:00'),
  to: z.string().describe('06:00; at or before `from` it is on the next day'),
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

const Solver = z.union([
  z.strictObject({
    http01: z.union([
      z.strictObject({ listen: Place }),
      z.strictObject({ webroot: AbsolutePath.describe('In or below one of delivery.paths') }),
    ]),
  }),
  z.strictObject({ tlsAlpn01: z.strictObject({ listen: Place }) }),
  z.strictObject({
    dns01: z.strictObject({
      rfc2136: z.strictObject({
        server: Place,
        zone: z.string().max(253),
        key: z.strictObject({
          name: z.string().max(253),
          algorithm: z.enum(['hmac-sha256', 'hmac-sha384', 'hmac-sha512']).default('hmac-sha256'),
          secret: SecretFile.describe('A file with the key in base64'),
        }),
        nameservers: z.array(Place).max(20).optional().describe('Left out: the NS records of the zone'),
        propagation: Ttl.default('2m'),
      }),
    }),
  }),
]);

const HttpsUrl = z
  .string()
  .max(2000)
  .regex(/^https:\/\/[^\s@]+$/)
  .describe('https only');

export const AuthoritySpec = z
  .strictObject({
    directory: HttpsUrl,
    staging: HttpsUrl.optional().describe('Directory of the staging environment'),
    useStaging: z.boolean().default(false),
    roots: Pem.optional().describe("Trust for the CA's own HTTPS; left out: the public roots"),
    contact: z
      .array(
        z
          .string()
          .max(300)
          .regex(/^mailto:[^\s?,]+$/),
      )
      .max(5)
      .default([]),
    termsOfServiceAgreed: z.literal(true).describe('You have read them'),
    eab: z.strictObject({ kid: z.string().max(300), hmacKey: SecretFile }).optional(),
    solvers: z.array(Solver).min(1).max(20),
    limits: z
      .strictObject({
        orders: z.int().min(1).default(300).describe('In three hours'),
        failures: z.int().min(1).default(4).describe('In one hour'),
      })
      .prefault({}),
  })
  .describe('A public CA that speaks ACME');
export type AuthoritySpec = z.infer<typeof AuthoritySpec>;

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

export const AuthorityResource = z
  .object({
    name: z.string(),
    set: z.string().optional(),
    accountUrl: z.string().optional(),
    spec: AuthoritySpec,
  })
  .describe('A public CA');
export type AuthorityResource = z.infer<typeof AuthorityResource>;
export const AuthorityList = z.object({ authorities: z.array(AuthorityResource) });

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

export const AuthorityTest = z
  .object({
    name: z.string(),
    directory: z.string().describe('Where we logged in: the staging one where that is switched on'),
    accountUrl: z.string(),
    profiles: z.array(z.string()).describe('draft-ietf-acme-profiles'),
    renewalInfo: z.boolean().describe('Whether it says when it wants certificates renewed (RFC 9773)'),
    externalAccountRequired: z.boolean(),
    termsOfService: z.string().optional(),
  })
  .describe('What a public CA says of itself');
export type AuthorityTest = z.infer<typeof AuthorityTest>;

export const TargetReport = z
  .object({ target: z.string(), location: z.string().describe('Where the pair would be') })
  .describe('A pair would be taken');
export type TargetReport = z.infer<typeof TargetReport>;
