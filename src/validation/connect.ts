/** The only door to TCP: a checked address, never a name. */
import { connect, type Socket } from 'node:net';
import type { CheckedAddress } from './address-guard.ts';
import type { Scope } from './scope.ts';

/** What a connection that did not come about says: `ECONNREFUSED` and so on, or that nobody answered. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure';
}

/**
 * Connects, and has the socket destroyed when the scope ends. Rejects with ConnectFailure, also when `patience`
 * (milliseconds) is over, or with the scope's reason.
 */
export function connectTcp(
  address: CheckedAddress,
  port: number,
  scope: Scope,
  patience: number,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // before the socket: a scope that is over must not leave one behind
    scope.check();
    const socket = connect({ host: address, port, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new ConnectFailure('nobody answered in time')), patience);
    let ended: Error | undefined;
    const forget = scope.onEnd((reason) => {
      ended = reason;
      socket.destroy();
    });
    const failed = (error?: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      reject(ended ?? new ConnectFailure(error?.code ?? error?.message ?? 'closed'));
    };
    socket.once('error', failed);
    socket.once('close', () => {
      forget();
      failed();
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      // whoever reads from it listens for errors; between the two nobody may fall over one
      socket.on('error', ignore);
      resolve(socket);
    });
  });
}

const ignore = (): void => undefined;
