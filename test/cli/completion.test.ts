import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { afterBreak, splitLine } from '../../src/cli/completion/line.ts';
import { NOUNS } from '../../src/cli/nouns.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, temporaryFolder } from './run.ts';

const BIN = join(import.meta.dirname, '../../bin');

let server: FakeServer;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.received.length = 0;
  server.routes.clear();
});

/** The words that follow; the last argument is the one being typed. */
async function after(...words: readonly string[]): Promise<string[]> {
  const { exit, stdout, stderr } = await chancery(['__complete', 'zsh', ...words]);
  expect([exit, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t', 1)[0] ?? '');
}

describe('what can follow', () => {
  test.each<[string[], string[]]>([
    [[''], NOUNS.map(({ name }) => name)],
    [['c'], ['cert', 'ca', 'completion']],
    [
      ['grant', ''],
      ['list', 'show', 'create', 'replace', 'delete', 'explain'],
    ],
    [['--data', 'D', 'grant', 'e'], ['explain']],
    [['server', 'config', 's'], ['show']],
    [
      ['cert', 'issue', '--key-type', ''],
      ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096'],
    ],
    [
      ['cert', 'issue', '--key-type=r'],
      ['rsa-2048', 'rsa-3072', 'rsa-4096'].map((word) => `--key-type=${word}`),
    ],
    [['cert', 'list', '-o', 'j'], ['json']],
    [['cert', 'issue', '--tt'], ['--ttl']],
    [['cert', 'issue', '--tt', 'x', '--ttl', '1h', '--tt'], []],
    [['cert', 'issue', '--dns', 'a', '--dn'], ['--dns']],
    [['cert', 'issue', '--out', ''], [':folders']],
    [['cert', 'issue', '--out=x'], [':folders']],
    [['cert', 'issue', '--token-file', ''], [':files']],
    [['cert', 'lint', '--issuer', ''], [':files']],
    [['cert', 'inspect', ''], [':files']],
    [['cert', 'inspect', 'x', '--o'], ['--output']],
    [['cert', 'renew', ''], [':folders']],
    [['cert', 'renew', '--', '-'], [':folders']],
    [['cert', 'issue', '--dns', ''], []],
    [['xyzzy', ''], []],
    [['cert', 'xyzzy', ''], []],
  ])('%j: %j', async (words, expected) => {
    expect(await after(...words)).toEqual(expected);
  });

  test('what is hidden is not offered', async () => {
    expect(await after('--')).not.toContain('--data');
    expect(await after('')).not.toContain('__complete');
  });

  test('names come from the server that the line names', async () => {
    const data = await server.dataFolder(join(temporaryFolder(), 'data'));
    server
      .on('GET /api/v1/profiles', {
        status: 200,
        body: { profiles: [{ name: 'web' }, { name: 'workload' }] },
      })
      .on('GET /api/v1/tokens', { status: 200, body: { tokens: [{ id: 't1' }] } })
      .on('GET /api/v1/roots', { status: 200, body: { roots: [{ name: 'internal' }] } });
    expect(await after('cert', 'issue', '--data', data, '--profile', 'we')).toEqual(['web']);
    expect(await after('cert', 'issue', '--data', data, '--profile=we')).toEqual(['--profile=web']);
    expect(await after('token', 'revoke', '--data', data, '')).toEqual(['t1']);
    expect(await after('ca', 'print', '--data', data, '')).toEqual(['internal']);
  });

  test('managed certificates and public CAs by their names', async () => {
    const data = await server.dataFolder(join(temporaryFolder(), 'data'));
    server
      .on('GET /api/v1/managed', { status: 200, body: { managed: [{ name: 'shop' }, { name: 'web' }] } })
      .on('GET /api/v1/authorities', { status: 200, body: { authorities: [{ name: 'letsencrypt' }] } });
    expect(await after('managed', 'renew', '--data', data, 's')).toEqual(['shop']);
    expect(await after('target', 'test', '--data', data, '')).toEqual(['shop', 'web']);
    expect(await after('authority', 'test', '--data', data, '')).toEqual(['letsencrypt']);
    expect(await after('apply', '--data', data, '-f', '')).toEqual([':files']);
  });

  test('a name that is made is not looked up', async () => {
    const data = await server.dataFolder(join(temporaryFolder(), 'data'));
    expect(await after('grant', 'create', '--data', data, '')).toEqual([]);
    expect(server.received).toEqual([]);
  });

  test.each([
    ['refuses', { status: 403, body: {} }],
    ['answers something else', { status: 200, body: { profiles: 'x' } }],
  ])('a server that %s makes no noise', async (_what, reply) => {
    const data = await server.dataFolder(join(temporaryFolder(), 'data'));
    server.on('GET /api/v1/profiles', reply);
    expect(await after('profile', 'show', '--data', data, '')).toEqual([]);
  });

  test('a server that says nothing costs a second', async () => {
    const silent = await new Promise<Server>((resolve) => {
      const listening = createServer(() => undefined).listen(0, '127.0.0.1', () => resolve(listening));
    });
    try {
      const { port } = silent.address() as AddressInfo;
      const start = performance.now();
      expect(await after('profile', 'show', '--server', `https://127.0.0.1:${port}`, '')).toEqual([]);
      expect(performance.now() - start).toBeLessThan(4000);
    } finally {
      silent.close();
    }
  });

  test("contexts are the user's own", async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, '.config/chancery'), { recursive: true });
    writeFileSync(
      join(home, '.config/chancery/config.yaml'),
      'contexts:\n  prod: { server: "https://ca.example.test" }\n  staging: { data: x }\n',
    );
    const { stdout } = await chancery(['__complete', 'fish', 'cert', 'list', '--context', 'p'], {
      environment: { HOME: home },
    });
    expect(stdout).toBe('prod\t\n');
  });
});

describe('a line of bash', () => {
  test.each<[string, string[]]>([
    ['chancery ', ['']],
    ['chancery cert is', ['cert', 'is']],
    ['chancery  cert  issue ', ['cert', 'issue', '']],
    [`chancery 'a b' "c \\" d" e\\ f`, ['a b', 'c " d', 'e f']],
    ['chancery "open quo', ['open quo']],
    ["chancery '' x", ['', 'x']],
  ])('%j is %j', (line, words) => {
    expect(splitLine(line)).toEqual(words);
  });

  test.each([
    ['builtin:admin', 'builtin:a', 'admin'],
    ['builtin:admin', 'built', 'builtin:admin'],
    ['--profile=web', '--profile=', 'web'],
  ])('%j after %j is completed by %j', (candidate, typed, rest) => {
    expect(afterBreak(candidate, typed, ' \t\n"\'><=;|&(:')).toBe(rest);
  });
});

describe('the script for bash', () => {
  /** What bash offers for a line: COMP_WORDS as bash itself splits them. */
  async function offered(line: string, cwd: string): Promise<string[]> {
    const script = `
      source <(chancery completion bash)
      complete -p chancery >&2
      COMP_LINE=$1 COMP_POINT=\${#1}
      compopt() { :; }
      _chancery chancery "\${1##*[ =:]}" ''
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script, 'bash', line], {
      cwd,
      env: { PATH: `${BIN}:${process.env['PATH']}`, HOME: '/nonexistent' },
    });
    expect(stderr).toBe('complete -F _chancery chancery\n');
    return stdout.split('\n').filter((word) => word !== '');
  }

  test.each([
    ['chancery ce', ['cert']],
    ['chancery cert --he', ['--help']],
    ['chancery cert issue --key-type=ed', ['ed25519']],
    ['chancery cert inspect a', ['a b.pem', 'about']],
    ['chancery cert renew a', ['about']],
    ['chancery cert renew --pkcs12=a', ['a b.pem', 'about']],
    ['chancery xyzzy ', []],
  ])('%s', async (line, words) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a b.pem'), '');
    mkdirSync(join(folder, 'about'));
    expect(await offered(line, folder)).toEqual(words);
  });
});
