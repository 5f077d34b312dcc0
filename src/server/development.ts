/** `chancery dev`: an authority, its server, and two sample services that call each other over mTLS while you watch. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Configuration } from '../config/index.ts';
import { packageFolder } from './package.ts';

/** Short enough to see certificates rotate while one looks. */
const SAMPLE_TTL = '2m';
const SAMPLES = ['greeter', 'caller'] as const;
type Sample = (typeof SAMPLES)[number];

export interface SampleEvents {
  /** A line for the person who watches. */
  readonly say: (line: string) => void;
  readonly onFirstRotation: () => void;
}

const program = (): string => join(packageFolder(), 'bin', 'chancery');

function sampleScript(): string {
  const source = join(packageFolder(), 'examples', 'mtls', 'service.ts');
  return existsSync(source) ? source : join(packageFolder(), 'dist', 'examples', 'mtls', 'service.js');
}

/**
 * Issues a certificate for each sample and starts both, until `signal` ends them. What is typed here is what a person
 * would type.
 */
export async function startSamples(
  config: Configuration,
  signal: AbortSignal,
  events: SampleEvents,
): Promise<void> {
  const folder = join(config.data, 'dev');
  try {
    await mkdir(folder, { recursive: true });
    await Promise.all(SAMPLES.map((name) => issueFor(config, name, join(folder, name))));
    const port = await freePort();
    startBoth(config, folder, [port, await freePort(port)], signal, events);
  } catch (error) {
    if (!signal.aborted) throw error; // the server was stopped meanwhile
  }
}

function startBoth(
  config: Configuration,
  folder: string,
  [firstPort, secondPort]: readonly [number, number],
  signal: AbortSignal,
  events: SampleEvents,
): void {
  if (signal.aborted) return;
  const [first, second] = SAMPLES;
  const ports: Record<Sample, number> = { [first]: firstPort, [second]: secondPort };
  let rotated = false;
  for (const name of SAMPLES) {
    const peer = name === first ? second : first;
    const child = startSample(config, name, peer, join(folder, name), ports);
    signal.addEventListener('abort', () => child.kill('SIGTERM'));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const event = JSON.parse(line) as Record<string, string | number>;
      const text = describe(name, peer, event);
      if (text !== undefined) events.say(text);
      if (event['event'] === 'rotated' && !rotated) {
        rotated = true;
        events.onFirstRotation();
      }
    });
  }
}

const idOf = (config: Configuration, name: Sample): string => `spiffe://${config.trustDomain}/sample/${name}`;

async function issueFor(config: Configuration, name: Sample, out: string): Promise<void> {
  await promisify(execFile)(program(), [
    'cert',
    'issue',
    '--data',
    config.data,
    '--profile',
    'workload',
    '--uri',
    idOf(config, name),
    '--ttl',
    SAMPLE_TTL,
    '--out',
    out,
  ]);
}

function startSample(
  config: Configuration,
  name: Sample,
  peer: Sample,
  dir: string,
  ports: Record<Sample, number>,
): ChildProcess {
  const options = [
    '--dir',
    dir,
    '--port',
    String(ports[name]),
    '--peer-id',
    idOf(config, peer),
    '--peer-port',
    String(ports[peer]),
  ];
  const renew = [program(), 'cert', 'renew', dir, '--data', config.data];
  return spawn(process.execPath, [sampleScript(), ...options, '--', ...renew], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const short = (serial: string | number | undefined): string => `${String(serial).slice(0, 8).toLowerCase()}…`;

function describe(name: Sample, peer: Sample, event: Record<string, string | number>): string | undefined {
  switch (event['event']) {
    case 'called':
      return `${name} calls ${peer} over mTLS and knows it by ${String(event['peer'])}`;
    case 'rotated':
      return `${name} rotated ${short(event['from'])} → ${short(event['to'])}, valid until ${String(event['until'])}; ${String(event['calls'])} calls, ${String(event['failed'])} failed`;
    case 'failed':
      return `${name}: a call to ${peer} failed: ${String(event['reason'])}`;
    case 'renewal-failed':
      return `${name}: the renewal failed and is tried again: ${String(event['reason'])}`;
    default:
      return undefined;
  }
}

/** Below the ports that Linux gives to outgoing connections (32768 and up): none of them takes it meanwhile. */
async function freePort(taken?: number): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (port !== taken && (await isFree(port))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
