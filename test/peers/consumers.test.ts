/**
 * Services that check clients by themselves, with the file of `issuer crl export`: good clients pass, revoked ones do
 * not, after the next revocation and a reload as well.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { freePorts } from '../support/free-ports.ts';
import {
  type Installation,
  install,
  run,
  type SpawnedServer,
  spawnServer,
} from '../support/spawned-server.ts';
import { type Pair, type RunningService, SERVICES } from './services.ts';

let at: Installation;
let server: SpawnedServer;
const path = (...parts: string[]): string => join(at.folder, ...parts);

beforeAll(async () => {
  at = await install();
  // PostgreSQL reads what is in it as its own user
  chmodSync(at.folder, 0o711);
  server = await spawnServer(at);
  await issue('host', '--profile', 'server', '--dns', 'localhost', '--ip', '127.0.0.1');
});
afterAll(async () => {
  await server.kill('SIGTERM');
  await at.remove();
});

async function issue(name: string, ...asked: readonly string[]): Promise<Pair> {
  await run(['cert', 'issue', '--data', at.data, ...asked, '--out', path(name)]);
  const chain = path(name, 'fullchain.pem');
  writeFileSync(
    chain,
    readFileSync(path(name, 'cert.pem'), 'utf8') + readFileSync(path(name, 'chain.pem'), 'utf8'),
  );
  return { chain, key: path(name, 'key.pem') };
}
const issueClient = (name: string): Promise<Pair> =>
  issue(name, '--profile', 'client', '--dns', `${name}.example.test`);

const exportTo = async (file: string): Promise<{ changed: boolean }> =>
  JSON.parse(
    await run([
      'issuer',
      'crl',
      'export',
      'clients',
      '--url',
      `http://127.0.0.1:${at.status}`,
      '--out',
      file,
      '-o',
      'json',
    ]),
  ) as { changed: boolean };

/** Revokes, and exports until the list has it. */
async function revokeAndExport(name: string, file: string): Promise<void> {
  await exportTo(file);
  const line = [
    'cert',
    'revoke',
    '--data',
    at.data,
    path(name, 'cert.pem'),
    '--reason',
    'superseded',
    '--yes',
  ];
  await run(line);
  await vi.waitFor(async () => expect((await exportTo(file)).changed).toBe(true), {
    timeout: 60_000,
    interval: 200,
  });
}

describe.each(SERVICES)(
  '$name',
  (service) => {
    const of = (name: string): string => `${service.name}-${name}`;
    let running: RunningService | undefined;
    let folder: string;
    const pairs = new Map<string, Pair>();
    const accepts = (name: string): Promise<boolean> => {
      const pair = pairs.get(name);
      if (pair === undefined) throw new Error(`there is no ${name}`);
      if (running === undefined) throw new Error(`${service.name} does not run`);
      return running.accepts(pair, `${of(name)}.example.test`);
    };

    beforeAll(async () => {
      folder = path(service.name);
      mkdirSync(folder);
      for (const name of ['good', 'bad', 'later']) pairs.set(name, await issueClient(of(name)));
      await revokeAndExport(of('bad'), join(folder, 'crls.pem'));
      const [port = 0] = await freePorts(1);
      running = await service.start({
        ...{ folder, port, roots: path('host', 'bundle.pem'), crls: join(folder, 'crls.pem') },
        server: { chain: path('host', 'fullchain.pem'), key: path('host', 'key.pem') },
      });
    }, 120_000);
    afterAll(() => running?.stop());

    test('lets a good client in and refuses the revoked one', async () => {
      expect([await accepts('good'), await accepts('later')], running?.output()).toEqual([true, true]);
      expect(await accepts('bad'), running?.output()).toBe(false);
    });

    test('refuses the next one after a reload with the next file, and goes on with the good one', async () => {
      await revokeAndExport(of('later'), join(folder, 'crls.pem'));
      // what runs goes by the file that it read
      expect(await accepts('later'), running?.output()).toBe(true);
      await running?.reload();
      expect(await accepts('good'), running?.output()).toBe(true);
      expect([await accepts('later'), await accepts('bad')], running?.output()).toEqual([false, false]);
    });
  },
  120_000,
);

describe('openssl verify -crl_check_all', () => {
  const verify = (name: string, crls: string) => {
    const args = ['verify', '-crl_check_all', '-CAfile', path(name, 'bundle.pem'), '-CRLfile', crls];
    const { status, stdout, stderr } = spawnSync(
      'openssl',
      [...args, '-untrusted', path(name, 'chain.pem'), path(name, 'cert.pem')],
      { encoding: 'utf8' },
    );
    return { ok: status === 0, text: stdout + stderr };
  };

  test('passes the good, refuses the revoked, and needs the CRL of the root beside that of the issuer', async () => {
    await issueClient('openssl-good');
    await issueClient('openssl-bad');
    const file = path('openssl.pem');
    await revokeAndExport('openssl-bad', file);
    expect(verify('openssl-good', file)).toMatchObject({ ok: true });
    expect(verify('openssl-bad', file)).toMatchObject({
      ok: false,
      text: expect.stringContaining('certificate revoked') as string,
    });
    const [issuer] = decodePem(readFileSync(file, 'utf8'));
    writeFileSync(path('part.pem'), encodePem('X509 CRL', issuer?.der ?? new Uint8Array(0)));
    expect(verify('openssl-good', path('part.pem'))).toMatchObject({
      ok: false,
      text: expect.stringContaining('unable to get certificate CRL') as string,
    });
  });
});
