/** `server admin recover`: a lost or expired login is replaced offline, through the pipeline, and on record. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { recoverAdmin } from '../../src/server/recover.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

let running: TestServer;
beforeAll(async () => {
  running = await startTestServer();
});
afterAll(() => running.stop());

const options = (ttl?: string) => ({
  data: running.data,
  config: join(running.data, '..', 'chancery.yaml'),
  env: {},
  cwd: running.data,
  say: () => undefined,
  ttl,
});
const file = (name: string): string => join(running.data, 'admin', name);

test('a running server is left alone, and its process is named', async () => {
  const { code, message, detail } = await refusalOfAsync(() => recoverAdmin(options()));
  expect(code).toBe('unsafe_files');
  expect(message).toContain('another process works in');
  expect(detail.fix).toContain('Stop it first');
});

test('the new pair logs in, is short-lived, private, and on record with who made it', async () => {
  const before = readFileSync(file('cert.pem'), 'utf8');
  await running.server.stop();
  for (const name of ['cert.pem', 'key.pem']) rmSync(file(name)); // lost
  const recovered = await recoverAdmin(options());
  const certificate = new X509Certificate(readFileSync(file('cert.pem')));
  expect(certificate.serialNumber.toLowerCase()).toBe(recovered.serial);
  expect(readFileSync(file('cert.pem'), 'utf8')).not.toBe(before);
  expect(certificate.subjectAltName).toBe('URI:spiffe://example.test/chancery/admin');
  const life = certificate.validToDate.getTime() - Date.now();
  expect(life).toBeGreaterThan(DAY - HOUR);
  expect(life).toBeLessThanOrEqual(DAY);
  for (const name of ['cert.pem', 'key.pem']) expect(statSync(file(name)).mode & 0o777).toBe(0o600);

  await running.restart();
  const login = { cert: readFileSync(file('cert.pem'), 'utf8'), key: readFileSync(file('key.pem'), 'utf8') };
  const { status, json } = await running.ask('GET', '/api/v1/audit?limit=50', undefined, { login });
  expect(status).toBe(200);
  const entries = JSON.stringify(json);
  const [entry] = /\{[^{]*"event":"admin.recovered".*?\}/.exec(entries) ?? [''];
  expect(entry).toContain(`"principal":"local:uid:${process.getuid?.()}"`);
  expect(entries).toContain(`"host":"${hostname()}"`);
  expect(entries).toContain(`"serial":"${recovered.serial}"`);
});

test('nobody gets a longer life than the profile has, and a refusal leaves the pair as it was', async () => {
  await running.server.stop();
  const before = readFileSync(file('cert.pem'));
  const { code } = await refusalOfAsync(() => recoverAdmin(options('4000d')));
  expect(code).toBe('profile_violation');
  expect(readFileSync(file('cert.pem')).equals(before)).toBe(true);
  expect((await refusalOfAsync(() => recoverAdmin(options('soon')))).code).toBe('invalid_duration');
  await running.restart();
});
