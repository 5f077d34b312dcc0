/** D18, OpenBao CVE-2025-62513: eight secrets are planted where secrets travel; none of them is seen anywhere else. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  adminClient,
  type Asked,
  type Installation,
  install,
  run,
  spawnServer,
  type SpawnedServer,
  tryRun,
} from '../support/spawned-server.ts';
import { makeCsr } from '../support/running-server.ts';

let at: Installation;
let server: SpawnedServer;
const passphrase = `passphrase-${randomBytes(12).toString('hex')}`;

beforeAll(async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'chancery-pass-')), 'passphrase');
  await writeFile(file, passphrase, { mode: 0o600 });
  at = await install('log: { level: debug }', ['--passphrase-file', file]);
  server = await spawnServer(at);
});
afterAll(async () => {
  await server.kill('SIGKILL');
  await at.remove();
});

/** The secret part of a PEM key, in the pieces in which it could be quoted. */
const pemBody = (pem: string): string =>
  pem
    .replace(/-----[^-]+-----/g, '')
    .trim()
    .split('\n')[1] ?? '';

test('no planted secret is in a log, an audit entry, an error, a metric, or the process table', async () => {
  const canaries = new Map<string, string>([['the passphrase of the keys', passphrase]]);
  const errors: Asked[] = [];
  const ask = await adminClient(at);

  canaries.set("the admin's private key", pemBody(await readFile(join(at.data, 'admin', 'key.pem'), 'utf8')));

  await run([
    'cert',
    'issue',
    '--data',
    at.data,
    '--profile',
    'workload',
    '--uri',
    '/canary',
    '--out',
    join(at.folder, 'app'),
  ]);
  canaries.set(
    "a workload's private key",
    pemBody(await readFile(join(at.folder, 'app', 'key.pem'), 'utf8')),
  );

  const generated = await ask('POST', '/api/v1/certificates/generate', {
    profile: 'server',
    names: { dns: ['canary.example.test'] },
  });
  canaries.set('a private key that was made here', pemBody(String(generated.json['privateKey'])));

  const { key } = await makeCsr([]);
  canaries.set('a private key sent instead of a request', pemBody(key));
  errors.push(await ask('POST', '/api/v1/certificates', { profile: 'server', csr: key }));
  errors.push(await ask('POST', '/api/v1/certificates', { profile: 'server', csr: 'x', privateKey: key }));

  const query = `query-${randomBytes(12).toString('hex')}`;
  canaries.set('a secret in a query', query);
  errors.push(await ask('GET', `/api/v1/certificates?token=${query}`));

  const bearer = `bearer-${randomBytes(12).toString('hex')}`;
  canaries.set('a bearer token', bearer);
  errors.push(await ask('GET', '/api/v1/nothing', undefined, { authorization: `Bearer ${bearer}` }));

  const literal = `literal-${randomBytes(12).toString('hex')}`;
  canaries.set('a literal secret in a configuration', literal);
  const config = join(at.folder, 'bad.yaml');
  await writeFile(config, `trustDomain: example.test\nkeys: { passphrase: ${literal} }\n`);
  const refused = await tryRun(['server', 'config', 'show', '--data', at.data, '--config', config]);
  expect(refused.code).toBe(1);

  expect(canaries.size).toBe(8);
  expect(errors.every(({ status }) => status >= 400)).toBe(true);
  const pid = server.process.pid ?? 0;
  const places = new Map<string, string>([
    ['log', server.output()],
    ['audit', await run(['audit', 'export', '--data', at.data])],
    ['errors', JSON.stringify(errors) + refused.stderr + refused.stdout],
    ['metrics', await (await fetch(`http://127.0.0.1:${at.metrics}/metrics`)).text()],
    ['ps', await readFile(`/proc/${pid}/cmdline`, 'latin1')],
    ['environment', await readFile(`/proc/${pid}/environ`, 'latin1')],
  ]);
  for (const [place, text] of places) {
    expect(text.length, place).toBeGreaterThan(0);
    for (const [what, secret] of canaries) {
      expect(secret.length, what).toBeGreaterThan(15);
      expect(text.includes(secret), `${what} in ${place}`).toBe(false);
    }
  }
});

test('no private key is on disk in the clear, but the one that is the admin’s', async () => {
  const files = (await readdir(at.data, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const clear: string[] = [];
  for (const entry of files) {
    const content = await readFile(join(entry.parentPath, entry.name), 'latin1');
    if (content.includes('PRIVATE KEY')) clear.push(entry.name);
    expect(content.includes(passphrase), entry.name).toBe(false);
  }
  expect(clear).toEqual(['key.pem']);
});
