/** `chancery status serve`: a published folder over HTTP. No keys, no database, no server: it reads files and answers. */
import { createServer } from 'node:http';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ChanceryError } from '../base/errors.ts';
import { HOUR, MINUTE, SECOND } from '../base/clock.ts';
import { formatHostPort } from '../base/host-port.ts';
import type { Log } from '../base/log.ts';
import { isLoopback, parseHostPort } from '../config/listeners.ts';
import { limitConnections } from '../http/connection-limit.ts';
import { createPublishedFilesListener } from '../http/status/published-files.ts';
import { SLOW_CLIENT_LIMITS } from '../http/tls-listener.ts';
import { PublishedFolder } from '../publication/reader.ts';
import { createLog } from '../telemetry/log.ts';
import { bind, drain } from './bind.ts';
import { systemClock } from './world.ts';

export interface StatusServeOptions {
  readonly folder: string;
  /** `host:port` */
  readonly listen: string;
  readonly cwd: string;
  /** Writes a line for a person. */
  readonly say: (line: string) => void;
}

const CONNECTIONS_PER_ADDRESS = 2000;
const PATIENCE = 10 * SECOND;

/** Resolves with the exit code when it was told to stop. Throws `usage` for a folder or an address that cannot be. */
export async function serveStatus(options: StatusServeOptions): Promise<0> {
  const log = createLog({ level: 'info' });
  const server = await startStatusServer(options, log);
  options.say(`serves ${server.folder} at ${server.url}`);
  await new Promise<void>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        process.once(signal, () => process.exit(1)); // a second one means now
        done();
      });
  });
  await server.stop();
  return 0;
}

export interface StatusServer {
  readonly folder: string;
  readonly url: string;
  stop(): Promise<void>;
}

export async function startStatusServer(
  { folder: given, listen, cwd }: Pick<StatusServeOptions, 'folder' | 'listen' | 'cwd'>,
  log: Log,
  clock = systemClock,
): Promise<StatusServer> {
  const folder = resolve(cwd, given);
  const address = parseHostPort(listen);
  if (address === undefined)
    throw new ChanceryError('usage', {
      message: `--listen ${JSON.stringify(listen)} is no address`,
      rule: 'a host or an IP address, and a port',
      fix: 'Write it as 127.0.0.1:8080 or [::1]:8080.',
    });
  if (!(await isFolder(folder)))
    throw new ChanceryError('usage', {
      message: `there is no folder ${folder}`,
      fix: 'Name the folder that the server publishes to (`publication` in its configuration).',
    });
  const published = new PublishedFolder(folder, clock);
  const server = createServer(
    SLOW_CLIENT_LIMITS,
    createPublishedFilesListener({
      clock,
      file: (path) => published.file(path),
      ocsp: (request) => published.answer(request),
      async readiness() {
        const reasons = await published.faults();
        return { ready: reasons.length === 0, reasons };
      },
      failed: (error) => log.error('a file could not be served', { reason: reasonOf(error) }),
    }),
  );
  limitConnections(server, CONNECTIONS_PER_ADDRESS);
  const port = await bind(server, 'status', {
    ...address,
    loopback: isLoopback(address.host),
    isDefault: false,
  });
  const alarm = ageAlarm(published, log);
  await alarm();
  const timer = setInterval(() => void alarm(), MINUTE);
  return {
    folder,
    url: `http://${formatHostPort({ ...address, port })}`,
    async stop() {
      clearInterval(timer);
      await drain(server, PATIENCE);
    },
  };
}

/** Says what is stale, each thing once an hour, and when all is well again. */
function ageAlarm(published: PublishedFolder, log: Log): () => Promise<void> {
  let said = '';
  let saidAt = -Infinity;
  return async () => {
    const faults = await published.faults();
    const warnings = faults.length > 0 ? [] : await published.warnings();
    const now = performance.now();
    const text = [...faults, ...warnings].join('\n');
    if (text === said && (text === '' || now - saidAt < HOUR)) return;
    if (text === '') log.info('what is published is up to date again');
    else if (faults.length > 0)
      log.error('what is published has run out', { faults: faults.slice(0, 10), count: faults.length });
    else log.warn('what is published grows old', { warnings });
    said = text;
    saidAt = now;
  };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
