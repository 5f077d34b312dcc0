/** Targets, which pairs are delivered to, and probes, which look at what is served. */
import { z } from 'zod';
import { ObjectName } from './common.ts';
import { AbsolutePath, Place, SecretFile } from './places.ts';

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

export const TargetReport = z
  .object({ target: z.string(), location: z.string().describe('Where the pair would be') })
  .describe('A pair would be taken');
export type TargetReport = z.infer<typeof TargetReport>;
