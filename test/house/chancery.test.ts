import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY, temporaryFolder } from './temporary-folder.ts';

const BUNDLED = `node-linux-${process.arch}/bin/node`;

/** A Node that says what it was asked to run, one argument a line. */
const pretend = (name: string, version = 'v24.0.0'): string => `#!/bin/sh
[ "$1" = --version ] && { echo ${version}; exit; }
echo "${name}"
echo "cache $NODE_COMPILE_CACHE"
echo "pid $$"
for argument; do echo "$argument"; done
exit 7
`;

interface Package {
  readonly folder: string;
  readonly add: (path: string, content?: string) => void;
}

/** A package with bin/chancery and nothing else, at a path with a blank. */
function packageAt(folder: string): Package {
  const add = (path: string, content = ''): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: 0o755 });
  };
  mkdirSync(join(folder, 'bin'), { recursive: true });
  copyFileSync(join(REPOSITORY, 'bin/chancery'), join(folder, 'bin/chancery'));
  chmodSync(join(folder, 'bin/chancery'), 0o755);
  return { folder, add };
}

function checkout(): Package {
  const made = packageAt(join(temporaryFolder(), 'a checkout'));
  made.add('src/cli.ts');
  made.add('dist/src/cli.js');
  made.add(`node_modules/${BUNDLED}`, pretend('bundled'));
  return made;
}

interface Surroundings {
  readonly cwd?: string;
  readonly path?: string;
  readonly CDPATH?: string;
}

function start(
  program: string,
  args: readonly string[] = [],
  { cwd = '/', path = '/usr/bin:/bin', CDPATH }: Surroundings = {},
) {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const { status, stdout, stderr, pid } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: 10_000,
    env: { ...env, PATH: path, ...(CDPATH !== undefined && { CDPATH }) },
  });
  return { status, stdout, stderr, pid, lines: stdout.split('\n') };
}

/** A PATH with a `node` of that version first. */
function pathWith(version: string): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'node'), pretend('from the path', version), { mode: 0o755 });
  return `${folder}:/usr/bin:/bin`;
}

describe('bin/chancery', () => {
  test('becomes the Node that came as a package, with the arguments as they are', () => {
    const { folder } = checkout();
    const { status, lines, pid } = start(join(folder, 'bin/chancery'), ['cert', 'a b', '', '*']);
    expect(lines[0]).toBe('bundled');
    expect(lines.slice(lines.indexOf(`${folder}/src/cli.ts`))).toEqual([
      `${folder}/src/cli.ts`,
      'cert',
      'a b',
      '',
      '*',
      '',
    ]);
    expect(lines).toContain(`pid ${pid}`);
    expect(status).toBe(7);
  });

  test('finds its package through links, whatever the working directory', () => {
    const { folder } = checkout();
    const links = temporaryFolder();
    mkdirSync(join(folder, 'node_modules/.bin'));
    symlinkSync('../../bin/chancery', join(folder, 'node_modules/.bin/chancery'));
    symlinkSync(join(folder, 'node_modules/.bin/chancery'), join(links, 'first'));
    symlinkSync('first', join(links, 'second'));
    symlinkSync(folder, join(links, 'folder'));
    const here = `${folder}/src/cli.ts`;
    expect(start(join(folder, 'node_modules/.bin/chancery')).lines).toContain(here);
    expect(start(join(links, 'second')).lines).toContain(here);
    expect(start('./second', [], { cwd: links }).lines).toContain(here);
    expect(start('sh', ['chancery'], { cwd: join(folder, 'bin') }).lines).toContain(here);
    expect(start('second', [], { path: `${links}:/usr/bin:/bin` }).lines).toContain(here);
    expect(start(join(links, 'folder/bin/chancery')).lines).toContain(here);
  });

  test('is not led elsewhere by the CDPATH of a shell', () => {
    const { folder } = checkout();
    const elsewhere = temporaryFolder();
    mkdirSync(join(elsewhere, 'bin'));
    const { lines } = start('bin/chancery', [], { cwd: folder, CDPATH: elsewhere });
    expect(lines).toContain(`${folder}/src/cli.ts`);
  });

  test('runs compiled JavaScript when it is installed, by the Node beside it', () => {
    const modules = join(temporaryFolder(), 'node_modules');
    const { folder, add } = packageAt(join(modules, 'chancery'));
    add('src/cli.ts');
    add('dist/src/cli.js');
    add(`../${BUNDLED}`, pretend('beside'));
    const { lines } = start(join(folder, 'bin/chancery'));
    expect(lines[0]).toBe('beside');
    expect(lines).toContain(`${folder}/dist/src/cli.js`);
    expect(lines).toContain(`cache ${modules}/.cache/node-compile`);
  });

  test('keeps compiled code beside the packages, and only where it may write', () => {
    const { folder } = checkout();
    expect(start(join(folder, 'bin/chancery')).lines).toContain(
      `cache ${folder}/node_modules/.cache/node-compile`,
    );
    const bare = packageAt(join(temporaryFolder(), 'bare'));
    bare.add('src/cli.ts');
    expect(start(join(bare.folder, 'bin/chancery'), [], { path: pathWith('v24.1.0') }).lines).toContain(
      'cache ',
    );
    expect(existsSync(join(bare.folder, 'node_modules'))).toBe(false);
  });

  test.each(['v24.0.0', 'v26.10.0', 'v100.0.0'])(
    'takes the %s of the machine where no Node came along',
    (version) => {
      const { folder, add } = packageAt(join(temporaryFolder(), 'checkout'));
      add('src/cli.ts');
      expect(start(join(folder, 'bin/chancery'), [], { path: pathWith(version) }).lines[0]).toBe(
        'from the path',
      );
    },
  );

  test.each(['v20.20.2', 'v9.0.0', 'nonsense'])(
    'refuses the %s of the machine in one line that says what to do',
    (version) => {
      const { folder, add } = packageAt(join(temporaryFolder(), 'checkout'));
      add('src/cli.ts');
      const { status, stdout, stderr } = start(join(folder, 'bin/chancery'), [], { path: pathWith(version) });
      expect(status).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^chancery: needs Node 24 or newer and found \S+: run `npm ci` in .*\n$/);
    },
  );

  test('says so when there is nothing to run', () => {
    const { folder } = packageAt(join(temporaryFolder(), 'empty'));
    const { status, stderr } = start(join(folder, 'bin/chancery'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^chancery: .*npm run build.*\n$/);
  });
});
