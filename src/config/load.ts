import type { Configuration } from './configuration.ts';
import type { Environment } from './data-folder.ts';
/** Settings of the command line. What is left out or `undefined` was not given. */
export interface Flags {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** Single settings by their path: `{ 'log.level': 'debug' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface ConfigurationSources {
  readonly flags?: Flags;
  readonly env: Environment;
  readonly cwd: string;
}
export function loadConfiguration(_sources: ConfigurationSources): Configuration { throw new Error('not yet'); }
