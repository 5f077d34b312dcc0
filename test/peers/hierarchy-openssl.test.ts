/** openssl(1) about what an offline root signs: CRLs, constrained issuers, requests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCsr, startTestServer, type TestServer } from '../support/running-server.ts';
import { chancery } from '../cli/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-openssl-'));
const at = (name: string): string => join(folder, name);
const key = ['--root-key', at('vault/internal.root.json'), '--passphrase-file', at('passphrase')];
let server: TestServer;

beforeAll(async () => {
  writeFileSync(at('passphrase'), 'a passphrase\n', { mode: 0o600 });
  server = await startTestServer('', { folder: at('vault'), passphraseFile: at('passphrase') });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function openssl(...args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  return { status, text: stdout + stderr };
}
const here = (...line: readonly string[]) => chancery([...line, '--data', server.data]);

test('takes the request, the constrained issuer, and its leaves', async () => {
  await here('issuer', 'prepare', 'servers', '--out', at('servers.csr'));
  const request = openssl('req', '-in', 'servers.csr', '-noout', '-text', '-verify');
  expect([request.status, request.text]).toEqual([0, expect.stringContaining('CA:TRUE, pathlen:0')]);
  const names = [
    '--permitted-dns',
    'example.test',
    '--excluded-ip',
    '0.0.0.0/0',
    '--permitted-uri',
    'example.test',
  ];
  await chancery(['ca', 'sign-csr', at('servers.csr'), ...key, '--out', at('servers.pem'), ...names]);
  const root = ['-CAfile', 'vault/internal.root.pem'];
  expect(openssl('verify', '-x509_strict', ...root, 'servers.pem').text).toBe('servers.pem: OK\n');
  expect(openssl('x509', '-in', 'servers.pem', '-noout', '-text').text).toMatch(
    /Name Constraints: critical\s+Permitted:\s+DNS:example\.test\s+URI:example\.test\s+Excluded:\s+IP:0\.0\.0\.0\/0\.0\.0\.0/,
  );
  await here('ca', 'import', at('servers.pem'));
  await here('issuer', 'activate', 'servers-2');
  const { csr } = await makeCsr([{ kind: 'dns', value: 'a.example.test' }]);
  writeFileSync(at('leaf.csr'), csr);
  const sign = ['cert', 'sign', '--profile', 'server', '--csr', at('leaf.csr'), '--out', at('leaf')];
  expect(await here(...sign)).toMatchObject({ exit: 0 });
  const verify = ['verify', '-x509_strict', ...root, '-untrusted', 'servers.pem'];
  expect(openssl(...verify, '-verify_hostname', 'a.example.test', 'leaf/cert.pem').status).toBe(0);
});

test('takes the CRL, by key and by what it revokes', async () => {
  const serial = openssl('x509', '-in', 'servers.pem', '-noout', '-serial').text.trim().split('=')[1] ?? '';
  const crl = async (name: string, ...more: readonly string[]): Promise<string> => {
    await chancery(['ca', 'sign-crl', ...key, '--out', at(name), ...more]);
    const { status, text } = openssl(
      'crl',
      '-in',
      name,
      '-noout',
      '-CAfile',
      'vault/internal.root.pem',
      '-text',
    );
    expect([status, text]).toEqual([0, expect.stringContaining('verify OK')]);
    return text;
  };
  expect(await crl('empty.crl')).toContain('No Revoked Certificates');
  expect(await crl('one.crl', '--revoke', `${serial}:cACompromise`)).toMatch(
    new RegExp(`Serial Number: ${serial}[\\s\\S]*CA Compromise`),
  );
  const check = (name: string) =>
    openssl('verify', '-crl_check', '-CAfile', 'vault/internal.root.pem', '-CRLfile', name, 'servers.pem')
      .text;
  expect(check('empty.crl')).toBe('servers.pem: OK\n');
  expect(check('one.crl')).toContain('certificate revoked');
  expect(readFileSync(at('one.crl'), 'utf8')).toContain('BEGIN X509 CRL');
});
