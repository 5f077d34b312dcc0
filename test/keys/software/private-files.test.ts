import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkPrivateFiles, makeFolder, writePrivateFile } from '../../../src/keys/software/index.ts';
import { dataFolder, random, softwareKeys } from './workbench.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o7777;

/** Runs with another umask: a process of its own, since workers may not change theirs. */
function withUmask(umask: string, folder: string): void {
  const module = new URL('../../../src/keys/software/index.ts', import.meta.url).href;
  const script = `
    import { randomBytes } from 'node:crypto';
    import { createKeyring, makeFolder, SoftwareKeys } from ${JSON.stringify(module)};
    process.umask(${umask});
    const folder = ${JSON.stringify(folder)};
    const random = { bytes: (length) => randomBytes(length) };
    await makeFolder(${JSON.stringify(join(folder, '..', 'run'))}, 0o755);
    const keyring = await createKeyring(folder, { kind: 'development' }, random);
    await new SoftwareKeys({ folder, keyring, random }).generate('servers-1', 'ed25519');`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script]);
}

describe('key at rest (SPI-01-002, CVE-2021-38553): private files', () => {
  test.each(['0o000', '0o022', '0o777'])('have their exact modes under the umask %s', (umask) => {
    const data = dataFolder();
    const folder = join(data, 'keys');
    withUmask(umask, folder);
    expect(modeOf(folder)).toBe(0o700);
    expect(modeOf(join(data, 'run'))).toBe(0o755);
    expect(readdirSync(folder).sort()).toEqual(['kek', 'keyring.json', 'servers-1.key.json']);
    for (const name of readdirSync(folder)) expect(modeOf(join(folder, name)), name).toBe(0o600);
    checkPrivateFiles(data);
  });

  test.each([
    ['a key file that others may read', 'keys/servers-1.key.json', 0o644, '0644', '0600'],
    ['a key file that a group may write', 'keys/kek', 0o620, '0620', '0600'],
    ['a keys folder that others may enter', 'keys', 0o755, '0755', '0700'],
    ['an admin folder that a group may list', 'admin', 0o750, '0750', '0700'],
    ['an admin key that others may read', 'admin/key.pem', 0o644, '0644', '0600'],
    ['a database folder that others may enter', 'db', 0o701, '0701', '0700'],
  ])('%s stops the start, with the command that mends it', async (_, name, mode, found, needed) => {
    const { data } = await withFolders();
    chmodSync(join(data, name), mode);
    expect(() => checkPrivateFiles(data)).toThrow(
      expect.objectContaining({
        code: 'unsafe_files',
        message: `${join(data, name)}: found mode ${found}, needed mode ${needed}`,
        detail: expect.objectContaining({
          fix: expect.stringContaining(`chmod ${needed} ${join(data, name)}`) as string,
        }) as unknown,
      }) as Error,
    );
  });

  test('of another owner stop the start', async () => {
    const { data } = await withFolders();
    const path = join(data, 'keys', 'servers-1.key.json');
    // only root can give files away; anybody can be somebody else than the owner
    if (process.geteuid?.() === 0) chownSync(path, 12345, 12345);
    const check = () => checkPrivateFiles(data, process.geteuid?.() === 0 ? 0 : 12345);
    expect(check).toThrow(/found owner \d+, needed owner \d+/);
  });

  test.each(['keys', 'keys/servers-1.key.json', 'admin/key.pem', 'db'])(
    '%s as a symbolic link stops the start',
    async (name) => {
      const { data } = await withFolders();
      const path = join(data, name);
      renameSync(path, join(data, 'elsewhere'));
      symlinkSync(join(data, 'elsewhere'), path);
      expect(() => checkPrivateFiles(data)).toThrow(
        expect.objectContaining({
          code: 'unsafe_files',
          message: expect.stringContaining('symbolic link') as string,
        }) as Error,
      );
    },
  );

  test('in folders of the keys folder are as private', async () => {
    const { data } = await withFolders();
    await makeFolder(join(data, 'keys', 'pkcs11'));
    await writePrivateFile(join(data, 'keys', 'pkcs11', 'pin'), '1234', { mode: 0o640 });
    expect(() => checkPrivateFiles(data)).toThrow(/pkcs11\/pin: found mode 0640/);
  });

  test('are all named when several are open', async () => {
    const { data } = await withFolders();
    chmodSync(join(data, 'keys', 'kek'), 0o604);
    chmodSync(join(data, 'db'), 0o777);
    expect(() => checkPrivateFiles(data)).toThrow(/kek: found mode 0604.*; .*db: found mode 0777/);
  });

  test('pass when they are tighter than they need be, or not there yet', async () => {
    const { data } = await withFolders();
    chmodSync(join(data, 'keys', 'kek'), 0o400);
    checkPrivateFiles(data);
    checkPrivateFiles(join(data, 'nothing'));
  });

  test('in admin that are certificates, and the files of the database, may be read', async () => {
    const { data } = await withFolders();
    writeFileSync(join(data, 'admin', 'cert.pem'), 'a certificate', { mode: 0o644 });
    writeFileSync(join(data, 'db', 'chancery.db'), 'rows', { mode: 0o644 });
    checkPrivateFiles(data);
  });
});

describe('writing a private file', () => {
  test('never follows a symbolic link, and replaces only when it is told to', async () => {
    const data = dataFolder();
    const outside = join(data, 'outside');
    writeFileSync(outside, 'mine');
    symlinkSync(outside, join(data, 'link'));
    await expect(writePrivateFile(join(data, 'link'), 'secret')).rejects.toMatchObject({
      code: 'already_exists',
    });
    await writePrivateFile(join(data, 'link'), 'secret', { replace: true });
    expect(readFileSync(outside, 'utf8')).toBe('mine');
    expect(readFileSync(join(data, 'link'), 'utf8')).toBe('secret');
    expect(readdirSync(data).sort()).toEqual(['link', 'outside']);
  });

  test('into a folder that is not there fails and leaves nothing', async () => {
    const data = dataFolder();
    await expect(writePrivateFile(join(data, 'none', 'file'), random.bytes(8))).rejects.toThrow(/ENOENT/);
    expect(readdirSync(data)).toEqual([]);
  });

  test('a folder that is there keeps its mode; a file in its place is an error', async () => {
    const data = dataFolder();
    mkdirSync(join(data, 'a'), { mode: 0o755 });
    await makeFolder(join(data, 'a'));
    expect(modeOf(join(data, 'a'))).toBe(0o755);
    writeFileSync(join(data, 'b'), '');
    await expect(makeFolder(join(data, 'b'))).rejects.toThrow(/EEXIST/);
  });
});

async function withFolders() {
  const bench = await softwareKeys();
  await bench.keys.generate('servers-1', 'ed25519');
  for (const name of ['admin', 'db']) await makeFolder(join(bench.data, name));
  await writePrivateFile(join(bench.data, 'admin', 'key.pem'), 'a key');
  return bench;
}
