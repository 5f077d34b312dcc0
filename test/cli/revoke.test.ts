/** `cert revoke`: nothing happens unless somebody meant it, and a leaked key stays where it is. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImpactResource, RevocationReport } from '../../src/api/revocations.ts';
import { readKeyStatement } from '../../src/domain/revocation/key-statement.ts';
import { toHex } from '../../src/x509/bytes.ts';
import { exportPkcs8, KEY_ALGORITHMS } from '../../src/x509/key-pair.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { keyOf } from '../support/keys.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, type Circumstances, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
let folder: string;
let data: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  folder = temporaryFolder();
  data = await server.dataFolder(temporaryFolder());
  server.on('POST /api/v1/revocations/impact', { status: 200, body: IMPACT });
  server.on('POST /api/v1/revocations', { status: 200, body: REPORT });
});

const SERIAL = '4fa20b';
const NOW = Date.UTC(2026, 5, 1, 12);
const KEY = 'ab'.repeat(32);
const one: ImpactResource['certificates'][number] = {
  serial: SERIAL,
  names: { uri: ['spiffe://example.test/app'] },
  issuer: 'workload',
  generation: 'workload-1',
  profile: 'workload',
  principal: 'mtls:workload:spiffe://example.test/app',
  owner: 'ann',
  state: 'valid',
  notAfter: '2026-06-02T12:00:00Z',
  remainingSeconds: 86_400,
  lastRenewedAt: '2026-06-01T09:00:00Z',
  lastPresentedAt: '2026-06-01T11:00:00Z',
  keyFingerprint: KEY,
  keyBlocked: false,
  reach: 'here',
  deliveries: [],
};
const IMPACT: ImpactResource = {
  count: 1,
  unrecorded: 0,
  complete: true,
  refused: 0,
  principals: 1,
  owners: 1,
  issuers: { workload: 1 },
  latestNotAfter: '2026-06-02T12:00:00Z',
  blocksKeys: false,
  certificates: [one],
};
const REPORT: RevocationReport = {
  reason: 'superseded',
  results: [{ serial: SERIAL, result: 'revoked', keyBlocked: false }],
  more: false,
  notices: ['something to know'],
};

const revoke = (args: readonly string[], circumstances: Circumstances = {}): Promise<Outcome> =>
  chancery(['cert', 'revoke', ...args, '--data', data], { now: NOW, ...circumstances });
const paths = (): string[] => server.received.map(({ path }) => path);

describe('without a person and without --yes', () => {
  test('nothing is asked, nothing happens: exit 1', async () => {
    const { exit, stderr } = await revoke([SERIAL]);
    expect([exit, paths()]).toEqual([1, []]);
    expect(stderr).toContain('--yes');
  });

  test('--yes revokes at once, says where, and prints what was done', async () => {
    const { exit, stdout, stderr } = await revoke(['4F:A2:0B', '--reason', 'superseded', '--yes']);
    expect([exit, paths()]).toEqual([0, ['/api/v1/revocations']]);
    expect(server.received[0]?.body).toEqual({ serials: [SERIAL], reason: 'superseded' });
    expect(stdout).toMatch(/^SERIAL +RESULT +KEY\n4fa20b +revoked +-\n$/);
    expect(stderr).toBe(`revoking at ${server.url} (${data}/client.yaml)\nsomething to know\n`);
    const json = await revoke([SERIAL, '--yes', '-o', 'json']);
    expect(JSON.parse(json.stdout)).toEqual({
      results: REPORT.results,
      more: false,
      notices: REPORT.notices,
      reason: 'superseded',
    });
    expect(server.received[1]?.body).toEqual({ serials: [SERIAL], reason: 'unspecified' });
  });

  test.each([
    ['1', 0],
    ['0', 1],
    ['', 1],
  ])('CHANCERY_YES=%j says it before, or does not', async (value, code) => {
    const { exit } = await revoke([SERIAL], { environment: { CHANCERY_YES: value } });
    expect([exit, paths().length]).toEqual([code, 1 - code]);
  });

  test('what is too much for one request is asked for until it is done', async () => {
    let left = 2;
    server.on('POST /api/v1/revocations', () => ({ status: 200, body: { ...REPORT, more: left-- > 0 } }));
    const { stdout } = await revoke(['--owner', 'ann', '--yes', '-o', 'name']);
    expect([paths().length, stdout]).toEqual([3, `${SERIAL}\n`.repeat(3)]);
  });
});

describe('at a terminal', () => {
  test('the impact is shown and the name has to be typed', async () => {
    const { exit, stderr } = await revoke([SERIAL], { typed: 'spiffe://example.test/app' });
    expect([exit, paths()]).toEqual([0, ['/api/v1/revocations/impact', '/api/v1/revocations']]);
    expect(server.received[1]?.body).toEqual({ serials: [SERIAL], reason: 'unspecified', expectedCount: 1 });
    expect(stderr).toContain('spiffe://example.test/app');
    expect(stderr).toContain('presented 1h ago');
    expect(stderr).toContain('1 certificate of 1 caller and 1 owner; the last would expire in 1d');
    expect(stderr).toContain('have no living successor');
    expect(stderr).toContain('noRevAvail');
    expect(stderr).toContain('would not block their keys');
    expect(stderr).toContain('Type spiffe://example.test/app to revoke it for ever: ');
  });

  test.each(['', 'y', 'yes', 'spiffe://example.test/ap'])(
    '%j is not the name: nothing happens',
    async (typed) => {
      const { exit, stderr } = await revoke([SERIAL], { typed });
      expect([exit, paths()]).toEqual([1, ['/api/v1/revocations/impact']]);
      expect(stderr).toContain('nothing was changed');
    },
  );

  test('for a search it is what was searched for, and the number has to be the one that was shown', async () => {
    server.on('POST /api/v1/revocations/impact', { status: 200, body: { ...IMPACT, count: 40 } });
    const { exit, stderr } = await revoke(['--owner', 'ann', '--issuer', 'workload'], { typed: ' ann \n' });
    expect(exit).toBe(0);
    expect(server.received[1]?.body).toEqual({
      search: { owner: 'ann', issuer: 'workload' },
      reason: 'unspecified',
      expectedCount: 40,
    });
    expect(stderr).toContain('and 39 more: see --dry-run');
    expect(stderr).toContain('Type ann to revoke all 40 for ever: ');
  });

  test('nothing found is nothing asked', async () => {
    server.on('POST /api/v1/revocations/impact', {
      status: 200,
      body: { ...IMPACT, count: 0, certificates: [] },
    });
    const { exit, stderr } = await revoke(['--name', 'x'], { typed: 'x' });
    expect([exit, paths().length]).toEqual([0, 1]);
    expect(stderr).toContain('nothing was revoked');
  });
});

test('--dry-run shows and changes nothing, with or without a person', async () => {
  const { exit, stdout, stderr } = await revoke(['--principal', 'p', '--label', 'env=prod', '--dry-run']);
  expect([exit, paths()]).toEqual([0, ['/api/v1/revocations/impact']]);
  expect(server.received[0]?.body).toEqual({ search: { principal: 'p', label: 'env:prod' } });
  expect(stdout).toMatch(
    /spiffe:\/\/example\.test\/app +mtls:\S+ +ann +workload +workload +1d +presented 1h ago +no +4fa20b/,
  );
  expect(stderr).toContain('1 certificate of 1 caller');
  const json = await revoke(['--key', 'AB:'.repeat(31) + 'AB', '--dry-run', '-o', 'json']);
  expect(JSON.parse(json.stdout)).toEqual(IMPACT);
  expect(server.received[1]?.body).toEqual({ search: { keyFingerprint: KEY } });
});

test('a file or a folder names the certificate in it, and its key is not sent', async () => {
  const pem = encodePem('CERTIFICATE', server.authority.generation.certificate.raw);
  const key = encodePem('PRIVATE KEY', exportPkcs8((await keyOf('ecdsa-p256', 'a')).privateKey));
  writeFileSync(join(folder, 'cert.pem'), key + pem);
  for (const path of [folder, join(folder, 'cert.pem')]) {
    const { exit } = await revoke([path, '--yes']);
    expect(exit).toBe(0);
    expect(server.received.at(-1)?.body).toEqual({ certificate: pem, reason: 'unspecified' });
  }
});

test.each<[string, string[], number, string]>([
  ['nothing', [], 1, 'nothing says which'],
  ['two ways', [SERIAL, '--owner', 'x'], 1, 'several things say which'],
  ['a serial and a key', [SERIAL, '--leaked-key', 'x'], 1, 'several things say which'],
  ['no serial', ['xyz'], 1, 'no serial number'],
  ['a hold', [SERIAL, '--reason', 'certificateHold'], 3, 'put on hold'],
  ['taking it back', [SERIAL, '--reason', 'removeFromCRL'], 3, 'never taken back'],
  ['a reason in the wrong case', [SERIAL, '--reason', 'keycompromise'], 1, 'keyCompromise'],
  ['a key file that is none', ['--leaked-key', '/dev/null'], 1, 'no private key'],
])('%s is refused before anything is asked', async (_, args, code, words) => {
  const { exit, stderr } = await revoke([...args, '--yes']);
  expect([exit, paths()]).toEqual([code, []]);
  expect(stderr).toContain(words);
});

describe('--leaked-key', () => {
  const answer = (): unknown =>
    server.on('POST /api/v1/revocations/leaked-key', {
      status: 200,
      body: { keyFingerprint: KEY, results: REPORT.results, more: false, notices: [] },
    });

  test.each(KEY_ALGORITHMS)('proves a key of the type %s without sending it', async (type) => {
    answer();
    const pair = await keyOf(type, 'leaked');
    const pem = encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey));
    writeFileSync(join(folder, 'key.pem'), pem);
    const { exit, stderr } = await revoke(['--leaked-key', join(folder, 'key.pem'), '--yes']);
    expect([exit, paths()]).toEqual([0, ['/api/v1/revocations/leaked-key']]);
    const { statement } = server.received[0]?.body as { statement: string };
    const proven = readKeyStatement(statement, 'example.test', NOW);
    expect(toHex(proven.fingerprint)).toBe(toHex(pair.publicKey.fingerprint));
    const secret = String(pair.privateKey.export({ format: 'jwk' }).d);
    expect(JSON.stringify(server.received)).not.toContain(secret);
    expect(Buffer.from(statement.split('.')[0] ?? '', 'base64url').toString()).not.toContain(secret);
    expect(stderr).toContain('is blocked: nobody gets a certificate for it');
  });

  test('asks for the beginning of the fingerprint, and --dry-run asks the server only what it would hit', async () => {
    answer();
    const pair = await keyOf('ecdsa-p256', 'leaked');
    const path = join(folder, 'key.pem');
    writeFileSync(path, encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)));
    const fingerprint = toHex(pair.publicKey.fingerprint);
    expect((await revoke(['--leaked-key', path], { typed: 'yes' })).exit).toBe(1);
    expect((await revoke(['--leaked-key', path])).exit).toBe(1);
    expect(paths()).toEqual([]);
    expect((await revoke(['--leaked-key', path], { typed: fingerprint.slice(0, 8) })).exit).toBe(0);
    await revoke(['--leaked-key', path, '--dry-run']);
    expect(server.received.at(-1)).toMatchObject({
      path: '/api/v1/revocations/impact',
      body: { search: { keyFingerprint: fingerprint } },
    });
  });
});
