/** How a reader types a command where they are: a checkout has no `chancery` on its PATH, and Git watches its folders. */
import { packageFolder } from './package.ts';

const isInstalled = (): boolean => /[\\/]node_modules[\\/]/.test(`${packageFolder()}/`);

export const command = (): string => (isInstalled() ? 'chancery' : 'npx --no-install chancery');

/** The flag that names a data folder; nothing for the default one of a checkout. */
export const at = (data: string): string =>
  data === `${packageFolder()}/certs-dev/state` ? '' : ` --data ${data}`;

/** A folder for what is issued; in a checkout one that Git ignores, for there will be a key in it. */
export const outFolder = (name: string): string => (isInstalled() ? name : `certs-dev/${name}`);
