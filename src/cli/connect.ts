/** From the flags to a client. */
import { type Client, openClient } from './client.ts';
import { type Context, type ContextOptions, findContext } from './context.ts';
import type { Session } from './session.ts';

/** Runs `use` with the client that the flags name; the operator's own certificate is renewed first when it is due. */
export async function withClient<Result>(
  session: Session,
  options: ContextOptions,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const context = await findContext(options, session.terminal);
  if (context.data !== undefined && context.login !== undefined) {
    const { renewLoginIfDue } = await import('./admin-renewal.ts');
    await renewLoginIfDue(session.terminal, context, context.login);
  }
  return withContext(context, use);
}

export async function withContext<Result>(
  context: Context,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await openClient(context);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
