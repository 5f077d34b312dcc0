/** An ACME server of ours for other people's clients: its addresses, a name server, and a look at what they got. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { FakeDnsServer } from '../fakes/dns-server.ts';
import { freePorts } from '../support/free-ports.ts';
import {
  type Installation,
  install,
  pause,
  run,
  type SpawnedServer,
  spawnServer,
} from '../support/spawned-server.ts';

export interface AcmeWorld {
  readonly at: Installation;
  readonly directory: string;
  /** Path of the roots that clients trust. */
  readonly roots: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Files in it are TXT records: the name of the file is that of the record. */
  readonly txt: string;
  /** A fresh folder. */
  readonly folder: (name: string) => string;
  readonly command: (
    command: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Promise<string>;
  readonly externalKey: () => Promise<{ readonly kid: string; readonly hmacKey: string }>;
  readonly stop: () => Promise<void>;
}

export async function openAcmeWorld(): Promise<AcmeWorld> {
  const dns = await FakeDnsServer.open();
  const [httpPort = 0, tlsPort = 0] = await freePorts(2);
  const at = await install(`
grants:
  - { name: hosts, principal: "acme:**", verbs: [issue, renew, revoke], issuer: servers, profiles: [server], dns: ["**.example.test"], ip: ["127.0.0.0/8"] }
acme:
  validation: { httpPort: ${httpPort}, tlsPort: ${tlsPort}, resolver: "127.0.0.1:${dns.port}", allow: ["127.0.0.0/8"] }`);
  const txt = join(at.folder, 'txt');
  mkdirSync(txt);
  dns.answer = ({ name, type }) => {
    const file = join(txt, name.toLowerCase());
    const answers =
      type === 'A'
        ? [{ name, type, data: '127.0.0.1' }]
        : type === 'TXT' && existsSync(file)
          ? [{ name, type, data: readFileSync(file, 'utf8').trim() }]
          : [];
    return { answers, authoritative: true };
  };
  const server: SpawnedServer = await spawnServer(at);
  const roots = join(at.data, 'roots.pem');
  let folders = 0;
  return {
    at,
    directory: `https://localhost:${at.https}/acme/servers/directory`,
    roots,
    httpPort,
    tlsPort,
    txt,
    folder(name) {
      const path = join(at.folder, `${name}-${++folders}`);
      mkdirSync(path);
      return path;
    },
    async command(command, args, env = {}) {
      const trust = { SSL_CERT_FILE: roots, REQUESTS_CA_BUNDLE: roots, NODE_EXTRA_CA_CERTS: roots };
      try {
        const { stdout, stderr } = await promisify(execFile)(command, args, {
          env: { ...process.env, ...trust, HOME: at.folder, NO_PROXY: '*', ...env },
          timeout: 50_000,
        });
        return stdout + stderr;
      } catch (error) {
        const { message, stdout, stderr } = error as { message: string; stdout: string; stderr: string };
        throw new Error(`${message}\n${stdout}\n${stderr}`, { cause: error });
      }
    },
    externalKey: async () =>
      JSON.parse(
        await run([
          ...['acme', 'eab', 'create', '--data', at.data, '--issuer', 'servers'],
          ...['--dns', '**.example.test', '-o', 'json'],
        ]),
      ) as { kid: string; hmacKey: string },
    async stop() {
      await server.kill('SIGTERM');
      await dns[Symbol.asyncDispose]();
      await at.remove();
    },
  };
}

/** Looks at a chain: the names of the leaf, exactly, and every signature up to our root. Says the serial. */
export function checkChain({ roots }: AcmeWorld, pem: string, names: readonly string[]): string {
  const certificates = (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );
  const [leaf] = certificates;
  if (leaf === undefined) throw new Error(`no certificate in ${pem}`);
  const shown = (leaf.subjectAltName ?? '').split(', ').sort();
  expect(shown).toEqual(
    names.map((name) => (/^[\d.]+$/.test(name) ? `IP Address:${name}` : `DNS:${name}`)).sort(),
  );
  const chain = [...certificates, new X509Certificate(readFileSync(roots))];
  expect(chain).toHaveLength(3);
  for (const [i, certificate] of chain.entries())
    expect(certificate.verify((chain[i + 1] ?? certificate).publicKey)).toBe(true);
  return leaf.serialNumber.toLowerCase();
}

/** What our records say of a certificate. */
export async function recordOf({ at }: AcmeWorld, serial: string): Promise<Record<string, unknown>> {
  return JSON.parse(await run(['cert', 'show', '--data', at.data, serial, '-o', 'json'])) as Record<
    string,
    unknown
  >;
}

/** Until it does not throw any more; then what it says. */
export async function until<T>(patience: number, look: () => T): Promise<T> {
  for (const end = Date.now() + patience; ; await pause(100))
    try {
      return look();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
}
