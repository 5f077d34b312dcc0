/** The command as a process: what a shell, a pipe and a missing terminal make of it. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NOUNS } from '../../src/cli/nouns.ts';
import { FakeServer } from './fake-server.ts';
import { chancery, type Outcome, temporaryFolder } from './run.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/chancery');

let server: FakeServer;
beforeAll(async () => {
  server = await FakeServer.start();
});
afterAll(() => server.stop());

/** Runs a line of a POSIX shell in which $chancery is the program. */
function shell(line: string): Promise<Outcome> {
  const child = spawn('sh', ['-c', line], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', chancery: PROGRAM },
    stdio: ['pipe', 'pipe', 'pipe'], // stdin stays open and silent: who waits for it hangs
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => (text[name] += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ exit: code ?? -1, ...text })));
}

describe('help', () => {
  test('without arguments and with --help: every noun by topic, on stdout', async () => {
    const [bare, asked, help] = [await chancery([]), await chancery(['--help']), await chancery(['help'])];
    expect(bare).toEqual(asked);
    expect(help).toEqual(asked);
    expect([asked.exit, asked.stderr]).toEqual([0, '']);
    for (const { name, summary, topic } of NOUNS) {
      expect(asked.stdout).toContain(`\n${topic}\n`);
      expect(asked.stdout).toMatch(new RegExp(`\\n {2}${name} +${summary}\\n`));
    }
  });

  test.each([
    ['cert', ['issue', 'sign', 'renew', 'list', 'show', 'inspect', 'verify', 'lint']],
    ['ca', ['list', 'show', 'print']],
    ['issuer', ['list', 'show']],
    ['profile', ['list', 'show']],
    ['grant', ['list', 'show', 'create', 'delete', 'explain']],
    ['audit', ['list', 'export', 'verify', 'head']],
  ])('%s tells its verbs, and each verb its options', async (noun, verbs) => {
    const { exit, stdout } = await chancery([noun, '--help']);
    expect(exit).toBe(0);
    for (const verb of verbs) {
      expect(stdout).toMatch(new RegExp(`\\n {2}${verb}[ \\n]`));
      const help = await chancery([noun, verb, '--help']);
      expect([help.exit, help.stderr]).toEqual([0, '']);
      expect(help.stdout).toContain(`Usage: chancery ${noun} ${verb} [options]`);
      expect(await chancery(['help', noun, verb])).toEqual(help);
    }
  });

  test('a noun alone shows its verbs on stderr, exit 1', async () => {
    const { exit, stdout, stderr } = await chancery(['cert']);
    expect([exit, stdout]).toEqual([1, '']);
    expect(stderr).toContain('Usage: chancery cert');
  });

  test.each([
    [['crt', 'list'], "error: unknown command 'crt'\nfix: did you mean cert?\n"],
    [['cert', 'isue'], "error: unknown command 'isue'\nfix: did you mean issue?\n"],
    [['cert', 'list', '--stat', 'valid'], "error: unknown option '--stat'\nfix: did you mean --state?\n"],
    [['xyzzy'], "error: unknown command 'xyzzy'\nfix: see `chancery --help`\n"],
    [['cert', 'show'], "error: missing required argument 'serial'\nfix: see `chancery cert show --help`\n"],
    [
      ['cert', 'issue', '--profile', 'x'],
      "error: required option '--out <dir>' not specified\nfix: see `chancery cert issue --help`\n",
    ],
    [['cert', 'resurrect', 'x'], "error: unknown command 'resurrect'\nfix: see `chancery cert --help`\n"],
  ])('%j is a usage error', async (args, stderr) => {
    expect(await chancery(args)).toEqual({
      exit: 1,
      stdout: '',
      stderr,
    });
  });

  test.each([[['--version']], [['-V']], [['version', '-o', 'name']]])(
    '%j prints the version',
    async (args) => {
      expect(await chancery(args)).toMatchObject({
        exit: 0,
        stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      });
    },
  );
});

describe('as a process', () => {
  test('exit codes reach the shell, talk and data their streams', async () => {
    expect(await shell('$chancery xyzzy')).toMatchObject({ exit: 1, stdout: '' });
    expect(await shell('$chancery --version')).toMatchObject({ exit: 0, stderr: '' });
  });

  test.each([
    ['stdin closed', 'cert list --data D <&-'],
    ['stdin open and silent', 'cert issue --data D --profile workload --uri /app --out D/out'],
    ['no terminal and nothing given', 'cert issue </dev/null'],
    [
      'stdin closed where a request is read from it',
      'cert sign --data D --profile server --csr - --out D/out <&-',
    ],
  ])('%s: never hangs', async (_, line) => {
    server.on('GET /api/v1/certificates', { status: 200, body: { certificates: [] } });
    server.on('POST /api/v1/certificates', server.signing);
    const data = await server.dataFolder(temporaryFolder());
    const started = performance.now();
    const { exit } = await shell(`$chancery ${line.replaceAll('D', data)}`);
    expect([0, 1]).toContain(exit);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('a reader that has enough ends it silently', async () => {
    const line = JSON.stringify({ type: 'entry', text: 'x'.repeat(1000) });
    server.on('GET /api/v1/audit/export', { status: 200, body: `${line}\n`.repeat(5000) });
    const data = await server.dataFolder(temporaryFolder());
    const { stdout, stderr } = await shell(`$chancery audit export --data ${data} | head -n 1`);
    expect([stdout, stderr]).toEqual([`${line}\n`, '']);
  });
});

test.skipIf(!existsSync('/dev/full'))('a full disk behind stdout is told, exit 1', async () => {
  const { exit, stderr } = await shell('$chancery --help > /dev/full');
  expect(exit).toBe(1);
  expect(stderr).toMatch(/^error: cannot write to stdout: .*ENOSPC/);
});

describe('what is loaded', () => {
  /** The modules that a command line loads. */
  async function modulesOf(line: string): Promise<string[]> {
    const folder = temporaryFolder();
    const [spy, log] = [join(folder, 'spy.mjs'), join(folder, 'log')];
    writeFileSync(log, '');
    writeFileSync(
      spy,
      `import { appendFileSync } from 'node:fs';
       import { registerHooks } from 'node:module';
       registerHooks({ load(url, context, next) {
         appendFileSync(${JSON.stringify(log)}, url + '\\n');
         return next(url, context);
       } });`,
    );
    const { exit } = await shell(`NODE_OPTIONS=--import=${spy} $chancery ${line}`);
    expect(exit).toBe(0);
    return readFileSync(log, 'utf8').split('\n');
  }

  test('help loads the noun that was typed and nothing that speaks, decides or parses', async () => {
    const loaded = await modulesOf('cert --help');
    expect(loaded.filter((url) => url.endsWith('/src/cli/cert.ts'))).toHaveLength(1);
    const heavy =
      /zod|node_modules\/yaml|node:(?:https|crypto)|\/src\/(?:server|http|db|domain|x509)|cli\/(?:grant|audit)\.ts/;
    expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
  });

  test('a client verb loads neither the server nor zod nor a YAML parser', async () => {
    server.on('GET /api/v1/roots', { status: 200, body: { roots: [] } });
    const data = await server.dataFolder(temporaryFolder());
    const loaded = await modulesOf(`ca list --data ${data}`);
    expect(loaded.filter((url) => url.endsWith('/src/cli/client.ts'))).toHaveLength(1);
    expect(
      loaded.filter((url) => /zod|node_modules\/yaml|express|\/src\/(?:server|http|db|api)/.test(url)),
    ).toEqual([]);
  });
});
