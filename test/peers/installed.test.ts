/** The package as others get it: packed, installed with npm into an empty folder, run from its compiled code. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../support/free-ports.ts';
import { isReady, pause } from '../support/spawned-server.ts';

const ROOT = join(import.meta.dirname, '../..');
const INSTALLING = 240_000;
/** What packing needs of the repository. */
const SOURCES = [
  'bin',
  'deploy',
  'docs',
  'examples',
  'src',
  'openapi.yaml',
  'package.json',
  'LICENSE',
  'README.md',
];

let folder: string;
let program: string;
let installed: string;
/** As a machine whose own Node is another: only what the package brings. */
const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent' };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-installed-'));
  const source = join(folder, 'source');
  for (const name of [...SOURCES, 'tsconfig.json', 'tsconfig.build.json', '.npmrc'])
    cpSync(join(ROOT, name), join(source, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'));
  const npm = (cwd: string, ...args: readonly string[]): Promise<{ stdout: string }> =>
    promisify(execFile)('npm', args, {
      cwd,
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
      maxBuffer: 16 * 1024 * 1024,
    });
  const { stdout } = await npm(source, 'pack', '--json', '--pack-destination', folder);
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string }[];
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"name": "project", "private": true}');
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await npm(project, 'install', ...options, join(folder, packed?.filename ?? ''));
  installed = join(project, 'node_modules/chancery');
  program = join(project, 'node_modules/.bin/chancery');
}, INSTALLING);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(program, args, { env, cwd: folder })).stdout;

/** Starts it and waits for what it says, or until `ready`. */
async function start(
  args: readonly string[],
  isUp: (output: string) => Promise<boolean>,
): Promise<ChildProcess> {
  const child = spawn(program, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const end = Date.now() + 30_000;
  while (!(await isUp(output))) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`it did not start:\n${output}`);
    await pause(50);
  }
  return child;
}

const stop = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGTERM');
  });

test('the package has compiled code, and neither sources nor tests', () => {
  const found = (path: string): boolean => existsSync(join(installed, path));
  expect(
    ['dist/src/cli.js', 'openapi.yaml', 'LICENSE', 'deploy/systemd/chancery.service'].filter(found),
  ).toHaveLength(4);
  expect(['src', 'test', 'dist/test', 'dist/src/cli.js.map', 'node_modules/.cache'].filter(found)).toEqual(
    [],
  );
});

test('it knows its version and tells its commands', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(await run('--version')).toBe(`${version}\n`);
  expect(await run('--help')).toContain('Usage: chancery');
});

describe('an authority', () => {
  let data: string;
  let server: ChildProcess;
  beforeAll(async () => {
    data = join(folder, 'data');
    const [https, status, metrics] = await freePorts(3);
    const config = join(folder, 'chancery.yaml');
    const listen = `{ https: "127.0.0.1:${https}", status: "127.0.0.1:${status}", metrics: "127.0.0.1:${metrics}" }`;
    writeFileSync(config, `trustDomain: example.test\nlisten: ${listen}\n`);
    await run('init', '--data', data, '--config', config);
    server = await start(['server', '--data', data], () => isReady(status ?? 0));
  }, 60_000);
  afterAll(() => {
    server.kill('SIGKILL');
  });

  test('issues, packs as PKCS#12 in both forms, verifies and lists', async () => {
    const out = join(folder, 'app');
    const p12 = join(out, 'app.p12');
    await run(
      'cert',
      'issue',
      '--data',
      data,
      '--profile',
      'workload',
      '--uri',
      '/app',
      '--out',
      out,
      '--pkcs12',
      p12,
    );
    await run('cert', 'export', out, '--pkcs12', p12, '--pkcs12-legacy');
    const paths = ['--roots', join(out, 'bundle.pem'), '--untrusted', join(out, 'chain.pem')];
    await run('cert', 'verify', join(out, 'cert.pem'), ...paths, '--uri', 'spiffe://example.test/app');
    expect(await run('cert', 'list', '--data', data, '-o', 'json')).toContain('spiffe://example.test/app');
    expect(await run('server', 'config', 'show', '--data', data, '-o', 'yaml')).toContain(
      'trustDomain: example.test',
    );
  });

  test('stops when it is told to', async () => {
    expect(await stop(server)).toBe(0);
  });
});

test('dev starts the two sample services', async () => {
  const data = join(folder, 'dev');
  const dev = await start(['dev', '--data', data], (output) =>
    Promise.resolve(/(?:knows it by[^]*){2}/.test(output)),
  );
  expect(await stop(dev)).toBe(0);
}, 60_000);
