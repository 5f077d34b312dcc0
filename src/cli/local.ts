/** `chancery init` and `chancery dev`: the verbs that are the server's own program. */
import type { Command } from 'commander';
import { run, type Wiring } from './command.ts';
import type { ExitCode, Session } from './session.ts';

/** What `--data`, `--config` and `--passphrase-file` said. */
export interface LocalOptions {
  readonly data?: string;
  readonly config?: string;
  readonly passphraseFile?: string;
}

/** What src/server.ts offers; only src/cli.ts may load it. */
export interface LocalPrograms {
  readonly initialize: (options: LocalOptions) => Promise<unknown>;
  readonly runServer: (options: LocalOptions) => Promise<ExitCode>;
  readonly runDevelopment: (options: LocalOptions) => Promise<ExitCode>;
}

/** `--data`, `--config`, `--passphrase-file` of the programs that own a data folder. */
export const owning = (command: Command): Command =>
  command
    .option('--data <dir>', 'data folder (environment: CHANCERY_DATA)')
    .option('--config <file>', 'configuration, YAML (environment: CHANCERY_CONFIG)')
    .option('--passphrase-file <file>', 'passphrase of the keys (environment: CHANCERY_PASSPHRASE_FILE)');

export function addInit(program: Command, wiring: Wiring): void {
  owning(program.command('init').description('Make an authority.')).action(run(wiring, async () => init));
}

export function addDev(program: Command, wiring: Wiring): void {
  owning(program.command('dev').description('Run a server with two sample services.')).action(
    run(wiring, async () => dev),
  );
}

async function init({ programs }: Session, options: LocalOptions): Promise<void> {
  await (await programs()).initialize(options);
}

const dev = async ({ programs }: Session, options: LocalOptions): Promise<ExitCode> =>
  (await programs()).runDevelopment(options);
