import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CertificateSummary } from '../../src/api/certificates.ts';
import { readSerial } from '../../src/cli/cert/serial.ts';
import { refusalOf } from '../support/errors.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
let data: string;
beforeAll(async () => {
  server = await FakeServer.start();
  server.on('GET /api/v1/certificates', ({ path }) => ({ status: 200, body: page(path) }));
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  data = await server.dataFolder(temporaryFolder());
});

const summary = (serial: string): CertificateSummary => ({
  serial,
  fingerprint: 'ab'.repeat(32),
  issuer: 'workload',
  generation: 'workload-1',
  profile: 'workload',
  principal: 'mtls:clients:spiffe://example.test/ops/ann',
  rule: 'ops',
  names: { uri: ['spiffe://example.test/app'], dns: ['app.example.test', 'www.example.test'] },
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-01-01T01:00:00Z',
  issuedAt: '2026-01-01T00:00:00Z',
  state: 'valid',
  keyFingerprint: 'cd'.repeat(32),
});

/** 1,200 certificates in pages as large as is asked for. */
function page(path: string): object {
  const query = new URL(path, 'https://x.test').searchParams;
  const [from, limit] = [Number(query.get('cursor') ?? 0), Number(query.get('limit') ?? 100)];
  const end = Math.min(1200, from + limit);
  const certificates = Array.from({ length: end - from }, (_, i) =>
    summary((from + i + 0x1000).toString(16)),
  );
  return end < 1200 ? { certificates, cursor: String(end) } : { certificates };
}

const list = (...more: string[]): Promise<Outcome> =>
  chancery(['cert', 'list', '--data', data, ...more], { now: Date.parse('2026-01-01T00:00:00Z') });
const asked = (): Record<string, string>[] =>
  server.received
    .filter(({ path }) => path.startsWith('/api/v1/certificates'))
    .map(({ path }) => Object.fromEntries(new URL(path, 'https://x.test').searchParams));

describe('cert list', () => {
  test('asks for owner, label and fingerprints as the API takes them', async () => {
    const hex = 'AB:'.repeat(31) + 'CD';
    const { exit } = await list(
      ...['--owner', 'shop team', '--label', 'env=a=b:c', '--key-fingerprint', hex, '--limit', '1'],
    );
    const keyFingerprint = 'ab'.repeat(31) + 'cd';
    expect([exit, asked()]).toEqual([
      0,
      [{ owner: 'shop team', label: 'env:a=b:c', keyFingerprint, limit: '1' }],
    ]);
  });

  test.each(['env', '=x', 'Env=x', 'a:b=x'])('the label %s is a usage error', async (label) => {
    const { exit, stderr } = await list('--label', label);
    expect([exit, server.received.length]).toEqual([1, 0]);
    expect(stderr).toContain('key=value');
  });

  test('shows the SPIFFE ID first and how many names follow', async () => {
    const { stdout, stderr } = await list('--limit', '1');
    expect(stdout.split('\n')[1]).toBe(
      'spiffe://example.test/app +2  workload  workload-1  valid  in 1h    1000',
    );
    expect(stderr).toContain('there are more: add --all, or --cursor 1\n');
  });

  test('filters become the query', async () => {
    await list(
      ...['--name', 'a&b=c', '--serial', '0A:FF', '--fingerprint', 'AB:CD', '--issuer', 'workload'],
      ...[
        '--profile',
        'workload',
        '--principal',
        'mtls:x',
        '--state',
        'expired',
        '--limit',
        '7',
        '--cursor',
        'x+y',
      ],
      ...['--expires-before', '7d'],
    );
    expect(asked()).toEqual([
      {
        name: 'a&b=c',
        serial: '0aff',
        fingerprint: 'abcd',
        issuer: 'workload',
        profile: 'workload',
        principal: 'mtls:x',
        state: 'expired',
        limit: '7',
        cursor: 'x+y',
        expiresBefore: '2026-01-08T00:00:00Z',
      },
    ]);
  });

  test('--all follows the cursors to the end', async () => {
    const { stdout } = await list('--all', '-o', 'json');
    const found = JSON.parse(stdout) as { certificates: CertificateSummary[]; cursor?: string };
    expect([found.certificates.length, found.cursor]).toEqual([1200, undefined]);
    expect(new Set(found.certificates.map(({ serial }) => serial)).size).toBe(1200);
    expect(asked().map(({ cursor }) => cursor)).toEqual([undefined, '500', '1000']);
  });

  test('--all with --limit stops there', async () => {
    const { stdout, stderr } = await list('--all', '--limit', '600', '-o', 'name');
    expect(stdout.split('\n').length - 1).toBe(600);
    expect(stderr).toContain('--cursor 600');
  });

  test.each([
    ['a state that is none', ['--state', 'lost']],
    ['a limit of nothing', ['--limit', '0']],
    ['a serial number that is none', ['--serial', 'xyz']],
    ['a time that is none', ['--expires-before', 'tomorrow']],
  ])('%s is a usage error', async (_, more) => {
    expect([(await list(...more)).exit, server.received.length]).toEqual([1, 0]);
  });
});

describe('cert show', () => {
  test('asks for the serial number as the API writes it', async () => {
    const body = { ...summary('4fa2'), certificate: 'PEM', chain: [], roots: [] };
    server.on('GET /api/v1/certificates/4fa2', { status: 200, body });
    const { stdout } = await chancery(['cert', 'show', '4F:A2', '--data', data, '-o', 'json']);
    expect(JSON.parse(stdout)).toEqual(body);
    const sheet = await chancery(['cert', 'show', '0x4fA2', '--data', data]);
    expect(sheet.stdout).toMatch(/^spiffe:\/\/example\.test\/app\n {2}also +app\.example\.test\n/);
  });

  test.each([
    ['4F:A2:01', '4fa201'],
    ['0x4fa2', '4fa2'],
    ['4f a2', '4fa2'],
    ['00:FF:01', 'ff01'],
    ['0001', '0001'],
  ])('%s is %s', (text, serial) => {
    expect(readSerial(text)).toBe(serial);
  });

  test.each(['', '4', '4fa', 'zz', '4f-a2', '00'.repeat(21), '../roots'])(
    '%o is no serial number',
    (text) => {
      expect(refusalOf(() => readSerial(text)).code).toBe('usage');
    },
  );
});
