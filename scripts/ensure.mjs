// Sets up node_modules before `npm start` and `npm test`: once per change of package-lock.json, and never otherwise.
// Runs under whatever Node a machine has (18 or newer), before any package is there: built-in modules only.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LOCK = join(ROOT, '.install-lock');
const HEARTBEAT = 1000;
/** A lock that nobody has touched for this long belongs to a process that died. */
const ABANDONED = 10_000;

/** What npm says of a lock file's packages, by path; npm keeps the same list of what it installed. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

/** Whether development packages were left out on purpose, as npm itself decides it. */
function leavesOutDevelopment() {
  const words = (name) => (process.env[name] ?? '').split(/[\s,]+/);
  if (words('npm_config_include').includes('dev')) return false;
  return words('npm_config_omit').includes('dev') || process.env.NODE_ENV === 'production';
}

/** Whether node_modules differs from package-lock.json. Optional packages may be absent, never be other ones. */
function isStale(wanted, installed, withoutDevelopment) {
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const mayBeAbsent = entry.optional || entry.devOptional || (withoutDevelopment && entry.dev);
    if (!(path in installed) ? !mayBeAbsent : installed[path].integrity !== entry.integrity) return true;
  }
  return Object.keys(installed).some((path) => !(path in wanted));
}

const stale = () =>
  isStale(
    packagesOf('package-lock.json'),
    packagesOf('node_modules/.package-lock.json'),
    leavesOutDevelopment(),
  );

function age(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}

/** `true` when the lock is ours now. Making a folder is atomic; so is moving an abandoned one out of the way. */
function takeLock() {
  try {
    mkdirSync(LOCK);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if ((age(LOCK) ?? 0) > ABANDONED) {
    const aside = `${LOCK}-${process.pid}`;
    try {
      renameSync(LOCK, aside);
      rmSync(aside, { recursive: true, force: true });
    } catch {
      // somebody else was faster
    }
  }
  return false;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** `npm ci` by the npm that runs us. No package of ours needs an install script, so none is run. */
function install() {
  const cli = process.env.npm_execpath ?? '';
  const [command, ...before] =
    basename(cli) === 'npm-cli.js' && existsSync(cli) ? [process.execPath, cli] : ['npm'];
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const child = spawn(command, [...before, 'ci', ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const forward = (signal) => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function ensure() {
  if (!existsSync(join(ROOT, 'package-lock.json')) || !stale()) return 0;

  while (!takeLock()) await pause(200);
  const heartbeat = setInterval(() => {
    try {
      utimesSync(LOCK, new Date(), new Date());
    } catch {
      // moved aside while this machine slept: the other one installs the same
    }
  }, HEARTBEAT);
  try {
    if (!stale()) return 0; // whoever held the lock did it
    console.error(
      'Installing the packages of package-lock.json into node_modules (once per change of that file).',
    );
    const code = await install();
    if (code !== 0)
      console.error('npm ci did not succeed; its message is above. Is the package registry reachable?');
    return code;
  } finally {
    clearInterval(heartbeat);
    rmSync(LOCK, { recursive: true, force: true });
  }
}

process.exitCode = await ensure();
