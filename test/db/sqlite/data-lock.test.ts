/** One process at a time, and nobody else has a say in it. */
import { statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isLocked, lockData } from '../../../src/db/sqlite/data-lock.ts';
import { temporaryFile } from './test-store.ts';

test('a folder is locked once, and again when it was released', () => {
  const file = temporaryFile();
  const lock = lockData(file);
  expect(lock).toBeDefined();
  expect(lockData(file)).toBeUndefined();
  expect(isLocked(file)).toBe(true);
  lock?.release();
  expect(isLocked(file)).toBe(false);
  const again = lockData(file);
  expect(again).toBeDefined();
  again?.release();
});

test.each([
  ['new', undefined],
  ['of an older release', 0o644],
])('a lock file that is %s can be read, and so locked, by its owner alone', (_what, mode) => {
  const file = temporaryFile();
  if (mode !== undefined) writeFileSync(file, '', { mode });
  const lock = lockData(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  lock?.release();
});
