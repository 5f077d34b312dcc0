/** What the command line said, and the configuration that it leads to. */
import { type Configuration, loadConfiguration } from '../config/index.ts';

/** What the command line said; environment and working directory come in, too. */
export interface ProgramOptions {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly passphraseFile?: string | undefined;
  /** Single settings, e.g. `{ 'log.level': 'debug' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Writes a line for a person. */
  readonly say: (line: string) => void;
}

/** The configuration that the options, the environment, and what `init` remembered lead to. */
export const resolveConfiguration = ({
  data,
  config,
  passphraseFile,
  settings,
  env,
  cwd,
}: ProgramOptions): Promise<Configuration> =>
  loadConfiguration({ flags: { data, config, passphraseFile, settings }, env, cwd });
