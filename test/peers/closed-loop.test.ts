/** The closed loop with the real program, a real CA and real services: what is renewed is seen being served. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ManagedResource } from '../../src/api/managed.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Installation, install, pause, run, spawnServer, tryRun } from '../support/spawned-server.ts';
import { startPebble } from './pebble.ts';
import { load, nginxArguments, pairByHand, servedSerial, startHaproxy, startNginx } from './serving.ts';

interface Workshop {
  readonly at: Installation;
  /** Where wishes, services and pairs lie. */
  readonly folder: string;
  /** Applies documents of a file in the folder. */
  readonly apply: (...documents: readonly object[]) => Promise<void>;
  /** Until it looks as it should. */
  readonly until: (
    name: string,
    state: (managed: ManagedResource) => boolean,
    seconds?: number,
  ) => Promise<ManagedResource>;
}

/** `commands` of the host, by name. */
async function workshop(
  commands: (folder: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<Workshop> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'chancery-loop-')));
  const named = Object.entries(commands(folder)).map(([name, path]) => [name, [path]]);
  const delivery = { paths: [join(folder, 'tls')], commands: Object.fromEntries(named) as object };
  const at = await install(`delivery: ${JSON.stringify(delivery)}`);
  const server = await spawnServer(at);
  onTestFinished(async () => {
    await server.kill('SIGTERM');
    await at.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(join(folder, 'tls'));
  const show = async (name: string): Promise<ManagedResource> =>
    JSON.parse(await run(['managed', 'show', '--data', at.data, name, '-o', 'json'])) as ManagedResource;
  return {
    at,
    folder,
    async apply(...documents) {
      const file = join(folder, 'wishes.yaml');
      writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
      await run(['apply', '--data', at.data, '-f', file]);
    },
    async until(name, state, seconds = 30) {
      for (const end = Date.now() + seconds * 1000; ; await pause(250)) {
        const managed = await show(name);
        if (state(managed)) return managed;
        if (Date.now() > end)
          throw new Error(
            `not so after ${seconds} s: ${JSON.stringify(managed, undefined, 1)}\n${server.output()}`,
          );
      }
    },
  };
}

const wish = (name: string, spec: object): object => ({
  apiVersion: 'chancery/v1',
  kind: 'ManagedCertificate',
  name,
  spec: { names: ['shop.example.test'], issuer: 'servers', grace: '4s', ...spec },
});

const files = (directory: string, pidFile: string, signal = 'HUP', layout = 'nginx'): object => ({
  files: { directory, layout, reload: { pidFile, signal } },
});
const probe = (...ports: readonly number[]): object[] =>
  ports.map((port) => ({ tls: { address: `127.0.0.1:${port}`, serverName: 'shop.example.test' } }));

const isCurrent = ({ state }: ManagedResource): boolean => state === 'current';

describe('a public CA, nginx', () => {
  test(
    'applied, ordered, stored, reloaded, seen; renewed with a new key; the old one retired and revoked',
    { timeout: 120_000 },
    async () => {
      const [port = 0] = await freePorts(1);
      const ca = await startPebble();
      onTestFinished(() => ca.stop());
      const { at, folder, apply, until } = await workshop();
      writeFileSync(join(folder, 'pebble-root.pem'), ca.roots);
      const directory = join(folder, 'tls/shop');
      await pairByHand(directory, 'shop.example.test', 'nginx');
      const nginx = await startNginx({ folder: join(folder, 'nginx'), directory, port });
      const authority = {
        apiVersion: 'chancery/v1',
        kind: 'PublicAuthority',
        name: 'letsencrypt',
        spec: {
          directory: ca.directory,
          roots: 'pebble-root.pem',
          contact: ['mailto:ops@example.test'],
          termsOfServiceAgreed: true,
          solvers: [{ http01: { listen: `127.0.0.1:${ca.httpPort}` } }],
        },
      };
      await apply(
        authority,
        wish('shop', {
          issuer: { public: 'letsencrypt' },
          // as people write it: relative to the file
          targets: [files('tls/shop', 'nginx/nginx.pid')],
          probes: probe(port),
        }),
      );
      const first = await until('shop', isCurrent);
      expect(first.versions[0]?.serial).toBe(await servedSerial(nginx.port));
      expect(first.versions[0]).toMatchObject({
        targets: [{ state: 'stored' }],
        probes: [{ address: `127.0.0.1:${port}`, state: 'new' }],
      });
      expect(first.nextRenewal).toBeDefined();
      const tested = await run(['authority', 'test', '--data', at.data, 'letsencrypt', '-o', 'json']);
      expect(JSON.parse(tested)).toMatchObject({ renewalInfo: true, profiles: ['default', 'shortlived'] });

      const key = readFileSync(join(directory, 'privkey.pem'), 'utf8');
      const renewed = await tryRun(['managed', 'renew', '--data', at.data, 'shop', '--timeout', '60s']);
      expect(renewed).toMatchObject({ code: 0, stderr: expect.stringContaining('version 2: ') as string });
      const serial = await servedSerial(nginx.port);
      expect([
        serial === first.versions[0]?.serial,
        readFileSync(join(directory, 'privkey.pem'), 'utf8') === key,
      ]).toEqual([false, false]);
      const after = await until('shop', ({ versions }) => versions[1]?.state === 'retired');
      expect(after.versions[0]).toMatchObject({ number: 2, state: 'current', serial });
      // at the CA, for it has over a day left
      const said = async (): Promise<string> => run(['audit', 'list', '--data', at.data, '-o', 'json']);
      await expect.poll(said, { timeout: 10_000, interval: 500 }).toContain('"managed.revoked"');
    },
  );
});

describe('three nginx of which one never reloads', () => {
  test(
    'not current: stored but not served, told within the grace; current once the third is reloaded',
    { timeout: 150_000 },
    async () => {
      const ports = await freePorts(3);
      const { at, folder, apply, until } = await workshop();
      const services = await Promise.all(
        ports.map(async (port, i) => {
          const directory = join(folder, `tls/${i}`);
          await pairByHand(directory, 'shop.example.test', 'nginx');
          return startNginx({ folder: join(folder, `nginx-${i}`), directory, port });
        }),
      );
      const [one, two, three] = services;
      if (one === undefined || two === undefined || three === undefined)
        throw new Error('three were started');
      const begun = Date.now();
      await apply(
        wish('shop', {
          targets: [
            files(one.directory, one.pidFile),
            files(two.directory, two.pidFile),
            { files: { directory: three.directory, layout: 'nginx' } },
          ],
          probes: probe(...ports),
          grace: '5s',
        }),
      );
      const alarmed = await until('shop', ({ versions }) => versions[0]?.alarm !== undefined, 20);
      expect(Date.now() - begun).toBeLessThan(12_000);
      expect(alarmed).toMatchObject({ state: 'staged', versions: [{ alarm: 'stored but not served' }] });
      expect(alarmed.versions[0]?.probes.map(({ state }) => state)).toEqual(['new', 'new', 'wrong']);
      const told = await tryRun(['managed', 'renew', '--data', at.data, 'shop']);
      expect(told).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('stored but not served') as string,
      });
      expect(await run(['managed', 'list', '--data', at.data])).toContain('stored but not served');
      three.child.kill('SIGHUP');
      const current = await until(
        'shop',
        ({ versions }) => versions.some(({ state }) => state === 'current'),
        90,
      );
      expect(current.versions.at(-1)?.probes.map(({ state }) => state)).toEqual(['new', 'new', 'new']);
    },
  );
});

describe('a reload that breaks the service', () => {
  test(
    'rolled back, answers again with the old pair, which is not revoked',
    { timeout: 120_000 },
    async () => {
      const [port = 0] = await freePorts(1);
      const { at, folder, apply, until } = await workshop((inside) => ({
        'reload-shop': join(inside, 'reload.sh'),
      }));
      const directory = join(folder, 'tls/shop');
      const service = join(folder, 'nginx');
      await pairByHand(directory, 'shop.example.test', 'nginx');
      // once a file says so, the service stops instead; the next reload starts it
      const nginx = `nginx ${nginxArguments({ folder: service }).join(' ')}`;
      writeFileSync(
        join(folder, 'reload.sh'),
        `#!/bin/sh
if [ -e ${folder}/break ]; then
  rm ${folder}/break
  exec ${nginx} -s stop
fi
[ -e ${service}/nginx.pid ] && exec ${nginx} -s reload
${nginx} >/dev/null 2>&1 &
`,
      );
      chmodSync(join(folder, 'reload.sh'), 0o755);
      await startNginx({ folder: service, directory, port });
      onTestFinished(async () => void (await tryStop(join(service, 'nginx.pid'))));
      await apply(
        wish('shop', {
          targets: [{ files: { directory, layout: 'nginx', reload: { command: 'reload-shop' } } }],
          probes: probe(port),
        }),
      );
      const good = (await until('shop', isCurrent)).versions[0]?.serial;
      writeFileSync(join(folder, 'break'), '');
      const renewed = await tryRun(['managed', 'renew', '--data', at.data, 'shop']);
      expect(renewed).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('version 2 was rolled back') as string,
      });
      await expect.poll(() => servedSerial(port), { timeout: 20_000, interval: 250 }).toBe(good);
      const after = await until('shop', ({ versions }) =>
        versions.some(({ number, state }) => number === 1 && state === 'current'),
      );
      expect(after.versions.find(({ number }) => number === 2)?.state).toBe('rolled-back');
      const { revocation, state } = JSON.parse(
        await run(['cert', 'show', '--data', at.data, good ?? '', '-o', 'json']),
      ) as { revocation?: object; state?: string };
      expect([revocation, state]).toEqual([undefined, 'valid']);
    },
  );
});

async function tryStop(pidFile: string): Promise<void> {
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
    await pause(200);
  } catch {
    // it is gone already
  }
}

describe('under load', () => {
  test('nginx and HAProxy during 20 rotations each: 0 failed requests', { timeout: 300_000 }, async () => {
    const [nginxPort = 0, haproxyPort = 0] = await freePorts(2);
    const { at, folder, apply, until } = await workshop();
    const [web, proxy] = [join(folder, 'tls/web'), join(folder, 'tls/proxy')];
    await pairByHand(web, 'shop.example.test', 'nginx');
    await pairByHand(proxy, 'shop.example.test', 'haproxy');
    const nginx = await startNginx({ folder: join(folder, 'nginx'), directory: web, port: nginxPort });
    const haproxy = await startHaproxy({
      folder: join(folder, 'haproxy'),
      directory: proxy,
      port: haproxyPort,
    });
    await apply(
      wish('web', { targets: [files(web, nginx.pidFile)], probes: probe(nginxPort) }),
      wish('proxy', {
        targets: [files(proxy, haproxy.pidFile, 'USR2', 'haproxy')],
        probes: probe(haproxyPort),
      }),
    );
    await Promise.all([until('web', isCurrent), until('proxy', isCurrent)]);
    const roots = readFileSync(join(at.data, 'roots.pem'), 'utf8');
    const loads = [load(nginxPort, roots), load(haproxyPort, roots)];
    const rotate = async (name: string): Promise<void> => {
      for (let i = 0; i < 20; i++)
        await run(['managed', 'renew', '--data', at.data, name, '--timeout', '60s']);
    };
    await Promise.all([rotate('web'), rotate('proxy')]);
    const ends = await Promise.all(loads.map((one) => one.stop()));
    console.log(ends.map(({ requests }) => `${requests} requests`).join(', '));
    for (const { requests, failures } of ends) {
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(1000);
    }
    for (const name of ['web', 'proxy']) {
      const { versions } = await until(name, isCurrent);
      expect(versions[0]?.number).toBeGreaterThanOrEqual(21);
    }
  });
});
