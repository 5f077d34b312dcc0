/** From the flags of the programs that own a data folder to what these programs take. */
import type { ProgramOptions } from './session.ts';
import type { Terminal } from './terminal.ts';

/** What the flags said. */
export interface LocalOptions {
  readonly data?: string;
  readonly config?: string;
  readonly passphraseFile?: string;
  readonly set?: Readonly<Record<string, string>>;
}

/** What is said about a server that starts is its data: it goes to stdout. */
export const programOptions = (
  { data, config, passphraseFile, set }: LocalOptions,
  terminal: Terminal,
  stream: 'stdout' | 'stderr' = 'stdout',
): ProgramOptions => ({
  data,
  config,
  passphraseFile,
  settings: set,
  env: terminal.environment,
  cwd: process.cwd(),
  say: (line) => void terminal[stream].write(`${line}\n`),
});
