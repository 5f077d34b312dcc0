/** The lines that scripts outside of this repository type, as they stand, against the real server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeRequest } from '../../src/cli/cert/request.ts';
import type { Outcome } from './run.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/chancery');
const folder = mkdtempSync(join(tmpdir(), 'chancery-contract-'));
const [D, F] = [join(folder, 'data'), join(folder, 'chancery.yaml')];
let server: ChildProcess | undefined;
let status = '';

/** `cert show SERIAL -o json`, with D and F for the folder and the configuration. Other words are taken as they are. */
function chancery(line: string, ...more: readonly string[]): Promise<Outcome> {
  const child = spawn(PROGRAM, [...line.split(' ').map(place), ...more], {
    env: { PATH: process.env['PATH'], HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => (text[name] += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ exit: code ?? -1, ...text })));
}

const place = (word: string): string => (word === 'D' ? D : word === 'F' ? F : word.replace(/^D\//, `${D}/`));

async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(listeners.map((each) => new Promise((resolve) => each.once('listening', resolve))));
  const ports = listeners.map((each) => (each.address() as AddressInfo).port);
  await Promise.all(listeners.map((each) => new Promise((resolve) => each.close(resolve))));
  return ports;
}

beforeAll(async () => {
  const [https, plain, metrics] = await freePorts(3);
  status = `http://127.0.0.1:${plain}`;
  writeFileSync(
    F,
    `trustDomain: example.test
listen: { https: 127.0.0.1:${https}, status: 127.0.0.1:${plain}, metrics: 127.0.0.1:${metrics} }
externalUrl: { https: "https://localhost:${https}", status: "${status}" }
issuers:
  workload: { root: workload, profiles: [workload], authenticates: true }
  servers:  { root: internal, profiles: [server] }
  clients:  { root: internal, profiles: [client], authenticates: true }
`,
  );
  expect(await chancery('init --data D --config F')).toMatchObject({ exit: 0, stderr: '' });
  server = spawn(PROGRAM, ['server', '--data', D, '--config', F], { stdio: 'ignore' });
  await vi.waitFor(async () => expect(await ready()).toBe(200), { timeout: 15_000, interval: 50 });
});

const ready = (): Promise<number> =>
  fetch(`${status}/readyz`).then(
    (answer) => answer.status,
    () => 0,
  );

afterAll(() => {
  server?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const read = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8');

describe('contract lines', () => {
  test('server config show --data D -o json', async () => {
    const { exit, stdout } = await chancery('server config show --data D -o json');
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ trustDomain: 'example.test' });
  });

  test.each([
    ['workload', ['--uri', 'spiffe://example.test/app'], 'URI:spiffe://example.test/app'],
    ['workload', ['--uri', '/app', '--key-type', 'ed25519'], 'URI:spiffe://example.test/app'],
    [
      'server',
      ['--dns', 'a.example.test', '--ip', '127.0.0.1', '--ttl', '7d', '--key-type', 'rsa-2048'],
      'DNS:a.example.test, IP Address:127.0.0.1',
    ],
    ['client', ['--dns', 'c.example.test', '--key-type', 'ecdsa-p384'], 'DNS:c.example.test'],
  ])('cert issue --profile %s %j', async (profile, names, san) => {
    const out = join(folder, `issue-${names.join('').replace(/\W/g, '')}`);
    const { exit, stderr } = await chancery(
      `cert issue --data D --profile ${profile}`,
      ...names,
      '--out',
      out,
    );
    expect(stderr).toMatch(/^next: /);
    expect([exit, readdirSync(out).sort()]).toEqual([0, ['bundle.pem', 'cert.pem', 'chain.pem', 'key.pem']]);
    const leaf = new X509Certificate(readFileSync(join(out, 'cert.pem')));
    expect(leaf.subjectAltName).toBe(san);
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(out, 'key.pem'))))).toBe(true);
    const verified = await chancery(
      `cert verify ${out}/cert.pem --roots ${out}/bundle.pem --untrusted ${out}/chain.pem -o json`,
    );
    expect([verified.exit, JSON.parse(verified.stdout)]).toEqual([
      0,
      expect.objectContaining({ valid: true }),
    ]);
  });

  test('cert sign, cert show, cert list', async () => {
    const { csr } = await makeRequest('ecdsa-p256', [{ kind: 'dns', value: 'signed.example.test' }]);
    writeFileSync(join(folder, 'request.pem'), csr);
    const signed = await chancery(
      'cert sign --data D --profile server --csr request.pem --out signed -o json',
    );
    expect(signed.exit).toBe(0);
    expect(readdirSync(join(folder, 'signed')).sort()).toEqual(['bundle.pem', 'cert.pem', 'chain.pem']);
    const { serial } = JSON.parse(signed.stdout) as { serial: string };
    const shown = await chancery(`cert show --data D ${serial.toUpperCase()} -o json`);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      serial,
      state: 'valid',
      certificate: read('signed', 'cert.pem'),
    });
    const listed = await chancery('cert list --data D --name signed.example.test -o name');
    expect(listed.stdout).toBe(`${serial}\n`);
  });

  test.each([
    ['workload', '--uri', '/renewed', 'builtin:self-renewal'],
    ['server', '--dns', 'renewed.example.test', 'builtin:admin'],
  ])('cert renew, of the profile %s', async (profile, flag, name, rule) => {
    const out = `renew-${profile}`;
    await chancery(`cert issue --data D --profile ${profile} ${flag} ${name} --out ${out}`);
    const before = read(out, 'cert.pem');
    const { exit, stdout } = await chancery(`cert renew --data D ${out} -o json`);
    expect([exit, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ rule, certificate: read(out, 'cert.pem') }),
    ]);
    expect(read(out, 'cert.pem')).not.toBe(before);
  });

  test('eight at once', async () => {
    const runs = Array.from({ length: 8 }, (_, i) =>
      chancery(`cert issue --data D --profile workload --uri /many/${i} --out many-${i} -o name`),
    );
    const serials = (await Promise.all(runs)).map(({ exit, stdout }) => `${exit} ${stdout}`);
    expect(new Set(serials).size).toBe(8);
    expect(serials.every((text) => /^0 [0-9a-f]{32}\n$/.test(text))).toBe(true);
  });

  test('a refusal: exit 3, the rule and the nearest grant, no file', async () => {
    const { exit, stderr } = await chancery(
      'cert issue --data D --profile workload --uri /chancery/x --out refused',
    );
    expect(exit).toBe(3);
    expect(stderr).toMatch(/^rule: deny-by-default; the nearest grant "builtin:admin" falls short/m);
    expect((await chancery('grant explain --data D --profile workload --uri /chancery/x')).exit).toBe(3);
    expect((await chancery('grant explain --data D --profile workload --uri /app')).exit).toBe(0);
  });

  test('cert revoke, by serial and by file; the same again changes nothing', async () => {
    const out = join(folder, 'revoked');
    const issue = 'cert issue --data D --profile server --dns revoked.example.test --out';
    await chancery(issue, out);
    const listed = await chancery('cert list --data D --name revoked.example.test -o name');
    const serial = listed.stdout.trim();
    expect(await chancery(`cert revoke --data D ${serial}`)).toMatchObject({ exit: 1, stdout: '' });
    const dry = await chancery(`cert revoke --data D ${serial} --dry-run -o json`);
    expect(JSON.parse(dry.stdout)).toMatchObject({ count: 1, refused: 0 });
    const first = await chancery(`cert revoke --data D ${serial} --reason keyCompromise --yes`);
    expect([first.exit, first.stdout.split('\n')[1]]).toEqual([0, `${serial}  revoked  blocked`]);
    const again = await chancery('cert revoke --data D --reason keyCompromise --yes -o json', out);
    expect(JSON.parse(again.stdout)).toMatchObject({ results: [{ serial, result: 'already' }] });
    const shown = await chancery(`cert show --data D ${serial} -o json`);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      state: 'revoked',
      revocation: { reason: 'keyCompromise' },
    });
    const all = await chancery('cert list --data D --state revoked -o name');
    expect(all.stdout).toContain(serial);
    expect((await chancery('cert revoke --data D 4000 --yes')).exit).toBe(4);
    expect((await chancery(`cert revoke --data D ${serial} --reason certificateHold --yes`)).exit).toBe(3);
  });

  test('cert revoke --leaked-key: the key alone is the proof', async () => {
    const out = join(folder, 'leaked');
    await chancery('cert issue --data D --profile workload --uri /leaked --out', out);
    const key = join(out, 'key.pem');
    const { exit, stderr } = await chancery(`cert revoke --data D --leaked-key ${key} --yes`);
    expect(exit).toBe(0);
    expect(stderr).toContain('is blocked');
    const renewed = await chancery('cert renew --data D', out);
    expect(renewed.exit).toBe(3);
  });

  test('cert show of an unknown serial: exit 4', async () => {
    expect((await chancery('cert show --data D 4000')).exit).toBe(4);
  });

  test('audit export --data D > FILE; audit verify FILE --key <data>/audit.pub', async () => {
    const { exit, stdout } = await chancery('audit export --data D');
    expect(exit).toBe(0);
    writeFileSync(join(folder, 'audit.jsonl'), stdout);
    expect(await chancery('audit verify audit.jsonl --key D/audit.pub')).toMatchObject({
      exit: 0,
      stderr: '',
    });
    expect((await chancery('audit head --data D --out head.json')).exit).toBe(0);
    const old = await chancery('audit verify audit.jsonl --key D/audit.pub --head head.json');
    expect([old.exit, old.stdout]).toEqual([3, expect.stringContaining('broken')]);
    writeFileSync(join(folder, 'audit.jsonl'), (await chancery('audit export --data D')).stdout);
    expect((await chancery('audit verify audit.jsonl --key D/audit.pub --head head.json')).exit).toBe(0);
    writeFileSync(join(folder, 'audit.jsonl'), stdout.replace('"allowed"', '"refused"'));
    expect((await chancery('audit verify audit.jsonl --key D/audit.pub')).exit).toBe(3);
  });

  test('server on an empty folder: exit 1, and what to do', async () => {
    mkdirSync(join(folder, 'empty'));
    const { exit, stderr } = await chancery('server --data empty');
    expect(exit).toBe(1);
    expect(stderr).toMatch(/no CA in .*empty: run init, or is the volume mounted\?/);
  });

  test('SIGTERM drains and exits 0; then the server is unreachable, exit 5', async () => {
    const ended = new Promise((resolve) => server?.once('exit', (...how) => resolve(how)));
    server?.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const { exit, stderr } = await chancery('ca list --data D');
    expect(exit).toBe(5);
    expect(stderr).toContain('connection refused');
  });
});
