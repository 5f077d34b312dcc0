import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  existsSync,
  readdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { exportPkcs8, type KeyAlgorithm } from '../../src/x509/key-pair.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { keyOf } from '../support/keys.ts';
import { FakeServer, problem } from './fake-server.ts';
import { chancery, temporaryFolder } from './run.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.received.length = 0;
  server.routes.clear();
});

const leafOf = (path: string): X509Certificate => new X509Certificate(readFileSync(path));
const serialOf = (path: string): string => leafOf(path).serialNumber.toLowerCase();

test('a pair that is just being replaced is read again', async () => {
  server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
  const data = await server.dataFolder(temporaryFolder());
  const path = join(data, 'admin/key.pem');
  const right = readFileSync(path);
  const other = await keyOf('ecdsa-p256', 'stranger');
  writeFileSync(path, encodePem('PRIVATE KEY', exportPkcs8(other.privateKey)));
  const call = chancery(['ca', 'list', '--data', data]);
  setTimeout(() => writeFileSync(path, right), 50);
  expect((await call).exit).toBe(0);
});

describe('cert renew', () => {
  async function pair(
    algorithm: KeyAlgorithm = 'ecdsa-p256',
  ): Promise<{ data: string; out: string; serial: string }> {
    const folder = temporaryFolder();
    const out = join(folder, 'app');
    mkdirSync(out);
    const key = await keyOf(algorithm, 'app');
    const issued = server.issue(
      [{ kind: 'uri', value: 'spiffe://example.test/app' }],
      key.publicKey.spki,
      HOUR,
    );
    writeFileSync(join(out, 'cert.pem'), issued.certificate);
    writeFileSync(join(out, 'key.pem'), encodePem('PRIVATE KEY', exportPkcs8(key.privateKey)), {
      mode: 0o600,
    });
    const { serial } = issued;
    server.on(`POST /api/v1/certificates/${serial}/renew`, server.signing);
    return { data: await server.dataFolder(join(folder, 'data')), out, serial };
  }

  test('logs in with the certificate itself and replaces the pair by one with a fresh key', async () => {
    const { data, out, serial } = await pair();
    const before = readFileSync(join(out, 'key.pem'), 'utf8');
    const { exit, stdout } = await chancery(['cert', 'renew', out, '--data', data, '-o', 'json']);
    expect(exit).toBe(0);
    expect(server.received.map(({ login }) => login)).toEqual([serial]);
    const key = readFileSync(join(out, 'key.pem'), 'utf8');
    expect(key).not.toBe(before);
    expect(leafOf(join(out, 'cert.pem')).checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(JSON.parse(stdout)).toMatchObject({ serial: serialOf(join(out, 'cert.pem')) });
    expect(statSync(join(out, 'key.pem')).mode & 0o777).toBe(0o600);
  });

  test.each(['ecdsa-p384', 'ed25519', 'rsa-2048'] as const)(
    'keeps the type of key: %s',
    async (algorithm) => {
      const { data, out } = await pair(algorithm);
      const before = leafOf(join(out, 'cert.pem')).publicKey;
      expect((await chancery(['cert', 'renew', out, '--data', data])).exit).toBe(0);
      const after = leafOf(join(out, 'cert.pem')).publicKey;
      expect([after.asymmetricKeyType, after.asymmetricKeyDetails]).toEqual([
        before.asymmetricKeyType,
        before.asymmetricKeyDetails,
      ]);
    },
  );

  test.each([401, 403])('where the certificate cannot log in (%i) the operator renews it', async (status) => {
    const { data, out, serial } = await pair();
    const operator = serialOf(join(data, 'admin/cert.pem'));
    server.on(`POST /api/v1/certificates/${serial}/renew`, (request) =>
      request.login === operator
        ? server.signing(request)
        : problem(status, 'credential_rejected', 'a server certificate'),
    );
    const { exit, stderr } = await chancery(['cert', 'renew', out, '--data', data]);
    expect(exit).toBe(0);
    expect(stderr).toMatch(
      /cert\.pem cannot log in \(a server certificate\); renewing with .*admin\/cert\.pem\n/,
    );
    expect(server.received.map(({ login }) => login)).toEqual([serial, operator]);
  });

  test('other failures are not tried again, and the old pair stays', async () => {
    const { data, out, serial } = await pair();
    server.on(
      `POST /api/v1/certificates/${serial}/renew`,
      problem(503, 'store_unavailable', 'the disk is full'),
    );
    expect((await chancery(['cert', 'renew', out, '--data', data])).exit).toBe(2);
    expect([server.received.length, serialOf(join(out, 'cert.pem'))]).toEqual([1, serial]);
  });
});

describe("the operator's own certificate", () => {
  const call = async (
    life: number,
    age: number,
  ): Promise<{ data: string; stderr: string; exit: number; before: string }> => {
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
    const data = await server.dataFolder(temporaryFolder(), { life, age });
    const before = serialOf(join(data, 'admin/cert.pem'));
    server.on(`POST /api/v1/certificates/${before}/renew`, server.signing);
    return { data, before, ...(await chancery(['ca', 'list', '--data', data])) };
  };

  test('is renewed on the way once two thirds of its life are over', async () => {
    const { data, before, stderr, exit } = await call(12 * HOUR, 9 * HOUR);
    const after = serialOf(join(data, 'admin/cert.pem'));
    expect(exit).toBe(0);
    expect(stderr).toMatch(/^renewed .*admin\/cert\.pem: expires /);
    expect(after).not.toBe(before);
    expect(server.received.map(({ path, login }) => [path, login])).toEqual([
      [`/api/v1/certificates/${before}/renew`, before],
      ['/api/v1/roots', after],
    ]);
    expect(statSync(join(data, 'admin/key.pem')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(data, 'admin')).sort()).toEqual(['cert.pem', 'key.pem']);
  });

  test.each([
    ['in its first two thirds', 12 * HOUR, 7 * HOUR],
    ['when it has expired: it cannot ask for itself', HOUR, DAY],
  ])('is left alone %s', async (_, life, age) => {
    const { data, before } = await call(life, age);
    expect(serialOf(join(data, 'admin/cert.pem'))).toBe(before);
    expect(server.received.map(({ path }) => path)).toEqual(['/api/v1/roots']);
  });

  test('that cannot be renewed does not stop the command', async () => {
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
    const data = await server.dataFolder(temporaryFolder(), { life: 12 * HOUR, age: 9 * HOUR });
    const { exit, stderr } = await chancery(['ca', 'list', '--data', data]);
    expect(exit).toBe(0);
    expect(stderr).toMatch(/^could not renew .*admin\/cert\.pem: there is no /);
    expect(existsSync(join(data, 'admin/cert.pem.renewing'))).toBe(false);
  });

  test('is renewed by one command at a time; a lock that was left behind is broken', async () => {
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
    const data = await server.dataFolder(temporaryFolder(), { life: 12 * HOUR, age: 9 * HOUR });
    const certificate = join(data, 'admin/cert.pem');
    server.on(`POST /api/v1/certificates/${serialOf(certificate)}/renew`, server.signing);
    const before = serialOf(certificate);
    writeFileSync(`${certificate}.renewing`, '');
    await chancery(['ca', 'list', '--data', data]);
    expect(serialOf(certificate)).toBe(before);
    utimesSync(`${certificate}.renewing`, 0, 0);
    await chancery(['ca', 'list', '--data', data]);
    expect(serialOf(certificate)).not.toBe(before);
  });
});
