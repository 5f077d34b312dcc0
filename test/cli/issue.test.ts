import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readCertificationRequest } from '../../src/x509/csr.ts';
import { makeRequest } from '../../src/cli/cert/request.ts';
import { decodePemOne } from '../../src/x509/pem.ts';
import { FakeServer, problem } from './fake-server.ts';
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
const read = (path: string): string => readFileSync(path, 'utf8');

async function setting(): Promise<{
  data: string;
  out: string;
  issue: (...more: string[]) => Promise<Outcome>;
}> {
  const folder = temporaryFolder();
  const data = await server.dataFolder(join(folder, 'data'));
  const out = join(folder, 'deep', 'out');
  return {
    data,
    out,
    issue: (...more) =>
      chancery(['cert', 'issue', '--data', data, '--profile', 'workload', '--out', out, ...more]),
  };
}

describe('cert issue', () => {
  test('writes the leaf, its key, the chain and the anchors, each with its mode', async () => {
    const { data, out, issue } = await setting();
    const umask = process.umask(0o077);
    const { exit, stderr } = await issue('--uri', 'spiffe://example.test/app').finally(() =>
      process.umask(umask),
    );
    expect(stderr).toContain(`chancery cert renew ${out} --data ${data}`);
    expect(exit).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['bundle.pem', 'cert.pem', 'chain.pem', 'key.pem']);
    expect([out, join(out, 'key.pem'), join(out, 'cert.pem'), join(out, 'chain.pem')].map(mode)).toEqual([
      0o755, 0o600, 0o644, 0o644,
    ]);
    const leaf = new X509Certificate(read(join(out, 'cert.pem')));
    const chain = new X509Certificate(read(join(out, 'chain.pem')));
    const anchor = new X509Certificate(read(join(out, 'bundle.pem')));
    expect(leaf.subjectAltName).toBe('URI:spiffe://example.test/app');
    expect(leaf.checkPrivateKey(createPrivateKey(read(join(out, 'key.pem'))))).toBe(true);
    expect(read(join(out, 'key.pem'))).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect([leaf.verify(chain.publicKey), chain.verify(anchor.publicKey)]).toEqual([true, true]);
  });

  test('sends a request with an empty subject, the names, and an Idempotency-Key; the key stays here', async () => {
    const { issue } = await setting();
    await issue(
      '--uri',
      '/app',
      '--dns',
      'App.Example.Test',
      '--ip',
      '::0001',
      '--ttl',
      '30m',
      '--issuer',
      'workload',
      ...['--owner', 'shop team', '--label', 'env=production', '--label', 'url=https://a=b'],
    );
    const [request] = server.received;
    expect(request?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    const { csr, ...rest } = request?.body as { csr: string };
    expect(rest).toEqual({
      ...{ profile: 'workload', issuer: 'workload', ttl: '30m', owner: 'shop team' },
      labels: { env: 'production', url: 'https://a=b' },
    });
    const asked = readCertificationRequest(decodePemOne(csr, 'CERTIFICATE REQUEST'));
    expect(asked.names).toEqual([
      { kind: 'uri', value: 'spiffe://example.test/app' },
      { kind: 'dns', value: 'app.example.test' },
      { kind: 'ip', value: '::1' },
    ]);
    expect(asked.commonNames).toEqual([]);
    expect(JSON.stringify(request?.body)).not.toContain('PRIVATE');
  });

  test('asks the server for its trust domain when client.yaml does not know it', async () => {
    const { data, issue } = await setting();
    const file = join(data, 'client.yaml');
    writeFileSync(file, read(file).replace(/trustDomain.*\n/, ''));
    server.on('GET /api/v1/server', { status: 200, body: { trustDomain: 'other.test' } });
    const { stdout } = await issue('--uri', '/app', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ names: { uri: ['spiffe://other.test/app'] } });
  });

  test.each([
    ['ecdsa-p256', 'ec', 'prime256v1'],
    ['ecdsa-p384', 'ec', 'secp384r1'],
    ['ed25519', 'ed25519', undefined],
    ['rsa-2048', 'rsa', undefined],
  ])('makes a key of the type %s', async (keyType, type, curve) => {
    const { out, issue } = await setting();
    expect((await issue('--dns', 'a.test', '--key-type', keyType)).exit).toBe(0);
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(read(join(out, 'cert.pem')));
    expect([asymmetricKeyType, asymmetricKeyDetails?.namedCurve]).toEqual([type, curve]);
  });

  test('-o json has the resource of the API and the files, and no key', async () => {
    const { out, issue } = await setting();
    const { stdout, stderr } = await issue('--dns', 'a.test', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      serial: expect.stringMatching(/^[0-9a-f]{32}$/),
      chain: [expect.any(String)],
      files: { certificate: join(out, 'cert.pem'), key: join(out, 'key.pem') },
    });
    expect(stdout).not.toContain('PRIVATE');
    expect(stderr).toBe('');
  });

  test('replaces a pair that fits together', async () => {
    const { out, issue } = await setting();
    await issue('--dns', 'a.test');
    const before = read(join(out, 'key.pem'));
    expect((await issue('--dns', 'b.test')).exit).toBe(0);
    expect(read(join(out, 'key.pem'))).not.toBe(before);
  });

  test.each([
    ['alone', false],
    ['beside the certificate of another', true],
  ])('never overwrites a key %s, and asks for nothing', async (_, withCertificate) => {
    const { out, issue } = await setting();
    mkdirSync(out, { recursive: true });
    if (withCertificate) await issue('--dns', 'a.test');
    const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(out, 'key.pem'), key);
    server.received.length = 0;
    const { exit, stderr } = await issue('--dns', 'a.test');
    expect([exit, read(join(out, 'key.pem')), server.received.length]).toEqual([1, key, 0]);
    expect(stderr).toMatch(/^error: .*key\.pem exists[^]*\nfix: name another --out/);
  });

  test('writes nothing when the certificate is for another key', async () => {
    const { out, issue } = await setting();
    const { csr } = await makeRequest('ed25519', [{ kind: 'dns', value: 'a.test' }]);
    server.on('POST /api/v1/certificates', (request) => server.signing({ ...request, body: { csr } }));
    const { exit, stderr } = await issue('--dns', 'a.test');
    expect([exit, readdirSync(out)]).toEqual([2, []]);
    expect(stderr).toContain('is not for the key that was sent');
  });

  test.skipIf(process.getuid?.() === 0)(
    'a folder that cannot be written is noticed before anything is issued',
    async () => {
      const { out, issue } = await setting();
      mkdirSync(out, { recursive: true });
      chmodSync(out, 0o500);
      expect([(await issue('--dns', 'a.test')).exit, server.received.length]).toEqual([1, 0]);
    },
  );

  test('a refusal tells rule and fix and leaves no file', async () => {
    const { out, issue } = await setting();
    server.on(
      'POST /api/v1/certificates',
      problem(403, 'not_granted', 'nobody may issue dns:a.test', {
        rule: 'deny-by-default',
        fix: 'Ask an operator.',
      }),
    );
    const { exit, stdout, stderr } = await issue('--dns', 'a.test');
    expect([exit, stdout, readdirSync(out)]).toEqual([3, '', []]);
    expect(stderr).toBe(
      'error: nobody may issue dns:a.test\nrule: deny-by-default\nfix: ask an operator\n' +
        'docs: docs/reference/errors.md#not_granted\nrequest: request-1\n',
    );
  });

  test.each([
    ['no name', [], 'no name is given'],
    ['a SPIFFE ID with a port', ['--uri', 'spiffe://example.test:8443/app'], 'is no SPIFFE ID'],
    ['a wildcard in the middle', ['--dns', 'a.*.test'], 'wildcard'],
    ['half an address', ['--ip', '10.0.0'], 'neither an IPv4 nor an IPv6 address'],
    ['a lifetime without unit', ['--dns', 'a.test', '--ttl', '7'], 'fix: write it as 90d'],
    [
      'a key type that is none',
      ['--dns', 'a.test', '--key-type', 'dsa'],
      'rule: allowed choices are ecdsa-p256',
    ],
    ['a path that leaves the trust domain', ['--uri', '/../x'], 'dot segments'],
  ])('%s is a usage error, and nothing is asked for', async (_, more, message) => {
    const { out, issue } = await setting();
    const { exit, stderr } = await issue(...more);
    expect([exit, server.received.length, existsSync(out)]).toEqual([1, 0, false]);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^error: /);
  });
});

describe('cert sign', () => {
  const request = (): Promise<{ privateKey: string; csr: string }> =>
    makeRequest('ecdsa-p256', [{ kind: 'dns', value: 'a.test' }]);

  test('writes all but a key, and sends nothing of the file but the request', async () => {
    const { data, out } = await setting();
    const { privateKey, csr } = await request();
    const file = join(temporaryFolder(), 'request.pem');
    writeFileSync(file, `${privateKey}${csr}`);
    const line = ['cert', 'sign', '--data', data, '--profile', 'server', '--csr', file, '--out', out];
    expect((await chancery(line)).exit).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['bundle.pem', 'cert.pem', 'chain.pem']);
    expect(server.received[0]?.body).toEqual({ profile: 'server', csr });
  });

  test('takes DER', async () => {
    const { data, out } = await setting();
    const { csr } = await request();
    const file = join(temporaryFolder(), 'request.der');
    writeFileSync(file, decodePemOne(csr, 'CERTIFICATE REQUEST'));
    const line = ['cert', 'sign', '--data', data, '--profile', 'server', '--csr', file, '--out', out];
    expect((await chancery(line)).exit).toBe(0);
    expect(server.received[0]?.body).toEqual({ profile: 'server', csr });
  });

  test.each([
    ['no file', undefined, 'there is no such file'],
    ['no PEM', 'hello', 'no PEM block'],
    [
      'a certificate instead',
      '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
      'found "CERTIFICATE"',
    ],
    ['broken DER', '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n', 'fix:'],
  ])('%s is told with its cause, exit 1', async (_, content, message) => {
    const { data, out } = await setting();
    const file = join(temporaryFolder(), 'request.pem');
    if (content !== undefined) writeFileSync(file, content);
    const line = ['cert', 'sign', '--data', data, '--profile', 'server', '--csr', file, '--out', out];
    const { exit, stderr } = await chancery(line);
    expect([exit, server.received.length]).toEqual([1, 0]);
    expect(stderr).toContain(message);
  });

  test('does not put a certificate beside the key of another', async () => {
    const { data, out, issue } = await setting();
    await issue('--dns', 'a.test');
    const file = join(temporaryFolder(), 'request.pem');
    writeFileSync(file, (await request()).csr);
    const line = ['cert', 'sign', '--data', data, '--profile', 'server', '--csr', file, '--out', out];
    const { exit, stderr } = await chancery(line);
    expect([exit, server.received.length]).toEqual([1, 1]);
    expect(stderr).toContain('is not the key of the request');
  });
});
