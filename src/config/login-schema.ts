/** The part of the schema that says whose JWTs log in. */
import { z } from 'zod';
import { JWS_ALGORITHMS } from '../x509/jws.ts';
import { audience, claimName, oauthText, path } from './rules.ts';
import { clockSkew, duration } from './time-rules.ts';
import { httpsUrl, issuerUrl } from './url-rules.ts';

const claimValue = z.union([z.string(), z.number(), z.boolean()]);

export const login = z.strictObject({
  issuer: issuerUrl.describe('The iss of its tokens, octet by octet: a trailing slash counts.'),
  audience: z
    .union([audience, z.array(audience).min(1).max(10)])
    .describe('What stands in aud of tokens that are meant for us; one of these has to.'),
  discovery: z
    .literal(true)
    .optional()
    .describe('Its keys are found at <issuer>/.well-known/openid-configuration. This, or jwks.'),
  jwks: z
    .union([
      z.strictObject({ file: path.describe('A JWKS file (RFC 7517); it is read again when it changes.') }),
      z.strictObject({ url: httpsUrl.describe('Where its JWKS is.') }),
    ])
    .optional()
    .describe('Its keys, where discovery does not lead to them.')
    .meta({ examples: [{ file: '/etc/chancery/ci.jwks' }] }),
  ca: z
    .strictObject({ file: path.describe('PEM file with the roots of its HTTPS.') })
    .optional()
    .describe('Left out: the public roots that come with Node.')
    .meta({ examples: [{ file: '/etc/chancery/kubernetes-ca.pem' }] }),
  algorithms: z
    .array(z.enum(JWS_ALGORITHMS))
    .min(1)
    .default([...JWS_ALGORITHMS])
    .describe('Signature algorithms that are accepted. HMAC and none never are.'),
  subject: claimName.default('sub').describe('The claim that says who it is: jwt:<name>:<subject>.'),
  clockSkew: clockSkew
    .default('30s')
    .describe('How far nbf and iat may lie in the future, at most 5m; exp counts as it stands.'),
  maxAge: duration.default('24h').describe('How old a token may be by its iat.'),
  claims: z
    .record(claimName, z.union([claimValue, z.array(claimValue).min(1).max(100)]))
    .default({})
    .describe(
      'Claims that a token must have with this value, or one of these; of a claim that is a list, one element counts.',
    )
    .meta({ examples: [{ repository_owner: 'example' }] }),
  client: z
    .strictObject({
      id: oauthText.describe('client_id of a public client (PKCE, no secret); audience has it too.'),
      scopes: z.array(oauthText).min(1).default(['openid']).describe('What is asked for.'),
    })
    .optional()
    .describe('For people: `chancery login` gets a token here.')
    .meta({ examples: [{ id: 'chancery-cli', scopes: ['openid', 'email'] }] }),
});
