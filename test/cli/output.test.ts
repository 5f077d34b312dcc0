import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { alignColumns, relativeTime } from '../../src/cli/output.ts';
import { FakeServer, problem } from './fake-server.ts';
import { chancery, type Circumstances, type Outcome, temporaryFolder } from './run.ts';

const root = {
  name: 'internal',
  line: 'internal',
  state: 'current',
  offline: false,
  subject: 'CN=Internal,O=example.test',
  fingerprint: 'ab'.repeat(32),
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-01-31T00:00:00Z',
  keyType: 'ecdsa-p384',
  certificate: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
};
const ANSI = '\u001b[';

let server: FakeServer;
let data: string;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  data = await server.dataFolder(temporaryFolder());
  server.on('GET /api/v1/roots', { status: 200, body: { roots: [root] } });
  server.on('GET /api/v1/roots/internal', { status: 200, body: root });
});

const now = Date.parse('2026-01-24T00:00:00Z');
const run = (line: string, circumstances: Circumstances = {}): Promise<Outcome> =>
  chancery([...line.split(' '), '--data', data], { now: Date.now(), ...circumstances });

describe('output modes', () => {
  test('table: aligned columns, nothing trailing', async () => {
    const { stdout, stderr } = await run('ca list', { now });
    expect(stdout).toBe(
      `NAME      SUBJECT                     STATE    KEY         EXPIRES  FINGERPRINT\n` +
        `internal  CN=Internal,O=example.test  current  ecdsa-p384  in 7d    ${root.fingerprint}\n`,
    );
    expect(stderr).not.toContain('error');
  });

  test.each([
    ['json', (text: string): unknown => JSON.parse(text)],
    ['yaml', (text: string): unknown => parse(text)],
  ])('%s is the resource of the API', async (mode, read) => {
    expect(read((await run(`ca list -o ${mode}`)).stdout)).toEqual({ roots: [root] });
    expect(read((await run(`ca show internal -o ${mode}`)).stdout)).toEqual(root);
  });

  test('wide has columns that the table leaves out', async () => {
    expect((await run('ca list')).stdout).not.toContain('NOT AFTER');
    expect((await run('ca list -o wide')).stdout).toContain('NOT AFTER');
  });

  test('name prints one name a line', async () => {
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [root, { ...root, name: 'workload' }] } });
    expect((await run('ca list -o name')).stdout).toBe('internal\nworkload\n');
  });

  test('an empty list says so on stderr and leaves stdout empty; JSON stays JSON', async () => {
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
    expect(await run('ca list')).toEqual({ exit: 0, stdout: '', stderr: 'there is no root\n' });
    expect(JSON.parse((await run('ca list -o json')).stdout)).toEqual({ roots: [] });
  });

  test('another mode is refused with those that there are', async () => {
    const { exit, stderr } = await run('ca list -o xml');
    expect(exit).toBe(1);
    expect(stderr).toContain('allowed choices are table, wide, json, yaml, name');
  });
});

test.each([
  ['after the verb', ['ca', 'list', '--data', 'D']],
  ['before the noun', ['--data', 'D', 'ca', 'list']],
  ['with an equals sign', ['ca', 'list', '--data=D']],
])('the data folder can be named %s', async (_, args) => {
  const line = args.map((word) => word.replace('D', data));
  expect(await chancery([...line, '-o', 'name'])).toEqual({ exit: 0, stdout: 'internal\n', stderr: '' });
});

describe('colour', () => {
  test.each([
    ['on a terminal', { terminal: true }, true],
    ['into a pipe', { terminal: false }, false],
    ['with NO_COLOR', { terminal: true, environment: { NO_COLOR: '1' } }, false],
    ['with an empty NO_COLOR, which says nothing', { terminal: true, environment: { NO_COLOR: '' } }, true],
    ['on a dumb terminal', { terminal: true, environment: { TERM: 'dumb' } }, false],
  ])('%s', async (_, circumstances, coloured) => {
    expect((await run('ca list', circumstances)).stdout.includes(ANSI)).toBe(coloured);
    server.on('GET /api/v1/roots', problem(403, 'not_granted', 'no'));
    expect((await run('ca list', circumstances)).stderr.includes(ANSI)).toBe(coloured);
  });

  test('is never in JSON, YAML and names', async () => {
    for (const mode of ['json', 'yaml', 'name'])
      expect((await run(`ca list -o ${mode}`, { terminal: true })).stdout).not.toContain(ANSI);
  });
});

test('what others named cannot steer the terminal', async () => {
  const name = 'a\u001b[2Jb\r\u009bc\u202ed';
  server.on('GET /api/v1/roots', { status: 200, body: { roots: [{ ...root, name }] } });
  for (const mode of ['table', 'wide', 'name']) {
    const { stdout } = await run(`ca list -o ${mode}`);
    expect(stdout).toContain('a\\u001b[2Jb\\u000d\\u009bc\\u202ed');
  }
  server.on('GET /api/v1/roots', problem(403, 'not_granted', `no ${name}`));
  expect((await run('ca list')).stderr).not.toContain('\u001b');
});

test('columns are as wide as their widest cell', () => {
  expect(
    alignColumns([
      ['a', 'bb'],
      ['ccc', 'd'],
      ['', 'e'],
    ]),
  ).toEqual(['a    bb', 'ccc  d', '     e']);
});

test.each([
  ['2026-01-24T00:59:58Z', 'in 59m58s'],
  ['2026-01-23T21:00:00Z', '3h ago'],
  ['2036-01-24T05:00:00Z', 'in 3652d'],
  ['never', 'never'],
])('%s is %s', (time, text) => {
  expect(relativeTime(time, now)).toBe(text);
});
