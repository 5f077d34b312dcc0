/** The completion scripts in the shells themselves. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-completion-'));
  mkdirSync(join(folder, 'about'));
  writeFileSync(join(folder, 'app.pem'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function shell(program: string, ...args: readonly string[]): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(program, args, {
    cwd: folder,
    env: {
      PATH: `${join(import.meta.dirname, '../../bin')}:${process.env['PATH']}`,
      HOME: folder,
      TERM: 'dumb',
    },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['chancery ce', ['cert']],
  ['chancery grant e', ['explain']],
  ['chancery cert issue --key-type=ed', ['--key-type=ed25519']],
  ['chancery cert list -o y', ['yaml']],
];

describe('fish', () => {
  const offered = async (line: string): Promise<string[]> =>
    (
      await shell(
        'fish',
        '--no-config',
        '-c',
        'chancery completion fish | source; complete -C $argv[1]',
        line,
      )
    ).map((answer) => answer.split('\t', 1)[0] ?? '');

  test.each(CASES)('%s', async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  test('knows files from folders', async () => {
    expect(await offered('chancery cert inspect a')).toEqual(['about/', 'app.pem']);
    expect(await offered('chancery cert renew a')).toEqual(['about/']);
  });
});

/** zsh's own part, choosing among words and files, is stood in for: what it is asked for is printed. */
describe('zsh', () => {
  const SCRIPT = `
    compdef() { :; }
    compset() { :; }
    _files() { print -- files "$@"; }
    _describe() { print -l -- "\${(@P)2}"; }
    source <(chancery completion zsh)
    words=("\${(z)1}")
    [[ $1 == *' ' ]] && words+=('')
    CURRENT=$#words
    PREFIX=$words[-1]
    _chancery`;
  const offered = (line: string): Promise<string[]> => shell('zsh', '-f', '-c', SCRIPT, 'zsh', line);

  test.each(CASES)('%s', async (line, words) => {
    expect((await offered(line)).map((answer) => answer.split(':', 1)[0])).toEqual(words);
  });

  test('knows files from folders', async () => {
    expect(await offered('chancery cert inspect a')).toEqual(['files']);
    expect(await offered('chancery cert renew ')).toEqual(['files -/']);
  });
});

/** A person at a terminal: what is typed is completed in place. */
test('bash completes what is typed', async () => {
  const typing = `import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
def read_until(text, seconds=15):
    seen, end = '', time.time() + seconds
    while text not in seen and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]: seen += os.read(fd, 4096).decode()
    return seen
os.write(fd, b"PS1='ready> '; source <(chancery completion bash)\\n")
read_until('\\r\\nready> ')
os.write(fd, b'chancery cer\\tiss\\t--key-type=ed\\t')
seen = read_until('ed25519')
os.close(fd)
print(seen)
`;
  const answer = (await shell('python3', '-c', typing)).join('\n');
  expect(answer).toContain('chancery cert issue --key-type=ed25519');
});
