/** `chancery server`: runs it; `chancery server config …` tells about its configuration. */
import type { Command } from 'commander';
import { run, type Wiring } from './command.ts';
import { type LocalOptions, owning } from './local.ts';
import type { ExitCode, Session } from './session.ts';

export function addServer(program: Command, wiring: Wiring): void {
  owning(program.command('server').summary('run the server').description('Run the server.')).action(
    run(wiring, async () => runServer),
  );
}

const runServer = async ({ programs }: Session, options: LocalOptions): Promise<ExitCode> =>
  (await programs()).runServer(options);
