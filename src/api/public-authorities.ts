/** Public CAs that certificates are ordered from, as files and the API write them. */
import { z } from 'zod';
import { Pem, Ttl } from './common.ts';
import { AbsolutePath, Place, SecretFile } from './places.ts';

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
