import { z } from 'zod';
import { credentialName, path } from './rules.ts';

/** Where a secret is. A secret itself never stands in the configuration. */
export const secret = z
  .union([
    z.strictObject({
      file: path.describe('A file with the secret; a trailing line break is not part of it.'),
    }),
    z.strictObject({ credential: credentialName.describe('A systemd credential (LoadCredential=).') }),
  ])
  .meta({ secret: true });
