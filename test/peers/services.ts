/** nginx, HAProxy and PostgreSQL as they check clients: started, reloaded, and asked by one. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, chownSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fences, readPage } from '../docs/pages.ts';
import { pause } from '../support/spawned-server.ts';

/** Paths of PEM files: certificate with chain, and key. */
export interface Pair {
  readonly chain: string;
  readonly key: string;
}

export interface Setting {
  /** Of this service's own; nobody else writes there. */
  readonly folder: string;
  readonly port: number;
  readonly server: Pair;
  /** Roots that clients chain to. */
  readonly roots: string;
  readonly crls: string;
}

const PAGE = 'docs/how-to/check-revocation-in-your-service.md';

/** The lines that refuse revoked clients, as the how-to has them, with the paths of this test. */
function fromPage(language: string, { roots, crls }: Pick<Setting, 'roots' | 'crls'>): string {
  const fence = fences(readPage(PAGE)).find((one) => one.language === language);
  if (fence === undefined) throw new Error(`${PAGE} has no block of ${language}`);
  return fence.text
    .replaceAll('/etc/pki/clients/roots.pem', roots)
    .replaceAll('/etc/pki/clients/crls.pem', crls);
}

export interface Service {
  readonly name: string;
  start(setting: Setting): Promise<RunningService>;
}

export interface RunningService {
  /** Takes a new CRL file into use. */
  reload(): Promise<void>;
  /** Whether a client gets what it asks for. `user` is the name in its certificate. */
  accepts(client: Pair, user: string): Promise<boolean>;
  stop(): Promise<void>;
  output(): string;
}

function run(command: string, args: readonly string[], folder?: string) {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { child, ended, output: () => text };
}

const finish = (command: string, args: readonly string[]): Promise<{ ok: boolean; text: string }> =>
  new Promise((resolve) => {
    execFile(command, args, { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ ok: error === null, text: stdout + stderr }),
    );
  });

/** What somebody presents over TLS to an HTTP server; the answer's status, 0 where there is none. */
function get(port: number, roots: string, { chain, key }: Pair): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({
      ...{ port, host: 'localhost', ca: readFileSync(roots), timeout: 10_000 },
      ...{ cert: readFileSync(chain), key: readFileSync(key) },
    });
    const end = (): void => resolve(Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0));
    socket.on('secureConnect', () =>
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'),
    );
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('timeout', () => socket.destroy());
    socket.on('error', end);
    socket.on('close', end);
  });
}

async function until(what: string, ready: () => Promise<boolean>, output: () => string): Promise<void> {
  for (let i = 0; i < 150; i++) {
    if (await ready()) return;
    await pause(100);
  }
  throw new Error(`${what} did not become ready:\n${output()}`);
}

/** Somebody listens; with whatever certificate. */
const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost', rejectUnauthorized: false }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });

const stopWith =
  (child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals) => async (): Promise<void> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  };

const nginx: Service = {
  name: 'nginx',
  async start({ folder, port, server, roots, crls }) {
    const file = join(folder, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${join(folder, 'nginx.pid')};
error_log stderr notice;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${join(folder, what)};`).join(' ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${server.chain};
    ssl_certificate_key ${server.key};
    ${fromPage('nginx', { roots, crls })}
    location / { return 200 "in\\n"; }
  }
}
`,
    );
    const { child, ended, output } = run('nginx', ['-p', folder, '-c', file]);
    await until('nginx', () => listens(port), output);
    return {
      output,
      async reload() {
        const starts = () => output().split('start worker process ').length;
        const before = starts();
        child.kill('SIGHUP');
        await until('the new nginx worker', () => Promise.resolve(starts() > before), output);
        await pause(500); // the old worker closes its listener
      },
      accepts: async (client) => (await get(port, roots, client)) === 200,
      stop: stopWith(child, ended, 'SIGTERM'),
    };
  },
};

const haproxy: Service = {
  name: 'haproxy',
  async start({ folder, port, server, roots, crls }) {
    const pair = join(folder, 'server.pem');
    writeFileSync(pair, readFileSync(server.chain, 'utf8') + readFileSync(server.key, 'utf8'), {
      mode: 0o600,
    });
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend front
  ${fromPage('haproxy', { roots, crls }).replace('127.0.0.1:8444', `127.0.0.1:${port}`).replace('/etc/haproxy/server.pem', pair)}
  http-request return status 200 content-type text/plain string in
`,
    );
    const { child, ended, output } = run('haproxy', ['-W', '-f', file]);
    await until('haproxy', () => listens(port), output);
    return {
      output,
      async reload() {
        const loads = () => output().split('Loading success').length + output().split('New worker').length;
        const before = loads();
        child.kill('SIGUSR2');
        await until('the new haproxy worker', () => Promise.resolve(loads() > before), output);
        await pause(500);
      },
      accepts: async (client) => (await get(port, roots, client)) === 200,
      stop: stopWith(child, ended, 'SIGTERM'),
    };
  },
};

/** PostgreSQL never runs as root. */
const asPostgres = (command: string, args: readonly string[]): [string, string[]] =>
  process.getuid?.() === 0 ? ['runuser', ['-u', 'postgres', '--', command, ...args]] : [command, [...args]];

const postgres: Service = {
  name: 'postgres',
  async start({ folder, port, server, roots, crls }) {
    const bin = globSync('/usr/lib/postgresql/*/bin').sort().at(-1) ?? '';
    const data = join(folder, 'data');
    mkdirSync(data, { mode: 0o700 });
    const key = join(folder, 'key.pem');
    writeFileSync(key, readFileSync(server.key), { mode: 0o600 });
    if (process.getuid?.() === 0) {
      const { ok, text } = await finish('id', ['-u', 'postgres']);
      if (!ok) throw new Error(text);
      for (const path of [folder, data, key]) chownSync(path, Number(text), statSync(folder).gid);
    }
    chmodSync(folder, 0o755);
    const made = await finish(
      ...asPostgres(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync']),
    );
    if (!made.ok) throw new Error(made.text);
    writeFileSync(
      join(data, 'postgresql.conf'),
      `port = ${port}
listen_addresses = '127.0.0.1'
unix_socket_directories = '${folder}'
fsync = off
ssl = on
ssl_cert_file = '${server.chain}'
ssl_key_file = '${key}'
${fromPage('ini', { roots, crls })}
`,
    );
    writeFileSync(
      join(data, 'pg_hba.conf'),
      `local all postgres trust\n${fromPage('text', { roots, crls })}\n`,
    );
    const { child, ended, output } = run(...asPostgres(join(bin, 'postgres'), ['-D', data]));
    const asAdmin = (sql: string) =>
      finish('psql', ['-h', folder, '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-c', sql]);
    await until('postgres', async () => (await asAdmin('SELECT 1')).ok, output);
    const users = new Set<string>();
    return {
      output,
      async reload() {
        const reloaded = () => output().split('received SIGHUP').length;
        const before = reloaded();
        await asAdmin('SELECT pg_reload_conf()');
        await until('postgres, reloaded,', () => Promise.resolve(reloaded() > before), output);
      },
      async accepts(client, user) {
        if (!users.has(user)) await asAdmin(`CREATE ROLE "${user}" LOGIN`);
        users.add(user);
        const { ok } = await finish('psql', [
          `host=localhost hostaddr=127.0.0.1 port=${port} dbname=postgres user=${user} sslmode=verify-full sslrootcert=${roots} sslcert=${client.chain} sslkey=${client.key}`,
          '-c',
          'SELECT 1',
        ]);
        return ok;
      },
      async stop() {
        await finish(...asPostgres(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop']));
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
        await ended;
        clearTimeout(timer);
      },
    };
  },
};

export const SERVICES: readonly Service[] = [nginx, haproxy, postgres];
