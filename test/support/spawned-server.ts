/** The real program as a process of its own, for tests that kill it, starve it, or look at it from outside. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';

export const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'chancery');

export interface Installation {
  readonly folder: string;
  readonly data: string;
  readonly config: string;
  readonly https: number;
  readonly status: number;
  readonly metrics: number;
  remove(): Promise<void>;
}

/** A folder with a configuration and an authority made by `chancery init`. */
export async function install(
  extra = '',
  initOptions: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'chancery-'));
  const [https = 0, status = 0, metrics = 0] = await freePorts(3);
  const config = join(folder, 'chancery.yaml');
  const data = join(folder, 'data');
  const listen = `listen: { https: "127.0.0.1:${https}", status: "127.0.0.1:${status}", metrics: "127.0.0.1:${metrics}" }`;
  await writeFile(config, `trustDomain: example.test\n${listen}\n${extra}\n`);
  await run(['init', '--data', data, '--config', config, ...initOptions], env);
  return {
    folder,
    data,
    config,
    https,
    status,
    metrics,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command; never throws for an exit code. */
export async function tryRun(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Run> {
  try {
    const { stdout, stderr } = await promisify(execFile)(PROGRAM, args, { env, maxBuffer: 64 * 1024 * 1024 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

export async function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { code, stdout, stderr } = await tryRun(args, env);
  if (code !== 0) throw new Error(`chancery ${args.join(' ')}: exit ${code}\n${stderr}`);
  return stdout;
}

export interface SpawnedServer {
  readonly process: ChildProcess;
  /** Everything on stdout and stderr so far. */
  output(): string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): Promise<number | string>;
}

/** Starts the server and waits until it is ready. `wrapper` goes in front of the command line, e.g. strace. */
export async function spawnServer(
  at: Installation,
  wrapper: readonly string[] = [],
  patience = 15_000,
): Promise<SpawnedServer> {
  const [command = PROGRAM, ...args] = [
    ...wrapper,
    PROGRAM,
    'server',
    '--data',
    at.data,
    '--config',
    at.config,
  ];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  let over = false;
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => {
      over = true;
      resolve(code ?? signal ?? '');
    }),
  );
  const until = Date.now() + patience;
  while (!(await isReady(at.status))) {
    if (over || Date.now() > until) throw new Error(`the server did not become ready:\n${output}`);
    await pause(20);
  }
  return {
    process: child,
    output: () => output,
    ended,
    kill(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

export async function isReady(statusPort: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${statusPort}/readyz`)).status === 200;
  } catch {
    return false;
  }
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

export interface Asked {
  readonly status: number;
  readonly json: Record<string, unknown>;
  readonly retryAfter: string | undefined;
}

export type Client = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Asked>;

/** A keep-alive client with the admin's certificate. */
export async function adminClient({ data, https }: Installation): Promise<Client> {
  const [ca, cert, key] = await Promise.all([
    readFile(join(data, 'roots.pem')),
    readFile(join(data, 'admin', 'cert.pem')),
    readFile(join(data, 'admin', 'key.pem')),
  ]);
  const agent = new Agent({ ca, cert, key, keepAlive: true });
  return (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: 'localhost',
          port: https,
          path,
          method,
          agent,
          timeout: 10_000,
          headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: response.statusCode ?? 0,
              json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
              retryAfter: response.headers['retry-after'],
            });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')));
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
}
