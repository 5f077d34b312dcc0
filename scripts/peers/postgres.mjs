import { globSync } from 'node:fs';
import { apt, onPath } from '../installers.mjs';

/** Refuses revoked clients with our CRL files. Debian keeps the server's programs out of the PATH. */
export const peer = {
  name: 'postgres',
  present: () => globSync('/usr/lib/postgresql/*/bin/postgres').length > 0 && onPath('psql'),
  install: () => apt('postgresql', 'postgresql-client'),
};
