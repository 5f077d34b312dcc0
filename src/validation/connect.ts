/** The only door to TCP: a checked address, never a name. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { ProbeFault } from './fault.ts';
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
export const connectTcp = (
  address: CheckedAddress,
  port: number,
  scope: Scope,
  patience: number,
): Promise<Socket> => connected(() => connect({ host: address, port, noDelay: true }), scope, patience);

/** Only what says how TLS is spoken: where to is not its business. */
export type TlsOptions = Pick<ConnectionOptions, 'ALPNProtocols' | 'servername'>;

/**
 * As `connectTcp`; the handshake has not taken place yet. What the certificate says is looked at by the caller, if at
 * all. The socket makes its own connection: one laid over another crashes Node when both are closed at the wrong moment.
 */
export const connectForTls = (
  address: CheckedAddress,
  port: number,
  scope: Scope,
  patience: number,
  options: TlsOptions,
): Promise<TLSSocket> =>
  connected(
    () => connectTls({ ...options, host: address, port, rejectUnauthorized: false, minVersion: 'TLSv1.2' }),
    scope,
    patience,
  );

function connected<S extends Socket>(open: () => S, scope: Scope, patience: number): Promise<S> {
  return new Promise((resolve, reject) => {
    // before the socket: a scope that is over must not leave one behind
    scope.check();
    const socket = open();
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

/** Waits for the handshake to be done. Rejects with a ProbeFault `tls`, or with the scope's reason. */
export function handshake(socket: TLSSocket, scope: Scope): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error?: NodeJS.ErrnoException): void => {
      reject(scope.over ?? new ProbeFault('tls', `the TLS handshake failed: ${reasonOf(error)}`));
    };
    socket.once('error', failed);
    socket.once('close', () => failed());
    // this is called from within OpenSSL, which does not survive that the socket is closed here
    socket.once('secureConnect', () => setImmediate(resolve));
  });
}

/** OpenSSL's reason without its file names and addresses. */
function reasonOf(error: (NodeJS.ErrnoException & { reason?: string }) | undefined): string {
  if (error === undefined) return 'the connection was closed';
  return error.reason ?? error.code ?? 'the connection broke off';
}

/** Closes as TLS wants it, so that a peer that did everything right has no reset connection in its log. */
export function farewell(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), FAREWELL_PATIENCE);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume().end();
  });
}

const FAREWELL_PATIENCE = 250;
