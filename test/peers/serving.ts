/** nginx and HAProxy as servers of a pair that the closed loop delivers, and clients that ask them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { onTestFinished } from 'vitest';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { dns, makeCa, makeLeaf } from '../support/chains.ts';
import { pause } from '../support/spawned-server.ts';

export interface Served {
  readonly port: number;
  /** Where its pair lies. */
  readonly directory: string;
  readonly pidFile: string;
  readonly child: ChildProcess;
  readonly config: string;
}

/** The plain files of somebody who did it by hand before. */
export async function pairByHand(
  directory: string,
  name: string,
  layout: 'nginx' | 'haproxy',
): Promise<void> {
  const now = Date.now();
  const life = { notBefore: now - 3_600_000, notAfter: now + 86_400_000 };
  const leaf = await makeLeaf(
    `by hand ${directory}`,
    await makeCa('by hand', undefined, life),
    dns(name),
    life,
  );
  const certificate = encodePem('CERTIFICATE', leaf.der);
  const key = encodePem('PRIVATE KEY', exportPkcs8(leaf.pair.privateKey));
  mkdirSync(directory, { recursive: true });
  if (layout === 'haproxy') writeFileSync(join(directory, 'tls.pem'), certificate + key, { mode: 0o600 });
  else {
    writeFileSync(join(directory, 'fullchain.pem'), certificate);
    writeFileSync(join(directory, 'privkey.pem'), key, { mode: 0o600 });
  }
}

export interface Setting {
  /** Of this service alone. */
  readonly folder: string;
  readonly directory: string;
  readonly port: number;
}

export const nginxArguments = ({ folder }: Pick<Setting, 'folder'>): string[] => [
  '-p',
  folder,
  '-c',
  join(folder, 'nginx.conf'),
];

export async function startNginx({ folder, directory, port }: Setting): Promise<Served> {
  mkdirSync(folder, { recursive: true });
  const [config, pidFile] = [join(folder, 'nginx.conf'), join(folder, 'nginx.pid')];
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    config,
    `daemon off;
worker_processes 2;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${pidFile};
error_log ${join(folder, 'error.log')} notice;
events {}
http {
  access_log off;
  ${temporary.map((what) => `${what}_temp_path ${join(folder, what)};`).join(' ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${join(directory, 'fullchain.pem')};
    ssl_certificate_key ${join(directory, 'privkey.pem')};
    location / { return 200 "in\\n"; }
  }
}
`,
  );
  const child = start('nginx', nginxArguments({ folder }));
  await listening(port);
  return { port, directory, pidFile, child, config };
}

export async function startHaproxy({ folder, directory, port }: Setting): Promise<Served> {
  mkdirSync(folder, { recursive: true });
  const [config, pidFile] = [join(folder, 'haproxy.cfg'), join(folder, 'haproxy.pid')];
  writeFileSync(
    config,
    `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend front
  bind 127.0.0.1:${port} ssl crt ${join(directory, 'tls.pem')}
  http-request return status 200 content-type text/plain string in
`,
  );
  const child = start('haproxy', ['-W', '-p', pidFile, '-f', config]);
  await listening(port);
  return { port, directory, pidFile, child, config };
}

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGTERM'));
  return child;
}

async function listening(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if ((await servedSerial(port)) !== undefined) return;
    await pause(100);
  }
  throw new Error(`nobody listens at ${port}`);
}

/** Serial number of what is served, as the API writes it; `undefined`: nothing. */
export const servedSerial = (port: number, servername = 'shop.example.test'): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber.toLowerCase());
      socket.destroy();
    });
    socket.setTimeout(5000, () => socket.destroy());
    socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined));
  });

export interface Load {
  /** Ends it. `failures`: what went wrong, in words. */
  stop(): Promise<{ readonly requests: number; readonly failures: readonly string[] }>;
}

/** Clients that trust `ca` and open a connection for every request, without a pause. */
export function load(port: number, ca: string, clients = 4, servername = 'shop.example.test'): Load {
  let over = false;
  let requests = 0;
  const failures: string[] = [];
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      requests += 1;
      const fail = (why: string): void => void (failures.push(why), resolve());
      request(
        {
          port,
          host: '127.0.0.1',
          servername,
          ca,
          agent: false,
          timeout: 5000,
          headers: { host: servername },
        },
        (response) => {
          response
            .resume()
            .once('end', () =>
              response.statusCode === 200 ? resolve() : fail(`HTTP ${response.statusCode}`),
            );
          response.once('error', (error) => fail(error.message));
        },
      )
        .once('timeout', function (this: { destroy: (error: Error) => void }) {
          this.destroy(new Error('timeout'));
        })
        .once('error', (error) => fail(error.message))
        .end();
    });
  const loops = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!over) {
        await one();
        await pause(5);
      }
    }),
  );
  return {
    async stop() {
      over = true;
      await loops;
      return { requests, failures };
    },
  };
}
