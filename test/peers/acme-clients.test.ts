/** certbot, Caddy, acme-client and Python's acme against our ACME server: what each can do, it can do here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { Agent } from 'node:https';
import { basename, join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import acme from 'acme-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { type AcmeWorld, checkChain, openAcmeWorld, recordOf, until } from './acme-world.ts';

let world: AcmeWorld;
beforeAll(async () => {
  world = await openAcmeWorld();
});
afterAll(() => world.stop());

let count = 0;
/** A name of its own for each test: nothing is left from another. */
const host = (): string => `h${++count}.example.test`;
const PATIENCE = 120_000;

describe('certbot', () => {
  const base = (folder: string): string[] => [
    ...['--config-dir', `${folder}/c`, '--work-dir', `${folder}/w`, '--logs-dir', `${folder}/l`],
    ...['--server', world.directory, '-n', '--agree-tos', '-m', 'ann@example.test', '--no-eff-email'],
  ];
  const file = (folder: string, name: string): string => `${folder}/c/live/site/${name}.pem`;
  const certbot = (folder: string, ...args: readonly string[]): Promise<string> =>
    world.command('certbot', [...base(folder), ...args]);
  const standalone = (folder: string, ...args: readonly string[]): Promise<string> =>
    certbot(
      folder,
      ...['certonly', '--standalone', '--cert-name', 'site', '--http-01-address', '127.0.0.1'],
      ...['--http-01-port', String(world.httpPort), ...args],
    );
  const check = (folder: string, ...names: readonly string[]): string =>
    checkChain(world, readFileSync(file(folder, 'fullchain'), 'utf8'), names);

  it(
    'http-01, two names',
    async () => {
      const [folder, name] = [world.folder('certbot'), host()];
      await standalone(folder, '-d', name, '-d', `b.${name}`);
      check(folder, name, `b.${name}`);
    },
    PATIENCE,
  );

  it(
    'dns-01, also for a wildcard',
    async () => {
      const [folder, name] = [world.folder('certbot'), host()];
      const hook = `printf %s "$CERTBOT_VALIDATION" > '${world.txt}'/_acme-challenge."$CERTBOT_DOMAIN"`;
      const manual = ['certonly', '--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', hook];
      await certbot(folder, ...manual, '--cert-name', 'site', '-d', `*.${name}`);
      check(folder, `*.${name}`);
      await certbot(folder, ...manual, '--cert-name', 'site', '-d', `other.${name}`, '--force-renewal');
      check(folder, `other.${name}`);
    },
    PATIENCE,
  );

  it(
    'an address, under a profile',
    async () => {
      const folder = world.folder('certbot');
      await standalone(folder, '--ip-address', '127.0.0.1', '--required-profile', 'server');
      check(folder, '127.0.0.1');
      await expect(standalone(folder, '-d', host(), '--required-profile', 'nobody')).rejects.toThrow();
    },
    PATIENCE,
  );

  it(
    'renewal: by force, and not while the renewal information says later',
    async () => {
      const [folder, name] = [world.folder('certbot'), host()];
      await standalone(folder, '-d', name);
      const first = check(folder, name);
      await certbot(folder, 'renew', '--no-random-sleep-on-renew');
      expect(check(folder, name)).toBe(first);
      const log = globSync(`${folder}/l/*.log*`).map((path) => readFileSync(path, 'utf8'));
      expect(log.join('')).toContain('suggestedWindow');
      await certbot(folder, 'renew', '--force-renewal', '--no-random-sleep-on-renew');
      expect(check(folder, name)).not.toBe(first);
    },
    PATIENCE,
  );

  it(
    'renewal of a certificate that is revoked, without being told to',
    async () => {
      const [folder, name] = [world.folder('certbot'), host()];
      await standalone(folder, '-d', name);
      const first = check(folder, name);
      await certbot(folder, 'revoke', '--cert-path', file(folder, 'cert'), '--no-delete-after-revoke');
      expect(await recordOf(world, first)).toMatchObject({ state: 'revoked' });
      await certbot(folder, 'renew', '--no-random-sleep-on-renew');
      expect(check(folder, name)).not.toBe(first);
    },
    PATIENCE,
  );

  it(
    'an external account key, and the account deactivated',
    async () => {
      const [folder, name] = [world.folder('certbot'), host()];
      const { kid, hmacKey } = await world.externalKey();
      await standalone(folder, '-d', name, '--eab-kid', kid, '--eab-hmac-key', hmacKey);
      check(folder, name);
      expect(await certbot(folder, 'unregister')).toContain('deactivated');
    },
    PATIENCE,
  );
});

describe('Caddy', () => {
  /** Runs it until it has certificates for all names; gives their PEM and what it keeps of them. */
  async function caddy(
    names: readonly string[],
    { challenge = 'http', ...issuer }: { challenge?: 'http' | 'tls-alpn' } & Record<string, unknown> = {},
  ): Promise<{ pem: string; kept: string }[]> {
    const folder = world.folder('caddy');
    const { httpPort, tlsPort } = world;
    const config = {
      admin: { disabled: true },
      storage: { module: 'file_system', root: `${folder}/store` },
      apps: {
        http: {
          http_port: httpPort,
          https_port: tlsPort,
          servers: {
            site: {
              listen: [`127.0.0.1:${challenge === 'http' ? 0 : tlsPort}`],
              automatic_https: { disable_redirects: true },
              routes: [{ match: [{ host: names }], handle: [{ handler: 'static_response', body: 'ok' }] }],
            },
          },
        },
        tls: {
          certificates: { automate: names },
          automation: {
            policies: [
              {
                subjects: names,
                issuers: [
                  {
                    module: 'acme',
                    ca: world.directory,
                    trusted_roots_pem_files: [world.roots],
                    challenges: {
                      http: { alternate_port: httpPort, disabled: challenge !== 'http' },
                      'tls-alpn': { alternate_port: tlsPort, disabled: challenge !== 'tls-alpn' },
                    },
                    ...issuer,
                  },
                ],
              },
            ],
          },
        },
      },
    };
    writeFileSync(join(folder, 'caddy.json'), JSON.stringify(config));
    const child: ChildProcess = spawn('caddy', ['run', '--config', join(folder, 'caddy.json')], {
      env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
    try {
      return await until(50_000, () =>
        names.map((name) => {
          const [path = ''] = globSync(`${folder}/store/certificates/*/${name}/${name}.crt`);
          if (path === '') throw new Error(`no certificate for ${name}:\n${said}`);
          const kept = join(path, '..', basename(path).replace(/crt$/, 'json'));
          return { pem: readFileSync(path, 'utf8'), kept: readFileSync(kept, 'utf8') };
        }),
      );
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  }

  it(
    'http-01, two names, and their renewal information',
    async () => {
      const names = [host(), host()];
      for (const [i, { pem, kept }] of (await caddy(names)).entries()) {
        checkChain(world, pem, names.slice(i, i + 1));
        expect(kept).toContain('suggestedWindow');
      }
    },
    PATIENCE,
  );

  it(
    'tls-alpn-01, under a profile',
    async () => {
      const name = host();
      const [got] = await caddy([name], { challenge: 'tls-alpn', profile: 'server' });
      checkChain(world, got?.pem ?? '', [name]);
    },
    PATIENCE,
  );

  it(
    'an address',
    async () => {
      const [got] = await caddy(['127.0.0.1']);
      checkChain(world, got?.pem ?? '', ['127.0.0.1']);
    },
    PATIENCE,
  );

  it(
    'an external account key',
    async () => {
      const { kid, hmacKey } = await world.externalKey();
      const name = host();
      const [got] = await caddy([name], { external_account: { key_id: kid, mac_key: hmacKey } });
      checkChain(world, got?.pem ?? '', [name]);
    },
    PATIENCE,
  );
});

describe('acme-client', () => {
  type Kind = 'http-01' | 'tls-alpn-01' | 'dns-01';

  async function connect(externalAccountBinding?: { kid: string; hmacKey: string }): Promise<acme.Client> {
    acme.axios.defaults.httpsAgent = new Agent({ ca: readFileSync(world.roots) });
    const client = new acme.Client({
      directoryUrl: world.directory,
      accountKey: await acme.crypto.createPrivateEcdsaKey(),
      backoffMin: 200,
      backoffMax: 1000,
      ...(externalAccountBinding !== undefined && { externalAccountBinding }),
    });
    await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:ann@example.test'] });
    return client;
  }

  /** Answers a challenge; the answer says how to stop. */
  async function provide(
    kind: Kind,
    authorization: acme.Authorization,
    token: string,
    value: string,
  ): Promise<() => void> {
    if (kind === 'dns-01') {
      writeFileSync(join(world.txt, `_acme-challenge.${authorization.identifier.value}`), value);
      return () => undefined;
    }
    if (kind === 'http-01') {
      const web = createHttpServer((request, response) => {
        const right = request.url === `/.well-known/acme-challenge/${token}`;
        response.writeHead(right ? 200 : 404).end(right ? value : '');
      });
      await new Promise<void>((resolve) => web.listen(world.httpPort, '127.0.0.1', resolve));
      return () => void web.close();
    }
    const [key, cert] = await acme.crypto.createAlpnCertificate(authorization, value);
    const tls = createTlsServer({ key, cert, ALPNProtocols: ['acme-tls/1'] }, (socket) => socket.end());
    await new Promise<void>((resolve) => tls.listen(world.tlsPort, '127.0.0.1', resolve));
    return () => void tls.close();
  }

  async function obtain(
    client: acme.Client,
    names: readonly string[],
    kind: Kind = 'http-01',
    more: object = {},
  ): Promise<string> {
    const identifiers = names.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value }));
    const order = await client.createOrder({ identifiers, ...more });
    for (const authorization of await client.getAuthorizations(order)) {
      const challenge = authorization.challenges.find(({ type }) => type === kind);
      if (challenge === undefined) throw new Error(`${kind} is not offered`);
      const value = await client.getChallengeKeyAuthorization(challenge);
      const stop = await provide(kind, authorization, challenge.token, value);
      try {
        await client.completeChallenge(challenge);
        await client.waitForValidStatus(challenge);
      } finally {
        stop();
      }
    }
    const [, csr] = await acme.crypto.createCsr(
      { altNames: [...names] },
      await acme.crypto.createPrivateEcdsaKey(),
    );
    const pem = await client.getCertificate(await client.finalizeOrder(order, csr));
    checkChain(world, pem, names);
    return pem;
  }

  it.each(['http-01', 'tls-alpn-01', 'dns-01'] as const)(
    '%s',
    async (kind) => {
      await obtain(await connect(), [host()], kind);
    },
    PATIENCE,
  );

  it(
    'two names, a wildcard, an address',
    async () => {
      const client = await connect();
      await obtain(client, [host(), host()]);
      await obtain(client, [`*.${host()}`], 'dns-01');
      await obtain(client, ['127.0.0.1'], 'tls-alpn-01');
    },
    PATIENCE,
  );

  it(
    'renewal that says what it replaces, under a profile; then the first is revoked',
    async () => {
      const [client, name] = [await connect(), host()];
      const first = await obtain(client, [name]);
      const leaf = readCertificate(decodePem(first)[0]?.der ?? new Uint8Array());
      const authority = leaf.extensions.find(({ id }) => id === '2.5.29.35')?.value.subarray(4);
      const base64url = (octets: Uint8Array = new Uint8Array()): string =>
        Buffer.from(octets).toString('base64url');
      const replaces = `${base64url(authority)}.${base64url(leaf.serial)}`;
      const second = await obtain(client, [name], 'http-01', { replaces, profile: 'server' });
      expect(second).not.toBe(first);
      await expect(client.createOrder({ identifiers: [], replaces } as never)).rejects.toThrow();
      await expect(obtain(client, [name], 'http-01', { replaces })).rejects.toThrow(/replaces/);
      await client.revokeCertificate(first, { reason: 4 });
      expect(await recordOf(world, checkChain(world, first, [name]))).toMatchObject({ state: 'revoked' });
    },
    PATIENCE,
  );

  it(
    'an external account key, another key for the account, the account deactivated',
    async () => {
      const client = await connect(await world.externalKey());
      await obtain(client, [host()]);
      await client.updateAccountKey(await acme.crypto.createPrivateEcdsaKey());
      await obtain(client, [host()]);
      expect(await client.updateAccount({ status: 'deactivated' })).toMatchObject({
        status: 'deactivated',
      });
      await expect(obtain(client, [host()])).rejects.toThrow(/deactivated/);
    },
    PATIENCE,
  );
});

describe('Python’s acme', () => {
  async function python(
    feature: string,
    names: readonly string[],
  ): Promise<{ serial: string; said: string }> {
    const out = join(world.folder('python'), 'chain.pem');
    const key = feature === 'eab' ? await world.externalKey() : { kid: '', hmacKey: '' };
    const said = await world.command(
      'python3',
      [join(import.meta.dirname, 'python-acme.py'), feature, ...names],
      {
        ACME_DIRECTORY: world.directory,
        ACME_CA: world.roots,
        ACME_OUT: out,
        HTTP_PORT: String(world.httpPort),
        TXT_FOLDER: world.txt,
        EAB_KID: key.kid,
        EAB_HMAC: key.hmacKey,
        PROFILE: 'server',
      },
    );
    return { serial: checkChain(world, readFileSync(out, 'utf8'), names), said };
  }

  it.each(['http-01', 'dns-01', 'renew', 'eab', 'profile', 'deactivate'])(
    '%s',
    async (feature) => {
      await python(feature, [host()]);
    },
    PATIENCE,
  );

  it(
    'a wildcard, an address',
    async () => {
      await python('wildcard', [`*.${host()}`]);
      await python('ip', ['127.0.0.1']);
    },
    PATIENCE,
  );

  it(
    'revoke',
    async () => {
      const { serial } = await python('revoke', [host()]);
      expect(await recordOf(world, serial)).toMatchObject({ state: 'revoked' });
    },
    PATIENCE,
  );

  it(
    'renewal information lies within the life of the certificate',
    async () => {
      const { said } = await python('ari', [host()]);
      const when = Date.parse(said.trim());
      expect(when).toBeGreaterThan(Date.now());
      expect(when).toBeLessThan(Date.now() + 7 * 24 * 3_600_000);
    },
    PATIENCE,
  );
});
