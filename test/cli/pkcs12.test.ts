import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { webcrypto, X509Certificate } from 'node:crypto';
import { PFX } from 'pkijs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeServer } from './fake-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.received.length = 0;
  server.routes.clear();
  server.on('POST /api/v1/certificates', server.signing);
});

const mode = (path: string): number => statSync(path).mode & 0o777;

/** Rejects where the password does not open the file. */
async function openFile(path: string, password: string): Promise<void> {
  const { CryptoEngine } = await import('pkijs');
  await PFX.fromBER(new Uint8Array(readFileSync(path)).buffer).parseInternalValues(
    { password: new TextEncoder().encode(password).buffer, checkIntegrity: true },
    new CryptoEngine({ name: 'test', crypto: webcrypto }),
  );
}

interface Setting {
  readonly folder: string;
  readonly p12: string;
  readonly issue: (...more: string[]) => Promise<Outcome>;
}

async function setting(): Promise<Setting> {
  const folder = temporaryFolder();
  const data = await server.dataFolder(join(folder, 'data'));
  const p12 = join(folder, 'app', 'app.p12');
  const line = ['cert', 'issue', '--data', data, '--profile', 'workload', '--uri', '/app'];
  return {
    folder,
    p12,
    issue: (...more) => chancery([...line, '--out', join(folder, 'app'), '--pkcs12', p12, ...more]),
  };
}

describe('cert issue --pkcs12', () => {
  test('writes the file and a password of its own, which nothing prints, both for their owner only', async () => {
    const { p12, issue } = await setting();
    const umask = process.umask(0);
    const { exit, stdout, stderr } = await issue().finally(() => process.umask(umask));
    expect(exit).toBe(0);
    expect(stdout).toContain(`${p12}\n`);
    const password = readFileSync(`${p12}.password`, 'utf8').trim();
    expect(password).toMatch(/^[\w-]{32}$/);
    expect(stdout + stderr).not.toContain(password);
    expect([mode(p12), mode(`${p12}.password`)]).toEqual([0o600, 0o600]);
    await openFile(p12, password);
    await expect(openFile(p12, 'changeit')).rejects.toThrow();
  });

  test('makes another password each time', async () => {
    const [one, two] = [await setting(), await setting()];
    await one.issue();
    await two.issue();
    expect(readFileSync(`${one.p12}.password`, 'utf8')).not.toBe(readFileSync(`${two.p12}.password`, 'utf8'));
  });

  test('keeps a password that is there: what reads the file has it configured', async () => {
    const { folder, p12, issue } = await setting();
    const file = join(folder, 'store.password');
    writeFileSync(file, 'correct horse battery staple\n', { mode: 0o640 });
    expect((await issue('--pkcs12-password-file', file)).exit).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('correct horse battery staple\n');
    await openFile(p12, 'correct horse battery staple');
  });

  test.each([
    ['changeit\n', 0o600, 'holds no password that may protect a key'],
    ['', 0o600, 'holds no password that may protect a key'],
    ['sechzehn Zeichen sind es schön\n', 0o600, 'holds no password that may protect a key'],
    ['correct horse battery staple\n', 0o644, 'can be read by everybody on this host'],
  ])('takes no %j with mode %o, and asks for no certificate then', async (text, bits, message) => {
    const { folder, issue } = await setting();
    const file = join(folder, 'store.password');
    writeFileSync(file, text);
    chmodSync(file, bits);
    const { exit, stderr } = await issue('--pkcs12-password-file', file);
    expect([exit, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(text.trim() === '' || !stderr.includes(text.trim())).toBe(true);
    expect(server.received).toEqual([]);
  });

  test.each([
    [['--pkcs12-legacy'], '--pkcs12-legacy is given, and --pkcs12 is not'],
    [['--pkcs12-password-file', 'x'], '--pkcs12-password-file is given, and --pkcs12 is not'],
    [['--pkcs12', 'x', '--pkcs12-password-file', './x'], 'both name x'],
  ])('refuses %j', async (flags, message) => {
    const folder = temporaryFolder();
    const data = await server.dataFolder(join(folder, 'data'));
    const line = ['cert', 'issue', '--data', data, '--profile', 'workload', '--uri', '/app', '--out', folder];
    const { exit, stderr } = await chancery([...line, ...flags]);
    expect([exit, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(server.received).toEqual([]);
  });
});

test('cert renew --pkcs12 packs the new pair, under the password that is there', async () => {
  const { folder, p12, issue } = await setting();
  await issue();
  const [before, password] = [readFileSync(p12), readFileSync(`${p12}.password`, 'utf8').trim()];
  const { serialNumber } = new X509Certificate(readFileSync(join(folder, 'app/cert.pem')));
  server.on(`POST /api/v1/certificates/${serialNumber.toLowerCase()}/renew`, server.signing);
  const line = ['cert', 'renew', join(folder, 'app'), '--data', join(folder, 'data'), '--pkcs12', p12];
  const { exit, stdout } = await chancery(line);
  expect([exit, stdout]).toEqual([0, expect.stringContaining(`${p12}.password`)]);
  expect(readFileSync(p12)).not.toEqual(before);
  await openFile(p12, password);
});

describe('cert export', () => {
  test('packs a folder again, under the same password', async () => {
    const { folder, p12, issue } = await setting();
    await issue();
    const [before, password] = [readFileSync(p12), readFileSync(`${p12}.password`, 'utf8')];
    const { exit, stdout } = await chancery([
      'cert',
      'export',
      join(folder, 'app'),
      '--pkcs12',
      p12,
      '--pkcs12-legacy',
      '-o',
      'json',
    ]);
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      files: { pkcs12: p12, pkcs12Password: `${p12}.password` },
      form: 'legacy',
    });
    expect(readFileSync(p12)).not.toEqual(before);
    expect(readFileSync(`${p12}.password`, 'utf8')).toBe(password);
    await openFile(p12, password.trim());
  });

  test('refuses a folder whose key is another', async () => {
    const [{ folder, issue }, other] = [await setting(), await setting()];
    await issue();
    await other.issue();
    writeFileSync(join(folder, 'app/key.pem'), readFileSync(join(other.folder, 'app/key.pem')));
    const p12 = join(folder, 'new.p12');
    const { exit, stderr } = await chancery(['cert', 'export', join(folder, 'app'), '--pkcs12', p12]);
    expect([exit, stderr]).toEqual([1, expect.stringContaining('not the key of the certificate')]);
    expect([existsSync(p12), existsSync(`${p12}.password`)]).toEqual([false, false]);
  });
});
