// How a peer (somebody else's program that a test runs against) comes to this machine: apt, pip or the Go proxy.
// What is not a Debian package lives in one folder of the user's cache, outside of the repository.
import { existsSync, globSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run } from './checks.mjs';

const MINUTE = 60_000;
const HOME = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'chancery-peers');
const PYTHON = join(HOME, 'python');

/** Programs that were installed here come first, then the machine's own. */
process.env.PATH = [
  join(HOME, 'bin'),
  join(PYTHON, 'bin'),
  process.env.PATH ?? '',
  '/usr/sbin',
  '/sbin',
].join(delimiter);

/** Whether the PATH leads to a program. */
export const onPath = (program) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, program)));

const asRoot = (command) => (process.getuid?.() === 0 ? command : ['sudo', '-n', ...command]);

async function must(command, deadline, env = {}) {
  const { ok, output } = await run(command[0], command.slice(1), { deadline, env });
  if (!ok) throw new Error(`${command.join(' ')}: ${output.trim().split('\n').slice(-5).join('\n')}`);
}

let listsAreFresh = false;

/** Debian packages, by name. */
export async function apt(...packages) {
  const install = asRoot(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages]);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await must(install, 5 * MINUTE, env);
  } catch (error) {
    if (listsAreFresh) throw error;
    await must(asRoot(['apt-get', 'update', '-q']), 3 * MINUTE);
    listsAreFresh = true;
    await must(install, 5 * MINUTE, env);
  }
}

/** A program from the Go module proxy: `example.org/module/cmd/name@v1.2.3`. */
export async function go(module) {
  if (!onPath('go')) process.env.PATH += `${delimiter}/usr/local/go/bin`;
  if (!onPath('go')) await apt('golang-go');
  await must(['go', 'install', module], 9 * MINUTE, { GOBIN: join(HOME, 'bin'), GOFLAGS: '' });
}

/** Packages of PyPI with their programs, in an environment of their own. */
export async function pip(...packages) {
  if (!existsSync(join(PYTHON, 'bin/pip'))) {
    try {
      await must(['python3', '-m', 'venv', PYTHON], 2 * MINUTE);
    } catch {
      await apt('python3-venv');
      await must(['python3', '-m', 'venv', '--clear', PYTHON], 2 * MINUTE);
    }
  }
  await must(
    [join(PYTHON, 'bin/pip'), 'install', '-q', '--disable-pip-version-check', ...packages],
    9 * MINUTE,
  );
}

/** Where `pip` put a package, `undefined` before it did. */
export const pythonPackage = (name) => globSync(join(PYTHON, 'lib/python3*/site-packages', name))[0];
