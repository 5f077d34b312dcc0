/** The login providers, wired: who verifies their tokens, and what people are told about them. */
import { openJwtLogins, trustFile, type World } from '../attestation/jwt/index.ts';
import type { Configuration } from '../config/index.ts';
import type { AdminPorts } from '../http/admin/ports.ts';

/** Throws `invalid_configuration` for a trust file that is missing or cannot be used. */
export const loginPorts = (
  logins: Configuration['logins'],
  world: World,
): Pick<AdminPorts, 'jwt' | 'loginProviders'> => ({
  jwt: openJwtLogins(logins, world),
  loginProviders: logins.flatMap(({ name, issuer, client, ca }) =>
    client === undefined
      ? []
      : [
          {
            name,
            issuer,
            clientId: client.id,
            scopes: [...client.scopes],
            ...(ca !== undefined && { roots: trustFile(name, ca) }),
          },
        ],
  ),
});
