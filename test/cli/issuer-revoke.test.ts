/** `issuer revoke`: nothing happens unless somebody meant it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GenerationImpact, GenerationResource } from '../../src/api/authority.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, type Circumstances, type Outcome, temporaryFolder } from './run.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const IMPACT: GenerationImpact = {
  generation: 'clients-1',
  root: 'internal',
  offline: false,
  living: 12,
  latestNotAfter: '2026-06-02T12:00:00Z',
  logins: true,
};
const REVOKED: GenerationResource = {
  id: 'clients-1',
  root: 'internal',
  state: 'current',
  revokedAt: '2026-06-01T12:00:00Z',
  subject: 'CN=Chancery clients-1,O=example.test',
  serial: '4fa20b',
  fingerprint: 'ab'.repeat(32),
  subjectKeyIdentifier: 'cd'.repeat(20),
  keyType: 'ecdsa-p256',
  notBefore: '2026-05-01T12:00:00Z',
  notAfter: '2027-05-01T12:00:00Z',
  permitted: [],
  excluded: [],
  shards: 4,
  certificate: '-----BEGIN CERTIFICATE-----\n',
};

let server: FakeServer;
let data: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  data = await server.dataFolder(temporaryFolder());
  server.on('GET /api/v1/generations/clients-1/impact', { status: 200, body: IMPACT });
  server.on('POST /api/v1/generations/clients-1/revoke', { status: 200, body: REVOKED });
});

const revoke = (args: readonly string[], circumstances: Circumstances = {}): Promise<Outcome> =>
  chancery(['issuer', 'revoke', 'clients-1', ...args, '--data', data], { now: NOW, ...circumstances });
const paths = (): string[] => server.received.map(({ path }) => path);
const REASON = ['--reason', 'cACompromise'];

describe('without a person and without --yes', () => {
  test('nothing is asked, nothing happens: exit 1', async () => {
    const { exit, stderr } = await revoke(REASON);
    expect([exit, paths()]).toEqual([1, []]);
    expect(stderr).toContain('--yes');
  });

  test('--yes revokes at once and says what comes next', async () => {
    const { exit, stdout, stderr } = await revoke([...REASON, '--yes']);
    expect([exit, paths()]).toEqual([0, ['/api/v1/generations/clients-1/revoke']]);
    expect(stdout).toContain('clients-1 is revoked');
    expect(stdout).toContain('chancery issuer show clients');
    expect(stderr).toContain('revoking at ');
  });

  test('--dry-run shows how many it hits, and that whoever asks is among them', async () => {
    const { exit, stdout, stderr } = await revoke(['--dry-run']);
    expect([exit, paths()]).toEqual([0, ['/api/v1/generations/clients-1/impact']]);
    expect(stdout).toMatch(/living certificates +12/);
    expect(stderr).toContain('12 living certificates of clients-1: nobody accepts them');
    expect(stderr).toContain('you too');
  });

  test('a reason is needed, and one of the three', async () => {
    for (const args of [['--yes'], ['--yes', '--reason', 'keyCompromise']]) {
      const { exit, stderr } = await revoke(args);
      expect(exit).not.toBe(0);
      expect(stderr).toContain('cACompromise');
    }
    expect(paths()).toEqual([]);
  });
});

describe('at a terminal', () => {
  test('the name is typed, after what it hits was shown', async () => {
    const { exit, stderr } = await revoke(REASON, { terminal: true, typed: 'clients-1' });
    expect(exit).toBe(0);
    expect(paths()).toEqual(['/api/v1/generations/clients-1/impact', '/api/v1/generations/clients-1/revoke']);
    expect(stderr).toContain('Type clients-1 to revoke it and the 12 below it for ever');
  });

  test('anything else leaves all as it is', async () => {
    const { exit } = await revoke(REASON, { terminal: true, typed: 'clients' });
    expect([exit, paths()]).toEqual([1, ['/api/v1/generations/clients-1/impact']]);
  });
});
