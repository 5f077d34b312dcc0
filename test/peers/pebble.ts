/** Pebble, a CA that makes life hard for its clients, with a DNS server of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAY } from '../../src/base/clock.ts';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { makeCa, makeLeaf } from '../support/chains.ts';
import { freePorts } from '../support/free-ports.ts';

export interface Pebble {
  readonly directory: string;
  /** PEM of what its own HTTPS leads to. */
  readonly roots: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly eab: { readonly kid: string; readonly hmacKey: string };
  /** PEM of the root that its certificates lead to. */
  issuerRoot(): Promise<string>;
  stop(): Promise<void>;
}

export interface PebbleOptions {
  /** Good nonces refused, of a hundred. */
  readonly badNonces?: number;
  /** 0: every order is validated anew. */
  readonly reuse?: number;
  /** Seconds that a validation sleeps, at most. */
  readonly sleep?: number;
  readonly eabRequired?: boolean;
  /** `host:port` of the DNS server; left out: one of its own that answers 127.0.0.1 to everything. */
  readonly dns?: string;
  readonly label?: string;
}

export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const { badNonces = 0, reuse = 0, sleep = 0, eabRequired = false, label = 'pebble' } = options;
  const folder = await mkdtemp(join(tmpdir(), 'chancery-pebble-'));
  const [acme = 0, management = 0, httpPort = 0, tlsPort = 0, dns = 0, dnsManagement = 0] =
    await freePorts(6);
  const now = Date.now();
  const life = { notBefore: now - DAY, notAfter: now + 30 * DAY };
  const root = await makeCa(`${label} TLS root`, undefined, life);
  const names = [
    { kind: 'dns', value: 'localhost' },
    { kind: 'ip', value: '127.0.0.1' },
  ] as const;
  const leaf = await makeLeaf(`${label} TLS`, root, names, life);
  const hmacKey = Buffer.alloc(32, 7).toString('base64url');
  await writeFile(join(folder, 'cert.pem'), encodePem('CERTIFICATE', leaf.der));
  await writeFile(join(folder, 'key.pem'), encodePem('PRIVATE KEY', exportPkcs8(leaf.pair.privateKey)));
  await writeFile(
    join(folder, 'pebble.json'),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${acme}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: join(folder, 'cert.pem'),
        privateKey: join(folder, 'key.pem'),
        httpPort,
        tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: eabRequired,
        externalAccountMACKeys: { 'kid-1': hmacKey },
        retryAfter: { authz: 1, order: 1 },
        keyAlgorithm: 'ecdsa',
        profiles: {
          default: { description: 'default', validityPeriod: 7_776_000 },
          shortlived: { description: 'short', validityPeriod: 518_400 },
        },
      },
    }),
  );
  const children: ChildProcess[] = [];
  const start = (program: string, args: readonly string[]): void => {
    children.push(
      spawn(program, args, {
        stdio: 'ignore',
        env: {
          ...process.env,
          PEBBLE_WFE_NONCEREJECT: String(badNonces),
          PEBBLE_AUTHZREUSE: String(reuse),
          ...(sleep === 0 ? { PEBBLE_VA_NOSLEEP: '1' } : { PEBBLE_VA_SLEEPTIME: String(sleep) }),
        },
      }),
    );
  };
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', '', '-defaultIPv6', ''];
  if (options.dns === undefined)
    start('pebble-challtestsrv', [
      '-dnsserver',
      `127.0.0.1:${dns}`,
      '-management',
      `127.0.0.1:${dnsManagement}`,
      ...off,
    ]);
  start('pebble', ['-config', join(folder, 'pebble.json'), '-dnsserver', options.dns ?? `127.0.0.1:${dns}`]);
  const roots = encodePem('CERTIFICATE', root.der);
  const pebble: Pebble = {
    directory: `https://127.0.0.1:${acme}/dir`,
    roots,
    httpPort,
    tlsPort,
    eab: { kid: 'kid-1', hmacKey },
    issuerRoot: () => get(`https://127.0.0.1:${management}/roots/0`, roots),
    async stop() {
      for (const child of children) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (let tries = 0; ; tries += 1) {
    try {
      await get(pebble.directory, roots);
      return pebble;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const get = (url: string, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request(url, { ca }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve(text)).once('error', reject);
    })
      .once('error', reject)
      .end();
  });
