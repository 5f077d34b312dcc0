/** Binding ports. One that somebody chose and is taken is an error; a built-in default moves to a free one. */
import type { Server } from 'node:net';
import { ChanceryError } from '../base/errors.ts';
import { type Configuration, defaultExternalUrl, type ListenAddress } from '../config/index.ts';

const TRIES = 20;

/** Listens and returns the port. Throws `invalid_configuration` for an address that cannot be had. */
export async function bind(server: Server, name: string, address: ListenAddress): Promise<number> {
  for (let port = address.port; ; port++) {
    const error = await listen(server, address.host, port);
    if (error === undefined) return port;
    const mayMove = address.isDefault && error.code === 'EADDRINUSE' && port - address.port < TRIES;
    if (mayMove) continue;
    throw new ChanceryError('invalid_configuration', {
      message: `listen.${name} ${address.host}:${address.port} cannot be had: ${error.code === 'EADDRINUSE' ? 'the port is taken' : (error.code ?? error.message)}`,
      rule: 'a listener gets the address that was chosen for it, or the server does not start',
      fix: `Free the port, or set listen.${name} to another one.`,
    });
  }
}

function listen(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off('listening', listening);
      resolve(error);
    };
    const listening = (): void => {
      server.off('error', failed);
      resolve(undefined);
    };
    server.once('error', failed).once('listening', listening).listen({ host, port });
  });
}

/** Takes no new connection, lets requests finish, then ends what is left. */
export async function drain(
  server: Server & { closeIdleConnections?(): void; closeAllConnections?(): void },
  patience: number,
): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections?.();
  const idle = setInterval(() => server.closeIdleConnections?.(), 50);
  const timer = setTimeout(() => server.closeAllConnections?.(), patience);
  await closed;
  clearInterval(idle);
  clearTimeout(timer);
}

/** A default URL follows the port that its listener moved to. */
export function movedUrl(config: Configuration, listener: 'https' | 'status', port: number): string {
  const { url, isDefault } = config.externalUrl[listener];
  const { host } = config.listen[listener];
  return isDefault && port !== config.listen[listener].port
    ? (defaultExternalUrl(listener, { host, port }) ?? url)
    : url;
}
