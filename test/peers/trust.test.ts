/** Roots in the stores of this machine, as curl, openssl(1), certutil and keytool see them. Needs root. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Installation,
  install,
  run,
  type SpawnedServer,
  spawnServer,
  tryRun,
} from '../support/spawned-server.ts';

const ANCHORS = '/usr/local/share/ca-certificates';
const INTERNAL = 'chancery-example.test-internal';

let at: Installation;
let server: SpawnedServer;
beforeAll(async () => {
  at = await install();
  server = await spawnServer(at);
});
afterAll(async () => {
  await tryRun(['ca', 'trust', 'uninstall', '--trust-domain', 'example.test']);
  await server.kill('SIGTERM');
  await at.remove();
});

/** Exit code and output of a program. */
async function outcome(program: string, ...args: readonly string[]): Promise<{ code: number; text: string }> {
  try {
    const promise = promisify(execFile)(program, args);
    promise.child.stdin?.end();
    const { stdout, stderr } = await promise;
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

const curl = (): Promise<{ code: number; text: string }> =>
  outcome('curl', '--silent', '--show-error', '--noproxy', '*', `https://localhost:${at.https}/roots.pem`);
const sClient = (): Promise<{ code: number; text: string }> =>
  outcome(
    'openssl',
    's_client',
    '-connect',
    `localhost:${at.https}`,
    '-verify_return_error',
    '-verify_hostname',
    'localhost',
  );

describe('the store of the system', () => {
  test('curl and openssl believe the server after install, and no longer after uninstall', async () => {
    expect(await curl()).toMatchObject({ code: 60 });
    const first = JSON.parse(
      await run(['ca', 'trust', 'install', 'internal', '--data', at.data, '-o', 'json']),
    ) as unknown;
    expect(first).toMatchObject({ store: ANCHORS, roots: [{ name: INTERNAL, result: 'installed' }] });
    expect(existsSync(join(ANCHORS, `${INTERNAL}.crt`))).toBe(true);
    expect(existsSync(`/etc/ssl/certs/${INTERNAL}.pem`)).toBe(true);
    expect(await curl()).toMatchObject({
      code: 0,
      text: expect.stringContaining('BEGIN CERTIFICATE') as string,
    });
    const { code, text } = await sClient();
    expect([code, text]).toEqual([0, expect.stringContaining('Verify return code: 0 (ok)')]);

    const again = await run(['ca', 'trust', 'install', 'internal', '--data', at.data]);
    expect(again).toMatch(new RegExp(`^${INTERNAL} +there already`, 'm'));

    expect(await run(['ca', 'trust', 'uninstall', '--trust-domain', 'example.test', '-o', 'name'])).toBe(
      `${INTERNAL}\n`,
    );
    expect(readdirSync(ANCHORS).filter((file) => file.startsWith('chancery-'))).toEqual([]);
    expect(readdirSync('/etc/ssl/certs').filter((file) => file.startsWith('chancery-'))).toEqual([]);
    expect(await curl()).toMatchObject({ code: 60 });
    expect((await sClient()).code).toBe(1);
  }, 120_000);

  test('somebody else than root is told to be root', async () => {
    const { code, text } = await outcome(
      'setpriv',
      '--reuid=65534',
      '--clear-groups',
      join(import.meta.dirname, '../../bin/chancery'),
      ...['ca', 'trust', 'install', '--data', at.data],
    );
    expect([code, text]).toEqual([1, expect.stringMatching(/belongs to root[^]*sudo/)]);
  });
});

describe('stores of a user and of a service', () => {
  test('an NSS database is made, filled, and emptied', async () => {
    const options = ['--store', 'nss', '--nss-db', join(at.folder, 'nssdb')];
    await run(['ca', 'trust', 'install', '--data', at.data, ...options]);
    const list = (): Promise<{ text: string }> =>
      outcome('certutil', '-L', '-d', `sql:${join(at.folder, 'nssdb')}`);
    expect((await list()).text).toMatch(new RegExp(`^${INTERNAL} +C,,`, 'm'));
    const valid = await outcome(
      'certutil',
      ...['-V', '-d', `sql:${join(at.folder, 'nssdb')}`, '-n', INTERNAL, '-u', 'L'],
    );
    expect(valid.text).toContain('certificate is valid');
    expect(await run(['ca', 'trust', 'install', '--data', at.data, ...options])).not.toContain(' installed');
    await run(['ca', 'trust', 'uninstall', '--data', at.data, ...options]);
    expect((await list()).text).not.toContain('chancery-');
  });

  test('a Java truststore is made, filled, and emptied', async () => {
    const password = join(at.folder, 'store.password');
    writeFileSync(password, 'correct horse battery staple\n', { mode: 0o600 });
    const keystore = join(at.folder, 'trust.p12');
    const options = ['--store', 'java', '--keystore', keystore, '--keystore-password-file', password];
    await run(['ca', 'trust', 'install', '--data', at.data, ...options]);
    const list = (): Promise<{ text: string }> =>
      outcome('keytool', '-list', '-keystore', keystore, '-storepass:file', password);
    expect((await list()).text).toMatch(new RegExp(`^${INTERNAL}, .*trustedCertEntry`, 'm'));
    expect(await run(['ca', 'trust', 'install', '--data', at.data, ...options])).not.toContain(' installed');
    await run(['ca', 'trust', 'uninstall', '--data', at.data, ...options]);
    expect((await list()).text).toContain('contains 0 entries');
  });
});
