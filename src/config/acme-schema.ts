/** `acme`: how the ACME server looks at names. */
import { z } from 'zod';
import { limits } from './acme-limits.ts';
import { caaIdentity, ipRange, resolverAddress } from './rules.ts';
import { instant } from './time-rules.ts';
import { webUrl } from './url-rules.ts';

const port = z.int().min(1).max(65535);

export const terms = webUrl
  .optional()
  .describe(
    'Where the terms of service are (RFC 8555 7.3.3): clients are told, and no order begins before they are agreed to. Left out: there are none.',
  )
  .meta({ examples: ['https://ca.example.test/terms'] });

export const website = webUrl
  .optional()
  .describe('Where people read more about this CA (RFC 8555 7.1.1).')
  .meta({ examples: ['https://ca.example.test/'] });

export const acme = z
  .strictObject({
    terms,
    termsSince: instant
      .optional()
      .describe(
        'Accounts that agreed to the terms before then have to agree again, by hand at most clients. Left out: whoever agreed once has agreed.',
      )
      .meta({ examples: ['2026-06-01T00:00:00Z'] }),
    website,
    limits,
    caaIdentities: z
      .array(caaIdentity)
      .default([])
      .describe(
        'The names that this CA goes by in CAA records (RFC 8659, RFC 8657). With one of them CAA is looked at after each challenge, and again before issuance where that was over 8 hours ago or there was none (method ca-preauthorized); clients are told in the directory. Left out: it is not.',
      )
      .meta({ examples: [['ca.example.test']] }),
    validation: z
      .strictObject({
        httpPort: port.default(80).describe('Port of http-01 probes (RFC 8555 8.3).'),
        tlsPort: port.default(443).describe('Port of tls-alpn-01 probes (RFC 8737).'),
        resolver: resolverAddress
          .optional()
          .describe(
            'The DNS resolver that is asked, uncached; needed where only a resolver knows the names. Left out: the name servers of the zone themselves, which the resolver of the host names.',
          )
          .meta({ examples: ['127.0.0.1:8053'] }),
        allow: z
          .array(ipRange)
          .default([])
          .describe(
            'Special addresses (loopback, link-local, …) that may be probed. Of allow, deny and what is built in the longest prefix decides.',
          )
          .meta({ examples: [['127.0.0.0/8']] }),
        deny: z
          .array(ipRange)
          .default([])
          .describe('Addresses that are not probed. Where allow has the same network deny wins.')
          .meta({ examples: [['10.20.0.0/16']] }),
      })
      .prefault({})
      .describe('How control of names is validated.'),
  })
  .prefault({})
  .describe('The ACME server.');
