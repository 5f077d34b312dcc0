/**
 * The one schema of the configuration file. Its descriptions are the reference (docs/reference/configuration.yaml), its
 * defaults the embedded default. It checks single values; what has to fit together is in checks.ts.
 */
import { z } from 'zod';
import { DAY, HOUR } from '../base/clock.ts';
import { acme } from './acme-schema.ts';
import { bucket } from './bucket.ts';
import { login } from './login-schema.ts';
import { grant, issuer, profile } from './objects.ts';
import { events } from './events.ts';
import { publication } from './publication.ts';
import { databaseFile, hostPort, objectName, path, trustDomain } from './rules.ts';
import { atLeast, crlLife, headInterval } from './time-rules.ts';
import { httpsUrl, statusUrl } from './url-rules.ts';
import { secret } from './secret.ts';

const listen = z
  .strictObject({
    https: hostPort.default('127.0.0.1:8443').describe('HTTPS: API, ACME, bundle, start page.'),
    status: hostPort
      .default('127.0.0.1:8080')
      .describe('Plain HTTP: CRLs, OCSP, issuer certificates, health.'),
    metrics: hostPort.default('127.0.0.1:9090').describe('Plain HTTP: /metrics for Prometheus.'),
  })
  .describe('Addresses to listen on, as host:port. On a default, a port that is taken moves to a free one.');

const externalUrls = z
  .strictObject({
    https: httpsUrl
      .optional()
      .describe('Where clients reach the HTTPS listener: in ACME URLs and our own certificate.')
      .meta({ examples: ['https://ca.example.test:8443'] }),
    status: statusUrl
      .optional()
      .describe(
        'Where relying parties reach the status listener: in the CRL, OCSP and issuer URLs of every certificate.',
      )
      .meta({ examples: ['http://ca.example.test:8080'] }),
  })
  .describe(
    'The URLs that the world knows this server by. Left out, they follow from listen; they are needed once a listener is not loopback.',
  );

export const schema = z.strictObject({
  trustDomain: trustDomain
    .default('chancery.internal')
    .describe(
      'SPIFFE trust domain. One server is one trust domain; it is part of every identity and cannot be changed later.',
    ),
  listen: listen.prefault({}),
  externalUrl: externalUrls.prefault({}),
  database: z
    .strictObject({ sqlite: databaseFile.default('chancery.db').describe('SQLite: a file in <data>/db.') })
    .prefault({})
    .describe('The store.'),
  issuers: z
    .record(objectName, issuer)
    .default({
      workload: {
        root: 'workload',
        profiles: ['workload'],
        authenticates: true,
        acme: { enabled: false, eab: 'optional' },
      },
      servers: {
        root: 'internal',
        profiles: ['server'],
        authenticates: false,
        acme: { enabled: true, eab: 'optional' },
      },
      clients: {
        root: 'internal',
        profiles: ['client'],
        authenticates: true,
        acme: { enabled: false, eab: 'optional' },
      },
    })
    .describe('Signing authorities by name. Whoever writes them writes all of them.'),
  profiles: z
    .record(objectName, profile)
    .default({})
    .describe(
      'Profiles besides the built-in workload, server and client. They can only be narrower than what they extend.',
    )
    .meta({
      examples: [
        {
          web: {
            extends: 'server',
            keyTypes: ['ecdsa-p256'],
            names: { uri: { max: 0 } },
            extendedKeyUsage: ['serverAuth'],
            maxTtl: '30d',
          },
        },
      ],
    }),
  grants: z
    .array(grant)
    .default([])
    .describe('Who may get what. Nothing is allowed that no grant allows; these are read-only in the API.')
    .meta({
      examples: [
        [
          {
            name: 'acme-hosts',
            principal: 'acme:**',
            verbs: ['issue', 'renew', 'revoke'],
            issuer: 'servers',
            profiles: ['server'],
            dns: ['**.example.test', 'example.test'],
            maxTtl: '90d',
          },
        ],
      ],
    }),
  logins: z
    .record(objectName, login)
    .default({})
    .describe(
      'Whose JWTs log in, by name: clusters, CI, clouds, and the login provider of people. Who gets what is said by grants for jwt:<name>:<subject>.',
    )
    .meta({
      examples: [
        {
          kubernetes: {
            issuer: 'https://kubernetes.default.svc.cluster.local',
            audience: 'chancery',
            discovery: true,
            ca: { file: '/etc/chancery/kubernetes-ca.pem' },
          },
        },
      ],
    }),
  acme,
  delivery: z
    .strictObject({
      paths: z
        .array(path)
        .default([])
        .describe('Folders of this host that targets may write to.')
        .meta({ examples: [['/etc/nginx/tls']] }),
      commands: z
        .record(objectName, z.array(z.string()).min(1))
        .default({})
        .describe(
          'Commands that targets may run, by name: a program with its path, then its arguments. No shell.',
        )
        .meta({ examples: [{ 'nginx-reload': ['/usr/sbin/nginx', '-s', 'reload'] }] }),
    })
    .prefault({})
    .describe('What this host lets targets write and run.'),
  agent: z
    .strictObject({
      embedded: z
        .boolean()
        .default(true)
        .describe('Whether the server serves the Workload API on this host by itself.'),
    })
    .prefault({})
    .describe('The workload agent.'),
  keys: z
    .strictObject({
      passphrase: secret
        .optional()
        .describe(
          'What the keys at rest are sealed under (--passphrase-file, CHANCERY_PASSPHRASE_FILE). Left out: what init used.',
        )
        .meta({ examples: [{ file: '/etc/chancery/passphrase' }, { credential: 'chancery-passphrase' }] }),
    })
    .prefault({})
    .describe('Keys at rest.'),
  audit: z
    .strictObject({
      headInterval: headInterval.default('30s').describe('How often the head of the audit chain is signed.'),
      sinks: z
        .array(
          z.strictObject({
            file: path.describe('Copies go to the end of this file.'),
            required: z
              .boolean()
              .default(false)
              .describe('Whether nothing is answered that the sink did not take.'),
          }),
        )
        .default([])
        .describe('Copies of every audit entry.')
        .meta({ examples: [[{ file: '/var/log/chancery/audit.jsonl', required: true }]] }),
    })
    .prefault({})
    .describe('The audit log.'),
  journal: z
    .union([
      z.strictObject({
        folder: path
          .describe('A folder on another disk or host than the data folder.')
          .meta({ examples: ['/mnt/journal/chancery'] }),
      }),
      z.strictObject({ s3: bucket.describe('A bucket.') }),
    ])
    .optional()
    .describe(
      'A second place, a folder or a bucket, that is told of every certificate, revocation and CRL number before it is answered, so that nothing is forgotten when an older backup is restored. Left out: there is none.',
    )
    .meta({
      examples: [
        { folder: '/mnt/journal/chancery' },
        {
          s3: {
            bucket: 'chancery-journal',
            region: 'eu-central-1',
            prefix: 'production/',
            credentials: { file: '/etc/chancery/journal-credentials' },
            endpoint: 'https://s3.example.test',
            ca: { file: '/etc/chancery/s3-ca.pem' },
          },
        },
      ],
    }),
  revocation: z
    .strictObject({
      crlLife: crlLife
        .default('24h')
        .describe(
          'How long relying parties may hold on to a CRL of an issuer, 1h to 10d. The next one comes when half of it is over, or after a revocation.',
        ),
    })
    .prefault({})
    .describe('What is published about revoked certificates.'),
  publication,
  events,
  retention: z
    .strictObject({
      certificates: atLeast(DAY, 'a day: revoked ones stay a week beyond their end in any case')
        .default('400d')
        .describe('How long a certificate can be found after it expired; revoked ones at least 7d.'),
      idempotency: atLeast(HOUR, 'an hour: a retry is to find what it made')
        .default('24h')
        .describe('How long an Idempotency-Key stands for what it made.'),
      tokens: atLeast(DAY, 'a day')
        .default('30d')
        .describe('How long an enrolment token can be shown after it expired.'),
    })
    .prefault({})
    .describe('How long what is over is kept. Audit entries stay for ever.'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The least that is logged.'),
    })
    .prefault({})
    .describe('The operational log.'),
});

/** The file with every default filled in. */
export type ConfigurationFile = z.output<typeof schema>;
