import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync, spawn } from 'node:child_process';
import { join, relative, resolve } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Folder } from '../../../src/delivery/files/folder.ts';
import { FilesTarget, type Layout } from '../../../src/delivery/files/index.ts';
import type { FilesOptions } from '../../../src/delivery/files/index.ts';
import { importPkcs8 } from '../../../src/x509/key-pair.ts';
import { decodePem } from '../../../src/x509/pem.ts';
import { targetContract } from '../../contract/target.ts';
import { temporaryFolder } from '../../house/temporary-folder.ts';
import { madePair } from '../../support/pairs.ts';

const MODES = { folder: { mode: 0o755 }, file: { mode: 0o644 }, secret: { mode: 0o640 } };

function workbench(overrides: Partial<FilesOptions> = {}): {
  root: string;
  target: FilesTarget;
  directory: string;
} {
  const root = temporaryFolder();
  const directory = join(root, 'tls', 'shop');
  const target = new FilesTarget({
    directory,
    layout: 'nginx',
    modes: MODES,
    password: () => Promise.resolve(undefined),
    reload: undefined,
    paths: [root],
    commands: new Map(),
    ...overrides,
  });
  return { root, target, directory };
}

/** One generation, as a careful reader opens it: the link once, then both files behind it. */
function readPair(directory: string, certificate: string, key: string) {
  let generation: string;
  try {
    generation = join(directory, readlinkSync(join(directory, '..data')));
  } catch {
    return undefined;
  }
  const leaf = new X509Certificate(readFileSync(join(generation, certificate)));
  const keys = decodePem(readFileSync(join(generation, key), 'latin1')).filter(
    ({ label }) => label === 'PRIVATE KEY',
  );
  const { privateKey } = importPkcs8(keys[0]?.der ?? Buffer.alloc(0));
  return {
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    paired: leaf.checkPrivateKey(privateKey),
  };
}

const PAIRS: readonly (readonly [Layout, string, string])[] = [
  ['nginx', 'fullchain.pem', 'privkey.pem'],
  ['pem', 'cert.pem', 'key.pem'],
  ['postgresql', 'server.crt', 'server.key'],
  ['haproxy', 'tls.pem', 'tls.pem'],
  ['bundle', 'bundle.pem', 'bundle.pem'],
];

for (const [layout, certificate, key] of PAIRS)
  targetContract({
    name: `files in the layout ${layout}`,
    open: () => {
      const { target, directory } = workbench({ layout });
      return Promise.resolve({
        target,
        read: () => Promise.resolve(readPair(directory, certificate, key)),
      });
    },
  });

describe('files', () => {
  test('the names that services know lead to the pair that counts', async () => {
    const { target, directory } = workbench();
    await target.deliver(await madePair(1));
    expect(readlinkSync(join(directory, 'fullchain.pem'))).toBe('..data/fullchain.pem');
    expect(decodePem(readFileSync(join(directory, 'fullchain.pem'), 'latin1'))).toHaveLength(2);
    await target.deliver(await madePair(2));
    expect(readlinkSync(join(directory, '..data'))).toMatch(/^\.\.v2-/);
  });

  test('the pair before stays beside it until it is forgotten, older ones do not', async () => {
    const { target, directory } = workbench();
    for (const version of [1, 2, 3]) await target.deliver(await madePair(version));
    const generations = (): string[] => readdirSync(directory).filter((name) => name.startsWith('..v'));
    expect(generations().map((name) => name.slice(0, 4))).toEqual(['..v2', '..v3']);
    await target.forgetPrevious();
    expect(generations().map((name) => name.slice(0, 4))).toEqual(['..v3']);
  });

  test.each([0, 0o077, 0o777])('modes are exact under the umask %i', async (umask) => {
    const before = process.umask(umask);
    onTestFinished(() => void process.umask(before));
    const { target, directory } = workbench();
    await target.deliver(await madePair(1));
    const mode = (name: string): number => statSync(join(directory, name)).mode & 0o777;
    expect([mode('..data'), mode('fullchain.pem'), mode('privkey.pem')]).toEqual([0o755, 0o644, 0o640]);
  });

  test('a plain folder is adopted: its pair is what counts until the swap, and stays as the one before', async () => {
    const { target, directory } = workbench();
    const old = await madePair(1);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'fullchain.pem'), 'the old certificate');
    writeFileSync(join(directory, 'privkey.pem'), 'the old key', { mode: 0o600 });
    await target.deliver(old);
    expect(readFileSync(join(directory, '..adopted', 'privkey.pem'), 'utf8')).toBe('the old key');
    expect(lstatSync(join(directory, 'privkey.pem')).isSymbolicLink()).toBe(true);
    expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.fingerprint).toBe(old.fingerprint);
  });

  describe('a folder of certbot, whose names are links into its archive', () => {
    const NAMES = ['fullchain.pem', 'privkey.pem'];

    function certbot(archive: string, overrides: Partial<FilesOptions> = {}) {
      const bench = workbench(overrides);
      const { root, directory } = bench;
      const behind = resolve(root, archive);
      mkdirSync(directory, { recursive: true });
      mkdirSync(behind, { recursive: true });
      for (const name of NAMES) {
        writeFileSync(join(behind, `1-${name}`), `old ${name}`, { mode: 0o600 });
        symlinkSync(relative(directory, join(behind, `1-${name}`)), join(directory, name));
      }
      return { ...bench, behind };
    }

    /** Whether both names lead to the old pair, or both to a new one. */
    const isOne = (directory: string): boolean => {
      const old = NAMES.map((name) => readFileSync(join(directory, name), 'latin1') === `old ${name}`);
      return old[0] === old[1];
    };

    /** Looks at the folder after each name that is pointed elsewhere; may end there as a kill -9 would. */
    function watchNames(directory: string, dieAfter = Infinity): { readonly seen: boolean[] } {
      const seen: boolean[] = [];
      const point: Folder['point'] = Reflect.get(Folder.prototype, 'point');
      const spy = vi.spyOn(Folder.prototype, 'point').mockImplementation(async function (
        this: Folder,
        name,
        to,
      ) {
        if (seen.length >= dieAfter) throw new Error('killed');
        await point.call(this, name, to);
        seen.push(isOne(directory));
      });
      onTestFinished(() => spy.mockRestore());
      return { seen };
    }

    test('is taken over whole before a name changes: at no step one file is old and the other new', async () => {
      const { target, directory, behind } = certbot('archive/shop');
      const { seen } = watchNames(directory);
      await target.deliver(await madePair(1));
      expect(seen).toEqual([true, true, true, true]);
      expect(readFileSync(join(directory, '..adopted', 'privkey.pem'), 'utf8')).toBe('old privkey.pem');
      expect(readdirSync(behind)).toEqual(['1-fullchain.pem', '1-privkey.pem']);
      expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.paired).toBe(true);
      expect(NAMES.map((name) => readlinkSync(join(directory, name)))).toEqual(
        NAMES.map((name) => `..data/${name}`),
      );
    });

    test.each([0, 1, 2, 3])(
      'killed after %i of its names: never mixed, and the next delivery ends it',
      async (n) => {
        const { target, directory } = certbot('archive/shop');
        const pair = await madePair(1);
        const spied = watchNames(directory, n);
        await expect(target.deliver(pair)).rejects.toThrow();
        expect(isOne(directory)).toBe(true);
        vi.restoreAllMocks();
        const { seen } = watchNames(directory);
        await target.deliver(pair);
        expect([...spied.seen, ...seen]).not.toContain(false);
        expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.paired).toBe(true);
        expect((await target.deliver(pair)).outcome).toBe('unchanged');
      },
    );

    test('that certbot renewed once more, over ours, is taken over again', async () => {
      const { target, directory, behind } = certbot('archive/shop');
      const pair = await madePair(1);
      await target.deliver(pair);
      for (const name of NAMES) {
        unlinkSync(join(directory, name));
        symlinkSync(join(behind, `1-${name}`), join(directory, name));
      }
      const { seen } = watchNames(directory);
      expect((await target.deliver(pair)).outcome).toBe('stored');
      expect(seen).not.toContain(false);
      expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.fingerprint).toBe(pair.fingerprint);
    });

    test('is refused where the archive is outside of delivery.paths, and nothing is touched', async () => {
      const outside = temporaryFolder();
      const { target, directory } = certbot(outside);
      const refusal = {
        code: 'delivery_refused',
        message: expect.stringContaining('is a link to') as string,
      };
      await expect(target.deliver(await madePair(1))).rejects.toMatchObject(refusal);
      await expect(target.rehearse(await madePair(1))).rejects.toMatchObject(refusal);
      expect(readdirSync(directory)).toEqual(NAMES);
      expect(isOne(directory)).toBe(true);
    });

    test('is refused where its archive is reached through another link to the outside', async () => {
      const outside = temporaryFolder();
      const { target, directory, root } = certbot('archive/shop');
      mkdirSync(join(outside, 'shop'));
      symlinkSync(outside, join(root, 'elsewhere'));
      for (const name of NAMES) {
        unlinkSync(join(directory, name));
        symlinkSync(`../../elsewhere/shop/${name}`, join(directory, name));
        writeFileSync(join(outside, 'shop', name), `old ${name}`);
      }
      await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
      expect(readdirSync(directory)).toEqual(NAMES);
    });

    test('whose archive is gone is written like an empty one', async () => {
      const { target, directory, behind } = certbot('archive/shop');
      for (const name of NAMES) unlinkSync(join(behind, `1-${name}`));
      await target.deliver(await madePair(1));
      expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.paired).toBe(true);
    });
  });

  test('a pipe by the name of a file is replaced, not waited for', async () => {
    const { target, directory } = workbench();
    mkdirSync(directory, { recursive: true });
    execFileSync('mkfifo', [join(directory, 'privkey.pem')]);
    await target.deliver(await madePair(1));
    expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.paired).toBe(true);
  });

  test('other modes of the same pair are written', async () => {
    const { target, directory, root } = workbench();
    const pair = await madePair(1);
    await target.deliver(pair);
    const modes = { ...MODES, secret: { mode: 0o600 } };
    const other = workbench({ modes, directory, paths: [root] });
    expect((await other.target.deliver(pair)).outcome).toBe('stored');
    expect(statSync(join(directory, 'privkey.pem')).mode & 0o777).toBe(0o600);
    expect((await other.target.deliver(pair)).outcome).toBe('unchanged');
  });

  test('killed between the swap and the names: the next delivery makes them', async () => {
    const { target, directory } = workbench();
    const pair = await madePair(1);
    await target.deliver(pair);
    unlinkSync(join(directory, 'privkey.pem'));
    expect((await target.deliver(pair)).outcome).toBe('stored');
    expect(readFileSync(join(directory, 'privkey.pem'), 'latin1')).toContain('PRIVATE KEY');
    expect((await target.deliver(pair)).outcome).toBe('unchanged');
  });

  test('what somebody wrote over is written anew, and another layout of the same pair, too', async () => {
    const { target, directory, root } = workbench();
    const pair = await madePair(1);
    await target.deliver(pair);
    writeFileSync(join(directory, 'fullchain.pem'), 'somebody knew better');
    expect((await target.deliver(pair)).outcome).toBe('stored');
    expect(readPair(directory, 'fullchain.pem', 'privkey.pem')).toEqual({
      fingerprint: pair.fingerprint,
      paired: true,
    });
    const other = workbench({ layout: 'haproxy', directory, paths: [root] });
    expect((await other.target.deliver(pair)).outcome).toBe('stored');
    expect(readPair(directory, 'tls.pem', 'tls.pem')?.paired).toBe(true);
  });

  test('a keystore that is there is not written anew; one that is gone, or has another password, is', async () => {
    const { target, directory, root } = workbench({
      layout: 'java',
      password: () => Promise.resolve('changeit'),
    });
    const pair = await madePair(1);
    await target.deliver(pair);
    const before = readFileSync(join(directory, 'keystore.p12'));
    expect((await target.deliver(pair)).outcome).toBe('unchanged');
    expect(readFileSync(join(directory, 'keystore.p12')).equals(before)).toBe(true);
    const reworded = workbench({
      layout: 'java',
      password: () => Promise.resolve('another one'),
      directory,
      paths: [root],
    });
    expect((await reworded.target.deliver(pair)).outcome).toBe('stored');
    expect((await target.deliver(pair)).outcome).toBe('stored');
    unlinkSync(join(directory, '..data', 'keystore.p12'));
    expect((await target.deliver(pair)).outcome).toBe('stored');
    expect(readFileSync(join(directory, 'keystore.p12')).length).toBeGreaterThan(500);
  });

  test('what a delivery that was cut off left is cleared by the next', async () => {
    const { target, directory } = workbench();
    await target.deliver(await madePair(1));
    mkdirSync(join(directory, '..v7-0123456789abcdef'));
    symlinkSync('..v7-0123456789abcdef', join(directory, '..data.tmp'));
    await target.deliver(await madePair(2));
    expect(existsSync(join(directory, '..v7-0123456789abcdef'))).toBe(false);
    expect(readPair(directory, 'fullchain.pem', 'privkey.pem')?.paired).toBe(true);
  });
});

describe('lego CVE-2026-40611, CSI CVE-2020-8567: nothing outside of delivery.paths', () => {
  test.each(['/etc/passwd.d', '../outside', 'relative', '/'])('%j is refused', async (directory) => {
    const { target } = workbench({ directory });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
  });

  test('a path that climbs out is refused', async () => {
    const { root } = workbench();
    const outside = temporaryFolder();
    const { target } = workbench({ directory: `${root}/../${outside.split('/').at(-1)}`, paths: [root] });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a folder whose name only begins like an allowed one is refused', async () => {
    const root = temporaryFolder();
    const { target } = workbench({ directory: `${root}-not/x`, paths: [root] });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
  });

  test('without any allowed path nothing is written', async () => {
    const { target, root } = workbench({ paths: [] });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
    expect(readdirSync(root)).toEqual([]);
  });

  test.each(['tls', 'tls/shop'])('a symlink at %s leads nowhere', async (where) => {
    const outside = temporaryFolder();
    const { target, root } = workbench();
    if (where === 'tls/shop') mkdirSync(join(root, 'tls'));
    symlinkSync(outside, join(root, where));
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a file that is a symlink to elsewhere is replaced, not followed', async () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'victim'), 'untouched');
    const { target, directory } = workbench();
    mkdirSync(directory, { recursive: true });
    symlinkSync(join(outside, 'victim'), join(directory, 'privkey.pem'));
    await target.deliver(await madePair(1));
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('untouched');
    expect(readlinkSync(join(directory, 'privkey.pem'))).toBe('..data/privkey.pem');
  });

  test('a folder that is swapped for a symlink again and again gets 0 octets to the outside', async () => {
    const outside = temporaryFolder();
    const { target, root } = workbench();
    mkdirSync(join(root, 'tls'));
    mkdirSync(join(root, 'real'));
    const attacker = spawn('sh', [
      '-c',
      'while :; do rm -rf "$1/tls"; ln -s "$2" "$1/tls"; rm -f "$1/tls"; mkdir "$1/tls"; done',
      'sh',
      root,
      outside,
    ]);
    onTestFinished(() => void attacker.kill('SIGKILL'));
    for (let version = 1; version <= 60; version += 1)
      await target.deliver(await madePair(version % 3)).catch(() => undefined);
    attacker.kill('SIGKILL');
    expect(readdirSync(outside)).toEqual([]);
  });
});

describe('certbot 8528: a reload that fails is no success', () => {
  test('the pid file of nobody', async () => {
    const { root } = workbench();
    const pidFile = join(root, 'nginx.pid');
    const { target } = workbench({
      paths: [root],
      directory: join(root, 'a'),
      reload: { kind: 'signal', pidFile, signal: 'HUP' },
    });
    const pair = await madePair(1);
    await expect(target.deliver(pair)).rejects.toMatchObject({ code: 'delivery_failed' });
    const service = spawn('sh', ['-c', 'trap "echo told" HUP; echo ready; while :; do sleep 0.05; done']);
    onTestFinished(() => void service.kill('SIGKILL'));
    let heard = '';
    service.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await expect.poll(() => heard).toContain('ready');
    writeFileSync(pidFile, `${service.pid}\n`, { mode: 0o644 });
    const receipt = await target.deliver(pair);
    expect(receipt).toMatchObject({ outcome: 'unchanged', reload: `sent HUP to process ${service.pid}` });
    await expect.poll(() => heard).toContain('told');
  });

  test('a pid file that others can write is not believed', async () => {
    const { root } = workbench();
    const pidFile = join(root, 'nginx.pid');
    writeFileSync(pidFile, '1\n');
    chmodSync(pidFile, 0o666);
    const { target } = workbench({
      paths: [root],
      directory: join(root, 'a'),
      reload: { kind: 'signal', pidFile, signal: 'HUP' },
    });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
  });

  test.each([
    ['exit 3', ['/bin/sh', '-c', 'exit 3'], /exit 3/],
    ['a program that is not there', ['/no/such/program'], /ENOENT/],
  ] as const)('a command that ends with %s', async (_, command, message) => {
    const { target } = workbench({
      reload: { kind: 'command', name: 'nginx-reload' },
      commands: new Map([['nginx-reload', command]]),
    });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({
      code: 'delivery_failed',
      message: expect.stringMatching(message) as string,
    });
  });

  test('a command that this host does not list is refused', async () => {
    const { target } = workbench({ reload: { kind: 'command', name: 'sh' } });
    await expect(target.deliver(await madePair(1))).rejects.toMatchObject({ code: 'delivery_refused' });
  });
});
