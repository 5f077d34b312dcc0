/** A root that is offline from the first minute: what its keeper types, and what the server does meanwhile. */
import { X509Certificate } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initializeAuthority } from '../../../src/server/initialize.ts';
import { loadConfiguration } from '../../../src/config/index.ts';
import { RootLog } from '../../../src/server/offline/root-log.ts';
import { makeCsr, startTestServer, type TestServer } from '../../support/running-server.ts';
import { chancery } from '../run.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-root-'));
const vault = join(folder, 'vault');
const at = (name: string): string => join(folder, name);
const inVault = (name: string): string => join(vault, name);
const passphrase = at('passphrase');
const key = ['--root-key', inVault('internal.root.json'), '--passphrase-file', passphrase];
let server: TestServer;

beforeAll(async () => {
  writeFileSync(passphrase, 'a passphrase of its own\n', { mode: 0o600 });
  server = await startTestServer('', { folder: vault, passphraseFile: passphrase });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const here = (...line: string[]) => chancery([...line, '--data', server.data]);
const requestOf = async (issuer: string): Promise<string> => {
  const path = at(`${issuer}.csr`);
  expect(await here('issuer', 'prepare', issuer, '--out', path)).toMatchObject({ exit: 0 });
  return path;
};

describe('init --root-key-out', () => {
  test('leaves no key of a root in the data folder, and sealed ones outside', () => {
    const files = readdirSync(server.data, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => /root/.test(name))).toEqual(['roots.pem']);
    expect(readdirSync(vault).sort()).toEqual(
      ['internal', 'workload'].flatMap((name) => ['json', 'log', 'pem'].map((end) => `${name}.root.${end}`)),
    );
    for (const name of ['internal.root.json', 'internal.root.log'])
      expect(statSync(inVault(name)).mode & 0o777).toBe(0o600);
    expect(statSync(vault).mode & 0o777).toBe(0o700);
    const text = readFileSync(inVault('internal.root.json'), 'utf8');
    expect(text).not.toContain('PRIVATE');
    expect(JSON.parse(text)).toMatchObject({ name: 'internal', sealed: { cipher: 'AES-256-GCM' } });
  });

  test('makes a server that issues, with a CRL of each root', async () => {
    const { csr } = await makeCsr([{ kind: 'dns', value: 'a.example.test' }]);
    const { status, json } = await server.ask('POST', '/api/v1/certificates', { profile: 'server', csr });
    expect([status, json['generation']]).toEqual([201, 'servers-1']);
    for (const root of ['internal', 'workload'])
      expect((await fetch(`${server.server.urls.status}/crl/${root}.crl`)).status).toBe(200);
    const { json: roots } = await server.ask('GET', '/api/v1/roots/internal');
    expect(roots['offline']).toBe(true);
  });

  test('again, where an issuer came later, takes the key that is at hand; without it asks for a signature', async () => {
    const data = at('grown');
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    const issuers = (more: string): string => `issuers:
  workload: { root: workload, profiles: [workload], authenticates: true }
  servers: { root: internal, profiles: [server] }
  clients: { root: internal, profiles: [client], authenticates: true }
${more}`;
    const away = { folder: at('grown-vault'), passphraseFile: passphrase };
    const init = async (more: string, roots?: typeof away) => {
      writeFileSync(at('grown.yaml'), issuers(more));
      const flags = { data, config: at('grown.yaml') };
      return initializeAuthority(await loadConfiguration({ flags, env: {}, cwd: folder }), silent, roots);
    };
    expect((await init('', away)).made).toContain('root internal (offline)');
    const web = '  web: { root: internal, profiles: [server] }\n';
    expect((await init(web, away)).made).toEqual(['issuer web']);
    const mail = `${web}  mail: { root: internal, profiles: [server] }\n`;
    expect((await init(mail)).made).toEqual(['request for issuer mail: its root is offline']);
  });

  test('writes into the signing log what the keys were used for', () => {
    const { entries } = new RootLog(inVault('internal.root.log'));
    expect(entries.map((entry) => (entry.kind === 'certificate' ? entry.subject : entry.kind))).toEqual([
      'CN=Chancery internal root,O=example.test',
      'CN=Chancery servers-1,O=example.test',
      'CN=Chancery clients-1,O=example.test',
      'crl',
    ]);
  });

  test.each(['', 'keys', 'new/folder'])('refuses the data folder: %s', async (inside) => {
    const data = at('other');
    const config = await loadConfiguration({ flags: { data }, env: {}, cwd: folder });
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    await expect(initializeAuthority(config, silent, { folder: join(data, inside) })).rejects.toMatchObject({
      code: 'invalid_configuration',
    });
  });

  test('without a passphrase makes one, 0600, and says that it lies beside', async () => {
    const config = await loadConfiguration({ flags: { data: at('third') }, env: {}, cwd: folder });
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    const made = await initializeAuthority(config, silent, { folder: at('third-vault') });
    expect(made.warnings.join()).toContain('root-passphrase');
    expect(statSync(at('third-vault/root-passphrase')).mode & 0o777).toBe(0o600);
  });
});

describe('an issuer below an offline root', () => {
  test('asks with a request, is signed there, imported here, and issues', async () => {
    const csr = await requestOf('servers');
    expect(readFileSync(csr, 'utf8')).toContain('BEGIN CERTIFICATE REQUEST');
    expect((await here('issuer', 'list')).stdout).toContain('servers-2 (needs a signature)');
    const metrics = await (await fetch(server.server.urls.metrics)).text();
    expect(metrics).toContain('chancery_issuer_needs_signature{issuer="servers"} 1');

    const out = at('servers-2.crt');
    const signed = await chancery(['ca', 'sign-csr', csr, ...key, '--out', out, '-o', 'json']);
    expect(signed).toMatchObject({ exit: 0, stderr: '' });
    expect(JSON.parse(signed.stdout)).toMatchObject({
      root: 'internal',
      subject: 'CN=Chancery servers-2,O=example.test',
      maxPathLength: 0,
      permitted: [],
    });
    expect(await here('ca', 'import', out)).toMatchObject({ exit: 0 });
    expect(await here('issuer', 'activate', 'servers-2')).toMatchObject({ exit: 0 });
    const request = await makeCsr([{ kind: 'dns', value: 'b.example.test' }]);
    const { json } = await server.ask('POST', '/api/v1/certificates', {
      profile: 'server',
      csr: request.csr,
    });
    expect(json['generation']).toBe('servers-2');
    writeFileSync(at('leaf.pem'), String(json['certificate']) + (json['chain'] as string[]).join(''));
    const verified = ['cert', 'verify', at('leaf.pem'), '--roots', inVault('internal.root.pem')];
    expect(await chancery([...verified, '--dns', 'b.example.test', '--purpose', 'server'])).toMatchObject({
      exit: 0,
    });
  });

  test('is imported once', async () => {
    const again = await here('ca', 'import', at('servers-2.crt'));
    expect(again.exit).toBe(4);
  });

  test('gets name constraints and path length that its keeper chooses', async () => {
    const csr = await requestOf('clients');
    const out = at('clients-2.crt');
    const line = ['ca', 'sign-csr', csr, ...key, '--out', out, '--max-path-length', '1', '--ttl', '30d'];
    const names = [
      '--permitted-dns',
      'example.test',
      '--excluded-ip',
      '10.0.0.0/8',
      '--permitted-uri',
      'example.test',
    ];
    const signed = await chancery([...line, ...names, '-o', 'json']);
    expect(JSON.parse(signed.stdout)).toMatchObject({
      maxPathLength: 1,
      permitted: ['dns:example.test', 'uri:example.test'],
      excluded: ['ip:10.0.0.0/8'],
    });
    const certificate = new X509Certificate(readFileSync(out));
    expect(certificate.validToDate.getTime() - Date.now()).toBeLessThan(30 * 86_400_000);
  });

  test.each([
    [['--permitted-dns', '*.example.test'], 1, 'cannot be used'],
    [['--permitted-ip', '10.0.0.1/8'], 1, 'cannot be used'],
    [['--ttl', 'long'], 1, 'is no duration'],
    [['--ttl', '20y'], 2, 'only until'],
    [['--max-path-length', '-1'], 1, 'above zero'],
  ])('is not signed with %j', async (flags, exit, said) => {
    const line = ['ca', 'sign-csr', at('clients.csr'), ...key, '--out', at('never.crt')];
    const outcome = await chancery([...line, ...flags]);
    expect([outcome.exit, outcome.stderr]).toEqual([exit, expect.stringContaining(said)]);
    expect(existsSync(at('never.crt'))).toBe(false);
  });

  test('is not signed where the request does not prove its key, or with another passphrase', async () => {
    const pem = readFileSync(at('clients.csr'), 'utf8');
    const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    writeFileSync(at('spoiled.csr'), der);
    const spoiled = await chancery(['ca', 'sign-csr', at('spoiled.csr'), ...key, '--out', at('never.crt')]);
    expect(spoiled).toMatchObject({ exit: 3 });
    writeFileSync(at('wrong'), 'another one\n', { mode: 0o600 });
    const wrong = ['--root-key', inVault('internal.root.json'), '--passphrase-file', at('wrong')];
    const other = await chancery(['ca', 'sign-csr', at('clients.csr'), ...wrong, '--out', at('never.crt')]);
    expect([other.exit, other.stderr]).toEqual([1, expect.stringContaining('does not open')]);
    expect(existsSync(at('never.crt'))).toBe(false);
  });

  test.each(['statusUrl', 'trustDomain', 'certificate', 'name'])(
    'is not signed with a key file whose %s was changed',
    async (field) => {
      const changed = inVault(`changed-${field}.root.json`);
      const text = readFileSync(inVault('internal.root.json'), 'utf8');
      const parsed = JSON.parse(text) as Record<string, unknown>;
      parsed[field] = field === 'certificate' ? 'AAAA' : 'http://elsewhere';
      writeFileSync(changed, `${JSON.stringify(parsed, null, 2)}\n`, { mode: 0o600 });
      const line = ['--root-key', changed, '--passphrase-file', passphrase, '--out', at('never.crt')];
      expect((await chancery(['ca', 'sign-csr', at('clients.csr'), ...line])).exit).toBe(1);
      rmSync(changed);
    },
  );
});

describe('the successor of an offline root', () => {
  test('is made beside it, imported, activated, and signs what comes then', async () => {
    const made = await chancery(['ca', 'make-root', ...key, '-o', 'json']);
    expect(made).toMatchObject({ exit: 0, stderr: '' });
    const { name, certificate } = JSON.parse(made.stdout) as { name: string; certificate: string };
    expect([name, certificate]).toEqual(['internal-r2', inVault('internal-r2.root.pem')]);
    expect((await here('ca', 'prepare', 'internal')).stderr).toContain('ca make-root');
    for (const wrong of ['internal', 'internal-r1', 'other-r2', 'internal-rx'])
      expect((await here('ca', 'import-root', wrong, certificate)).exit).toBeGreaterThan(0);
    expect((await here('ca', 'import-root', name, at('servers-2.crt'))).stderr).toContain(
      'did not sign itself',
    );
    expect(await here('ca', 'import-root', name, certificate)).toMatchObject({ exit: 0 });
    expect(readFileSync(join(server.data, 'roots.pem'), 'utf8')).toContain(readFileSync(certificate, 'utf8'));
    expect((await here('ca', 'list')).stdout).toMatch(/internal-r2 .* next, offline/);
    const second = ['--root-key', inVault('internal-r2.root.json'), '--passphrase-file', passphrase];
    const signed = await chancery(['ca', 'sign-crl', ...second, '--out', at('r2.crl')]);
    expect(signed).toMatchObject({ exit: 0 });
    expect(await here('ca', 'import-crl', at('r2.crl'))).toMatchObject({ exit: 0 });
    expect(await here('ca', 'activate', name)).toMatchObject({ exit: 0 });

    // what waited for the old root may be answered by the new one
    const out = at('clients-by-r2.crt');
    const line = ['ca', 'sign-csr', await requestOf('clients'), ...second, '--out', out];
    expect(await chancery(line)).toMatchObject({ exit: 0 });
    const imported = await here('ca', 'import', out, '-o', 'json');
    expect(JSON.parse(imported.stdout)).toMatchObject({ id: 'clients-2', root: 'internal-r2' });
    expect((await here('ca', 'retire', 'internal')).exit).toBe(3);
  });
});

describe('the CRL of an offline root', () => {
  const serial = (): string => new X509Certificate(readFileSync(at('servers-2.crt'))).serialNumber;
  const sign = (...flags: string[]) =>
    chancery(['ca', 'sign-crl', ...key, '--out', at('internal.crl'), ...flags, '-o', 'json']);

  test('is signed there, published here, and revokes what it says', async () => {
    const signed = await sign('--revoke', `${serial()}:superseded`);
    expect(signed).toMatchObject({ exit: 0, stderr: '' });
    expect(JSON.parse(signed.stdout)).toMatchObject({ root: 'internal', entries: 1 });
    expect(await here('ca', 'import-crl', at('internal.crl'))).toMatchObject({ exit: 0 });
    const published = await fetch(`${server.server.urls.status}/crl/internal.crl`);
    const der = Buffer.from(await published.arrayBuffer());
    expect(readFileSync(at('internal.crl'), 'utf8').replace(/-----.*-----|\n/g, '')).toBe(
      der.toString('base64'),
    );
    const verify = ['cert', 'verify', at('servers-2.crt'), '--roots', inVault('internal.root.pem')];
    const judged = await chancery([...verify, '--crl', at('internal.crl'), '-o', 'json']);
    expect([judged.exit, (JSON.parse(judged.stdout) as { code: string }).code]).toEqual([3, 'revoked']);
  });

  test('keeps what was revoked, and its number only rises', async () => {
    const first = JSON.parse((await sign()).stdout) as { number: string; entries: number };
    expect(first.entries).toBe(1);
    const next = String(BigInt(first.number) + 1_000_000n);
    expect(JSON.parse((await sign('--number', next)).stdout)).toMatchObject({ number: next, entries: 1 });
    expect((await sign('--number', next)).exit).toBe(2);
    expect((await sign('--revoke', serial())).stderr).toContain('on the list already');
    expect(JSON.parse((await sign()).stdout)).toMatchObject({ number: String(BigInt(next) + 1n) });
  });

  test.each(['xyz', `00:removeFromCRL`, `00:certificateHold`, ''])(
    'is not signed with --revoke %j',
    async (text) => {
      expect((await sign('--revoke', text)).exit).toBe(1);
    },
  );

  test('is not signed where the signing log lost a line', async () => {
    const log = inVault('internal.root.log');
    copyFileSync(log, at('kept.log'));
    const lines = readFileSync(log, 'utf8').split('\n');
    for (const spoiled of [
      [...lines.slice(0, 1), ...lines.slice(2)].join('\n'),
      lines.join('\n').replace('servers-1', 'servers-7'),
      lines.join('\n').slice(0, -5),
    ]) {
      writeFileSync(log, spoiled);
      expect((await sign()).stderr).toContain('is not as it was written');
    }
    copyFileSync(at('kept.log'), log);
    appendFileSync(log, '');
    expect((await sign()).exit).toBe(0);
  });
});
