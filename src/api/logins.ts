import { z } from 'zod';
import { Pem } from './common.ts';

export const LoginProvider = z
  .object({
    name: z.string(),
    issuer: z.string().describe('OIDC issuer: its endpoints are found by discovery'),
    clientId: z.string().describe('A public client: PKCE, no secret'),
    scopes: z.array(z.string()),
    roots: Pem.optional().describe('What its HTTPS chains to; absent: public roots'),
  })
  .describe('A provider at which people log in');
export type LoginProvider = z.infer<typeof LoginProvider>;

export const LoginList = z
  .object({ logins: z.array(LoginProvider) })
  .describe('The providers at which people log in');
export type LoginList = z.infer<typeof LoginList>;
