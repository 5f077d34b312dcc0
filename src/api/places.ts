/** Files and addresses, as the host of the server sees them. Paths are absolute: `apply` makes them so. */
import { z } from 'zod';

export const AbsolutePath = z
  .string()
  .max(1000)
  .regex(/^\/[^\0]*$/)
  .describe('An absolute path on the host of the server');
export const SecretFile = z
  .strictObject({ file: AbsolutePath })
  .describe('Where the secret is; never the secret');
export const Place = z.string().max(300).describe('host:port; of a name every address is looked at');
