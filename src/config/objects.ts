/** The objects that the file can declare: issuers, profiles, grants. */
import { z } from 'zod';
import { VERBS } from '../domain/identity/grant.ts';
import { PURPOSES } from '../domain/issuance/profile.ts';
import { KEY_TYPES } from '../x509/public-key.ts';
import { objectName, subtree } from './rules.ts';
import { duration, durationOrZero } from './time-rules.ts';
import { webUrl } from './url-rules.ts';

const count = z
  .strictObject({
    min: z.int().min(0).max(100).optional().describe('At least so many.'),
    max: z.int().min(0).max(100).optional().describe('At most so many.'),
  })
  .meta({ examples: [{ min: 1, max: 5 }] });

const names = z.strictObject({
  dns: z.array(subtree('dns')).optional().describe('Domains, each with everything below it.'),
  ip: z.array(subtree('ip')).optional().describe('CIDR ranges.'),
  uri: z
    .array(subtree('uri'))
    .optional()
    .describe('Hosts of URIs, SPIFFE trust domains too; .domain is all below it.'),
  email: z.array(subtree('email')).optional().describe('Hosts of e-mail addresses; .domain is all below it.'),
});

export const issuer = z.strictObject({
  root: z
    .enum(['workload', 'internal'])
    .describe(
      'The root that certifies it: workload (the SPIFFE trust domain) or internal (servers, clients).',
    ),
  profiles: z.array(objectName).min(1).describe('The profiles that it issues with.'),
  authenticates: z.boolean().default(false).describe('Whether its certificates log in at this server.'),
  maxPathLength: z
    .int()
    .min(0)
    .max(5)
    .optional()
    .describe('How many CAs may stand below it (RFC 5280 4.2.1.9); left out: none.')
    .meta({ examples: [1] }),
  nameConstraints: z
    .strictObject({
      permitted: names.optional().describe('A name of a kind that stands here has to be inside.'),
      excluded: names.optional().describe('No name may be inside, whatever is permitted.'),
    })
    .optional()
    .describe(
      'Names that its certificates may have (RFC 5280 4.2.1.10). They stand in its own certificate, so a change holds from the next generation on.',
    )
    .meta({ examples: [{ permitted: { dns: ['example.test'] }, excluded: { ip: ['10.0.0.0/8'] } }] }),
  acme: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Whether it serves ACME at /acme/<issuer>/directory.'),
      eab: z
        .enum(['off', 'optional', 'required'])
        .default('optional')
        .describe('Whether accounts are bound to a key of ours (RFC 8555 7.3.4).'),
      terms: webUrl
        .optional()
        .describe('Terms of service of this issuer, instead of acme.terms.')
        .meta({ examples: ['https://ca.example.test/terms/servers'] }),
      website: webUrl
        .optional()
        .describe('Website of this issuer, instead of acme.website.')
        .meta({ examples: ['https://ca.example.test/servers'] }),
    })
    .prefault({})
    .describe('ACME (RFC 8555).'),
});

export const profile = z.strictObject({
  extends: z
    .enum(['workload', 'server', 'client'])
    .describe('The built-in profile that it narrows; what is left out is as there.'),
  keyTypes: z
    .array(z.enum(KEY_TYPES))
    .min(1)
    .optional()
    .describe('Types of keys that are certified.')
    .meta({ examples: [['ecdsa-p256', 'ed25519']] }),
  names: z
    .strictObject({
      uri: count.optional(),
      dns: count.optional(),
      ip: count.optional(),
      email: count.optional(),
    })
    .optional()
    .describe('How many names of each kind.')
    .meta({ examples: [{ dns: { min: 1, max: 5 }, ip: { max: 0 } }] }),
  extendedKeyUsage: z
    .array(z.enum(PURPOSES))
    .min(1)
    .optional()
    .describe('Both, or one where no SPIFFE ID is allowed (X509-SVID 4.4).')
    .meta({ examples: [['serverAuth']] }),
  defaultTtl: duration
    .optional()
    .describe('Life of a certificate when no other is asked for.')
    .meta({ examples: ['1d'] }),
  maxTtl: duration
    .optional()
    .describe('The longest life that is served.')
    .meta({ examples: ['30d'] }),
  backdate: durationOrZero
    .optional()
    .describe('How far notBefore lies in the past, for clocks that lag.')
    .meta({ examples: ['1m'] }),
  noRevAvail: z
    .boolean()
    .optional()
    .describe(
      'Whether its certificates say that no revocation is published for them (RFC 9608), and name no CRL and no OCSP responder: for short lives. A revoked one is refused here, by nobody else.',
    )
    .meta({ examples: [true] }),
});

export const grant = z.strictObject({
  name: z
    .string()
    .optional()
    .describe('What refusals call it; left out: file-1, file-2, … in order.')
    .meta({ examples: ['acme-hosts'] }),
  principal: z
    .string()
    .describe(
      'Who, as a pattern: acme:**, mtls:clients:dns:*.ops.example.test, mtls:workload:spiffe://example.test/ns/*.',
    ),
  verbs: z.array(z.enum(VERBS)).min(1).describe('What they may do.'),
  issuer: z.string().describe('From which issuer; "*" for any.'),
  profiles: z.array(z.string()).min(1).describe('With which profiles; ["*"] for any.'),
  uri: z.array(z.string()).optional().describe('SPIFFE IDs: spiffe://example.test/ns/*.'),
  dns: z.array(z.string()).optional().describe('DNS names: "*" is one label, "**" one or more.'),
  ip: z.array(z.string()).optional().describe('Addresses and CIDR ranges.'),
  email: z.array(z.string()).optional().describe('E-mail addresses.'),
  maxTtl: z
    .string()
    .optional()
    .describe('The longest life they may ask for.')
    .meta({ examples: ['7d'] }),
  owner: z
    .string()
    .optional()
    .describe('Whom to ask about it.')
    .meta({ examples: ['platform team'] }),
});
