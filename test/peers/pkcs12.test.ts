/** PKCS#12 files as openssl(1) and Java's keytool read them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPkcs8, type KeyAlgorithm } from '../../src/x509/key-pair.ts';
import { encodePkcs12, type Pkcs12Form } from '../../src/x509/pkcs12.ts';
import { dns, makeCa, makeLeaf, type Party } from '../support/chains.ts';

let folder: string;
let issuer: Party;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-pkcs12-'));
  issuer = await makeCa('issuer', await makeCa('root'));
  writeFileSync(join(folder, 'password'), 'correct horse battery staple\n');
  writeFileSync(join(folder, 'wrong'), 'incorrect horse battery staple\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** stdout and stderr together: openssl tells about the file on stderr. */
function run(program: string, ...args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

const CASES: readonly (readonly [KeyAlgorithm, Pkcs12Form])[] = [
  ['ecdsa-p256', 'modern'],
  ['ecdsa-p384', 'modern'],
  ['ed25519', 'modern'],
  ['rsa-2048', 'modern'],
  ['ecdsa-p256', 'legacy'],
  ['rsa-2048', 'legacy'],
];

const MODERN = /PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256/g;
const LEGACY = /pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048/g;

describe.each(CASES)('%s, %s', (algorithm, form) => {
  let leaf: Party;
  beforeAll(async () => {
    leaf = await makeLeaf(`leaf-${algorithm}`, issuer, dns('app.example.test'), { keyAlgorithm: algorithm });
    const { privateKey } = leaf.pair;
    const certificates = [leaf.der, issuer.der] as const;
    const contents = { privateKey, certificates, friendlyName: 'spiffe://example.test/app' };
    writeFileSync(
      join(folder, 'app.p12'),
      await encodePkcs12({ ...contents, password: 'correct horse battery staple' }, form),
    );
  });

  it('openssl finds the algorithms, the names, the key and both certificates', () => {
    const info = run('openssl', 'pkcs12', '-info', '-in', 'app.p12', '-passin', 'file:password', '-noenc');
    expect(info).toMatchObject({ status: 0 });
    expect(info.text).toContain(
      form === 'modern' ? 'MAC: sha256, Iteration 10000' : 'MAC: sha1, Iteration 2048',
    );
    expect(info.text.match(form === 'modern' ? MODERN : LEGACY)).toHaveLength(2);
    expect(info.text).toContain('friendlyName: spiffe://example.test/app');
    const key = /-----BEGIN PRIVATE KEY-----[^]*-----END PRIVATE KEY-----/.exec(info.text)?.[0] ?? '';
    expect(exportPkcs8(createPrivateKey(key))).toEqual(exportPkcs8(leaf.pair.privateKey));
    const certificates = info.text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
    expect(certificates.map((pem) => new X509Certificate(pem).raw)).toEqual([
      Buffer.from(leaf.der),
      Buffer.from(issuer.der),
    ]);
  });

  it('keytool finds an entry with a private key and a chain of two', () => {
    const listed = run('keytool', '-list', '-v', '-keystore', 'app.p12', '-storepass:file', 'password');
    expect(listed).toMatchObject({ status: 0 });
    expect(listed.text).toContain('Alias name: spiffe://example.test/app');
    expect(listed.text).toContain('Entry type: PrivateKeyEntry');
    expect(listed.text).toContain('Certificate chain length: 2');
  });

  it('keytool can use the key: it signs a request with it', () => {
    const alias = 'spiffe://example.test/app';
    const request = execFileSync(
      'keytool',
      [
        '-certreq',
        '-alias',
        alias,
        '-keystore',
        'app.p12',
        '-storepass:file',
        'password',
        '-dname',
        'CN=app',
      ],
      { cwd: folder, encoding: 'utf8', stdio: 'pipe' },
    );
    writeFileSync(join(folder, 'app.csr'), request);
    expect(run('openssl', 'req', '-in', 'app.csr', '-verify', '-noout')).toMatchObject({ status: 0 });
  });

  it('neither opens it with another password', () => {
    expect(run('openssl', 'pkcs12', '-in', 'app.p12', '-passin', 'file:wrong', '-noenc').status).toBe(1);
    expect(run('keytool', '-list', '-keystore', 'app.p12', '-storepass:file', 'wrong').status).toBe(1);
  });
});
