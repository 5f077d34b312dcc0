import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The repository that these tests stand in. */
export const REPOSITORY = join(import.meta.dirname, '../..');

/** A folder of this test's own, without links in its path, gone when the test is. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'chancery house '));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
