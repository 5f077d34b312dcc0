import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { folderTarget, openPublished } from '../../src/publication/folder.ts';
import { publicationContract } from '../contract/publication.ts';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'publication-'));
  made.push(folder);
  return folder;
}
const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

publicationContract({ name: 'a folder', open: () => folderTarget(join(temporary(), 'status')) });

test('files are 0644 and folders 0755 whatever the umask', async () => {
  const before = process.umask(0o077);
  try {
    const folder = join(temporary(), 'status');
    await folderTarget(folder).write('crl/a/0.crl', Buffer.from('x'), '');
    expect([folder, 'crl', 'crl/a'].map((path, i) => mode(i === 0 ? path : join(folder, path)))).toEqual([
      '755',
      '755',
      '755',
    ]);
    expect(mode(join(folder, 'crl/a/0.crl'))).toBe('644');
  } finally {
    process.umask(before);
  }
});

test('a symbolic link below the folder is not followed: neither written through nor read', async () => {
  const folder = temporary();
  const elsewhere = temporary();
  writeFileSync(join(elsewhere, 'secret'), 'secret');
  symlinkSync(elsewhere, join(folder, 'crl'));
  const target = folderTarget(folder);
  await expect(target.write('crl/0.crl', Buffer.from('x'), '')).rejects.toThrow('no folder of its own');
  expect(readdirSync(elsewhere)).toEqual(['secret']);
  expect(await openPublished(folder, 'crl/secret')).toBe(undefined);
  symlinkSync(join(elsewhere, 'secret'), join(folder, 'leak'));
  expect(await target.read('leak', 100)).toBe(undefined);
  await target.write('leak', Buffer.from('replaced'), '');
  expect(lstatSync(join(folder, 'leak')).isSymbolicLink()).toBe(false);
  expect(readFileSync(join(elsewhere, 'secret'), 'utf8')).toBe('secret');
});

test('the folder itself may be a symbolic link', async () => {
  const folder = temporary();
  mkdirSync(join(folder, 'real'));
  symlinkSync(join(folder, 'real'), join(folder, 'link'));
  await folderTarget(join(folder, 'link')).write('a.crl', Buffer.from('x'), '');
  expect(readdirSync(join(folder, 'real'))).toEqual(['a.crl']);
});

test('a pipe in the folder holds nobody up', async () => {
  const folder = temporary();
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(await openPublished(folder, 'pipe')).toBe(undefined);
});

test('what a run left that was cut off goes away', async () => {
  const folder = temporary();
  mkdirSync(join(folder, 'crl'));
  writeFileSync(join(folder, 'crl', '.0.crl.abc.tmp'), 'half');
  for await (const path of folderTarget(folder).list('crl/')) expect(path).toBe('nothing');
  expect(readdirSync(join(folder, 'crl'))).toEqual([]);
});

test('a write that fails leaves nothing behind', async () => {
  const folder = temporary();
  mkdirSync(join(folder, '0.crl', 'full'), { recursive: true });
  await expect(folderTarget(folder).write('0.crl', Buffer.from('x'), '')).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(['0.crl']);
});
