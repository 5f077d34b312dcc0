/** What a verb gets: the terminal, and the way to the programs that only src/cli.ts may load. */
import type { LocalPrograms } from './local.ts';
import type { Terminal } from './terminal.ts';

/** 0 ok, 1 usage, 2 remote error, 3 refused by policy, 4 not found, 5 unreachable. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

export interface Session {
  readonly terminal: Terminal;
  /** Loads the server: only for the verbs that are the server. */
  readonly programs: () => Promise<LocalPrograms>;
}
