/** A data folder of its own for each test, with a keyring under a development file. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Random } from '../../../src/base/random.ts';
import { createKeyring, type Keyring, openKeyring, SoftwareKeys } from '../../../src/keys/software/index.ts';

export const random: Random = { bytes: (length) => randomBytes(length) };

export function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-keys-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export interface Workbench {
  readonly data: string;
  readonly folder: string;
  readonly keyring: Keyring;
  readonly keys: SoftwareKeys;
  readonly reopen: () => Promise<SoftwareKeys>;
}

export async function softwareKeys(): Promise<Workbench> {
  const data = dataFolder();
  const folder = join(data, 'keys');
  const keyring = await createKeyring(folder, { kind: 'development' }, random);
  const keys = new SoftwareKeys({ folder, keyring, random });
  const reopen = async () => new SoftwareKeys({ folder, keyring: await openKeyring(folder), random });
  return { data, folder, keyring, keys, reopen };
}
