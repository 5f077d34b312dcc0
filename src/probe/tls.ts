/** Which certificate an endpoint serves: TLS with SNI, with a client certificate, or after PostgreSQL's SSLRequest. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Duration, SECOND } from '../base/clock.ts';
import type { Probe, Sight } from '../domain/renewal/ports.ts';
import { formatPlace, type Place, resolveAll, type Resolve } from './address.ts';

export interface TlsProbeOptions {
  readonly place: Place;
  /** Sent as SNI; left out: the host, where it is a name. */
  readonly serverName: string | undefined;
  /** What is spoken before TLS. */
  readonly startTls: 'none' | 'postgresql';
  /** PEM of what we present; `undefined`: nothing. */
  readonly client: (() => { readonly cert: string; readonly key: string }) | undefined;
  /** So many instances have to be found. */
  readonly expect: number | undefined;
  readonly resolve?: Resolve;
  readonly patience?: Duration;
}

const PATIENCE: Duration = 5 * SECOND;
/** So long a server may take to refuse our certificate. */
const VERDICT: Duration = SECOND / 4;
/** Instances that are looked at side by side. */
const AT_ONCE = 16;

export class TlsProbe implements Probe {
  readonly #options: TlsProbeOptions;

  constructor(options: TlsProbeOptions) {
    this.#options = options;
  }

  async look(signal: AbortSignal): Promise<readonly Sight[]> {
    const { place, expect, resolve = resolveAll } = this.#options;
    let addresses: readonly string[];
    try {
      addresses = await resolve(place.host);
    } catch (error) {
      return [
        {
          address: formatPlace(place),
          certificate: undefined,
          fault: `${place.host} has no address: ${codeOf(error)}`,
        },
      ];
    }
    const sights: Sight[] = [];
    for (let at = 0; at < addresses.length; at += AT_ONCE)
      sights.push(
        ...(await Promise.all(
          addresses.slice(at, at + AT_ONCE).map((host) => this.#lookAt({ host, port: place.port }, signal)),
        )),
      );
    if (addresses.length < (expect ?? 1))
      sights.push({
        address: formatPlace(place),
        certificate: undefined,
        fault: `${addresses.length} of ${expect ?? 1} instances were found`,
      });
    return sights;
  }

  async #lookAt(place: Place, signal: AbortSignal): Promise<Sight> {
    const address = formatPlace(place);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(this.#options.patience ?? PATIENCE)]);
    let socket: Socket | undefined;
    try {
      if (this.#options.startTls === 'postgresql') {
        socket = await connected(place, limited);
        await requestSsl(socket, limited);
      }
      return { address, ...(await this.#handshake(socket ?? place, limited)) };
    } catch (error) {
      return {
        address,
        certificate: undefined,
        fault: limited.aborted ? 'no answer in time' : codeOf(error),
      };
    } finally {
      socket?.destroy();
    }
  }

  #handshake(over: Socket | Place, signal: AbortSignal): Promise<Pick<Sight, 'certificate' | 'fault'>> {
    const { place, serverName, client, startTls } = this.#options;
    const name = serverName ?? (isIP(place.host) === 0 ? place.host : undefined);
    const presented = client?.();
    return new Promise((resolve, reject) => {
      const tls: TLSSocket = connectTls({
        ...('port' in over ? over : { socket: over }),
        // what is served is compared octet by octet: nobody is believed here
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        ...(name === undefined || isIP(name) !== 0 ? {} : { servername: name }),
        ...(startTls === 'postgresql' ? { ALPNProtocols: ['postgresql'] } : {}),
        ...presented,
      });
      let certificate: Uint8Array | undefined;
      const end = (fault?: string): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        // Node 24 dies where a TLS socket is destroyed inside of OpenSSL's callback: we are out of it a turn later
        setImmediate(() => {
          tls.destroy();
          if (certificate === undefined) reject(new Error(fault ?? 'no certificate came'));
          else resolve({ certificate, fault });
        });
      };
      const aborted = (): void => end('no answer in time');
      let timer: NodeJS.Timeout | undefined;
      tls.on('error', (error) => end(codeOf(error)));
      tls.once('close', () => end('closed by the server'));
      signal.addEventListener('abort', aborted, { once: true });
      tls.once('secureConnect', () => {
        const { raw } = tls.getPeerCertificate();
        if (raw instanceof Uint8Array) certificate = raw;
        if (presented === undefined || certificate === undefined) {
          end();
          return;
        }
        // TLS 1.3: a server refuses ours after the handshake, by an alert (RFC 8446 4.4.2.4), some after their tickets
        timer = setTimeout(() => end(), VERDICT);
      });
    });
  }
}

function connected({ host, port }: Place, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, signal });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** SSLRequest: length 8, code 80877103; the answer is one octet, S or N. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

function requestSsl(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void): void => {
      socket.off('error', failed).off('data', answered).off('close', closed);
      signal.removeEventListener('abort', aborted);
      act();
    };
    const failed = (error: Error): void => end(() => reject(error));
    const closed = (): void => end(() => reject(new Error('closed before TLS')));
    const aborted = (): void => end(() => reject(new Error('no answer in time')));
    const answered = (chunk: Buffer): void =>
      end(() => {
        socket.pause();
        // more than the one octet before TLS would be somebody between us (CVE-2021-23222)
        if (chunk.length === 1 && chunk[0] === 0x53) resolve();
        else reject(new Error(chunk[0] === 0x4e ? 'PostgreSQL serves no TLS' : 'this is not PostgreSQL'));
      });
    socket.once('error', failed).once('data', answered).once('close', closed);
    signal.addEventListener('abort', aborted, { once: true });
    socket.write(SSL_REQUEST);
  });
}

/** The cause in a word; nothing that the other side wrote. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
