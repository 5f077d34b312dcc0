/** What somebody has to know before they can log in. */
import type { LoginList } from '../../../api/logins.ts';
import type { Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';

export const loginOperations = ({ loginProviders }: AdminPorts) => ({
  listLogins: (): Reply => ({ body: { logins: [...loginProviders] } satisfies LoginList }),
});
