import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { FakeServer, problem } from './fake-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

let server: FakeServer;
let data: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  server.received.length = 0;
  data = await server.dataFolder(temporaryFolder());
});

const audit = (...args: string[]): Promise<Outcome> => chancery(['audit', ...args, '--data', data]);
const LOG = `{"type":"entry"}\n`.repeat(20_000);

test('export writes what comes, octet by octet, and nothing else to stdout', async () => {
  server.on('GET /api/v1/audit/export', { status: 200, body: LOG });
  expect(await audit('export')).toEqual({ exit: 0, stdout: LOG, stderr: '' });
});

test('export --out: a file for its owner alone, whole or not at all', async () => {
  server.on('GET /api/v1/audit/export', { status: 200, body: LOG });
  const out = join(data, 'log.jsonl');
  const { exit, stdout, stderr } = await audit('export', '--out', out);
  expect([exit, stdout]).toEqual([0, '']);
  expect(stderr).toContain(`audit verify ${out} --key ${data}/audit.pub`);
  expect([readFileSync(out, 'utf8') === LOG, statSync(out).mode & 0o777]).toEqual([true, 0o600]);
});

test('an export that breaks off is unreachable, exit 5, and leaves no file', async () => {
  server.on('GET /api/v1/audit/export', { status: 200, body: LOG, breakOff: true });
  const before = readdirSync(data);
  const { exit, stderr } = await audit('export', '--out', join(data, 'log.jsonl'));
  expect([exit, readdirSync(data)]).toEqual([5, before]);
  expect(stderr).toContain('the connection was closed before an answer came');
  expect((await audit('export')).exit).toBe(5);
});

test('a refused export leaves no file', async () => {
  server.on('GET /api/v1/audit/export', problem(403, 'not_granted', 'no'));
  const out = join(data, 'log.jsonl');
  expect([(await audit('export', '--out', out)).exit, existsSync(out)]).toEqual([3, false]);
});

test('a place that cannot be written is a usage error', async () => {
  server.on('GET /api/v1/audit/export', { status: 200, body: LOG });
  const { exit, stderr } = await audit('export', '--out', '/nonexistent/log.jsonl');
  expect(exit).toBe(1);
  expect(stderr).toContain('cannot write /nonexistent/log.jsonl: there is no such');
});

test('list pages by sequence number', async () => {
  const entry = {
    sequence: 7,
    hash: 'ab',
    time: '2026-01-01T00:00:00Z',
    event: 'certificate.issued',
    outcome: 'allowed',
    principal: 'mtls:clients:spiffe://example.test/ops/ann',
    door: 'rest',
    requestId: 'r',
    details: { serial: '4fa2' },
  };
  server.on('GET /api/v1/audit', { status: 200, body: { entries: [entry], next: 8 } });
  const { stdout, stderr } = await audit('list', '--from', '7', '--limit', '1');
  expect(server.received[0]?.path).toBe('/api/v1/audit?from=7&limit=1');
  expect(stdout).toMatch(/\n7 +2026-01-01T00:00:00Z +certificate\.issued +allowed +mtls:clients:/);
  expect(stderr).toBe('there are more: --from 8\n');
  expect((await audit('list', '-o', 'wide')).stdout).toContain('{"serial":"4fa2"}');
});

test('head prints a signed head, as JSON for keeping', async () => {
  const head = { sequence: 7, hash: 'ab', time: '2026-01-01T00:00:00Z', keyId: 'cd', signature: 'ef==' };
  server.on('POST /api/v1/audit/head', { status: 200, body: head });
  expect(JSON.parse((await audit('head', '-o', 'json')).stdout)).toEqual(head);
});
