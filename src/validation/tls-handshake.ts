import type { TLSSocket } from 'node:tls';
import { ProbeFault } from './fault.ts';
import type { Scope } from './scope.ts';

/** Waits for the handshake to be done. Rejects with a ProbeFault `tls`, or with the scope's reason; the socket is gone then. */
export function handshake(socket: TLSSocket, scope: Scope): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const forget = scope.onEnd((reason) => {
      reject(reason);
      socket.destroy();
    });
    const failed = (error?: NodeJS.ErrnoException): void => {
      reject(new ProbeFault('tls', `the TLS handshake failed: ${reasonOf(error)}`));
      socket.destroy();
    };
    // stays: a socket that nobody reads any more may still fail
    socket.on('error', failed);
    socket.once('close', () => {
      forget();
      failed();
    });
    socket.once('secureConnect', () => resolve(socket));
  });
}

/** OpenSSL's reason without its file names and addresses. */
function reasonOf(error: (NodeJS.ErrnoException & { reason?: string }) | undefined): string {
  if (error === undefined) return 'the connection was closed';
  return error.reason ?? error.code ?? 'the connection broke off';
}
