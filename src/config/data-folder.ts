/** Where the state is: `--data`, CHANCERY_DATA, or a default that does not depend on the working directory. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly source: 'flag' | 'environment' | 'default';
}

const INSTALLED = '/var/lib/chancery';

export function resolveDataFolder(flag: string | undefined, env: Environment, cwd: string): DataFolder {
  if (flag !== undefined) return { path: resolve(cwd, flag), source: 'flag' };
  const variable = env['CHANCERY_DATA'];
  if (variable !== undefined && variable !== '')
    return { path: resolve(cwd, variable), source: 'environment' };
  return { path: defaultDataFolder(packageFolder(import.meta.dirname)), source: 'default' };
}

/** A checkout keeps its state in itself; an installed package must not write where it is installed. */
export const defaultDataFolder = (root: string): string =>
  /[\\/]node_modules[\\/]/.test(root) ? INSTALLED : join(root, 'certs-dev', 'state');

/** The folder of our package.json: this file runs from src/ and, compiled, from dist/src/. */
function packageFolder(from: string): string {
  let folder = from;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
