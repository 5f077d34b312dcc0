/** A probe whose names are answered by a fake resolver and whose world is loopback. */
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import type {
  ValidationAsk,
  ValidationIdentifier,
  ValidationOutcome,
  ValidationType,
} from '../../src/domain/acme/validation-port.ts';
import {
  openChallengeProbe,
  type ProbeOptions,
  type ValidationSettings,
} from '../../src/validation/index.ts';
import { parseIpRange } from '../../src/x509/ip.ts';
import { FakeDnsServer } from '../fakes/dns-server.ts';

export const TOKEN = 'DGyRejmCefe7v4NfDGDKfA';
export const KEY_AUTHORIZATION = `${TOKEN}.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ`;
export const ACCOUNT = 'https://ca.example.test/acme/servers/account/1';

export const ranges = (...texts: readonly string[]) =>
  texts.map((text) => {
    const range = parseIpRange(text);
    if (range === undefined) throw new Error(`${text} is no range`);
    return range;
  });

export const dns = (value: string): ValidationIdentifier => ({ type: 'dns', value });
export const ip = (value: string): ValidationIdentifier => ({ type: 'ip', value });

export const askFor = (
  type: ValidationType,
  identifier: ValidationIdentifier,
  more: Partial<ValidationAsk> = {},
): ValidationAsk => ({
  type,
  identifier,
  wildcard: false,
  token: TOKEN,
  keyAuthorization: KEY_AUTHORIZATION,
  accountUri: ACCOUNT,
  ...more,
});

/** Only this one address of loopback is allowed. */
export const ALLOWED = '127.0.0.1';

export interface ProbeFor extends Partial<ValidationSettings> {
  readonly caaIdentities?: readonly string[];
  readonly patience?: number;
  readonly dns?: ProbeOptions['dns'];
}

export function probeFor({ caaIdentities = [], patience, dns, ...settings }: ProbeFor) {
  return openChallengeProbe({
    validation: {
      httpPort: 1,
      tlsPort: 1,
      resolver: undefined,
      allow: ranges(`${ALLOWED}/32`),
      deny: [],
      ...settings,
    },
    caaIdentities,
    ...(patience !== undefined && { patience }),
    ...(dns !== undefined && { dns }),
  });
}

/** Machines that run tests are busy. */
export const PATIENT = { timeout: 10_000 };

export const never = (): AbortSignal => new AbortController().signal;

/** `ok`, or the problem's type. */
export const verdict = (outcome: ValidationOutcome): string => (outcome.ok ? 'ok' : outcome.problem.type);
export const detail = (outcome: ValidationOutcome): string => (outcome.ok ? '' : outcome.problem.detail);

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});
/** Closed after the test. */
export function closing<T extends AsyncDisposable>(one: T): T {
  opened.push(one);
  return one;
}

export const openDns = async (address?: string, port?: number): Promise<FakeDnsServer> =>
  closing(await FakeDnsServer.open(address, port));

/** A TCP server that does as it is told to whoever connects, and counts. */
export interface Peer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly connections: () => number;
  /** That are open now. */
  readonly open: () => number;
  /** Everything that was received, connection by connection. */
  readonly received: string[];
}

export async function openPeer(
  serve: (socket: Socket, received: string) => void,
  { address = ALLOWED, port = 0 }: { address?: string; port?: number } = {},
): Promise<Peer> {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  let connections = 0;
  const server: Server = createServer((socket) => {
    const index = connections++;
    received[index] = '';
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      received[index] += chunk.toString('latin1');
      serve(socket, received[index] ?? '');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, address, resolve);
  });
  return closing({
    address,
    port: (server.address() as { port: number }).port,
    connections: () => connections,
    open: () => sockets.size,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Answers each request that is whole with these octets; then, or at once without them, it closes unless told to stay. */
export const answering =
  (reply: string | Buffer | ((request: string) => string | Buffer), { stay = false } = {}) =>
  (socket: Socket, received: string): void => {
    if (!received.endsWith('\r\n\r\n')) return;
    const octets = typeof reply === 'function' ? reply(received) : reply;
    if (stay) socket.write(octets);
    else socket.end(octets);
  };

export const http = (status: number, headers: readonly string[] = [], body = ''): string =>
  [`HTTP/1.1 ${status} X`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n');
