/** Short calls to listeners, to learn who answers. Nothing is sent that tells who asks. */
import { get } from 'node:http';
import { connect, type PeerCertificate } from 'node:tls';
import { isIP } from 'node:net';

const PATIENCE = 3000;
const LARGEST = 1024 * 1024;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** GET over plain HTTP, no redirects. Rejects when nothing answers in time. */
export function ask(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: PATIENCE }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > LARGEST) request.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
  });
}

export interface Shaken {
  /** Why the chain or the name is not accepted; `undefined` when they are. */
  readonly fault: string | undefined;
  readonly certificate: PeerCertificate;
  /** The version that the start page names. */
  readonly version: string | undefined;
}

/**
 * Shakes hands, tells whether the certificate chains to `roots` and has the host's name, and reads the start page.
 * Rejects when nothing shakes hands.
 */
export function shake(host: string, port: number, name: string, roots: string): Promise<Shaken> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ca: roots,
      rejectUnauthorized: false, // the fault is what is asked for
      ...(isIP(name) === 0 && { servername: name }),
    });
    let page = '';
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no answer in time')));
    socket.once('secureConnect', () => {
      const reason: unknown = socket.authorizationError;
      const fault = socket.authorized ? undefined : String(reason instanceof Error ? reason.message : reason);
      const certificate = socket.getPeerCertificate();
      const finish = (): void => {
        clearTimeout(timer);
        socket.destroy();
        const version = /Version ([\w.+-]+),/.exec(page)?.[1];
        resolve({ fault, certificate, version });
      };
      const timer = setTimeout(finish, PATIENCE);
      socket.on('data', (chunk: Buffer) => {
        page += chunk.toString('latin1');
        if (page.length > LARGEST || page.includes('</html>')) finish();
      });
      socket.on('end', finish);
      socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
    });
    socket.on('error', reject);
  });
}
