/** `chancery status`: what relying parties ask for, without the server. */
import type { Command } from 'commander';
import { noun, run, type Wiring } from './command.ts';
import type { ExitCode, Session } from './session.ts';
import { say } from './terminal.ts';

export function addStatus(program: Command, wiring: Wiring): void {
  const status = noun(program, 'status', 'CRLs, OCSP answers and issuer certificates, published elsewhere.');
  status
    .command('serve')
    .description(
      'Serve a folder that a server publishes to, with the paths of its status listener. Needs no key, no database and no server.',
    )
    .argument('<dir>', 'the folder, or a copy of it')
    .option('--listen <address>', 'host:port (environment: CHANCERY_STATUS_LISTEN)')
    .action(run(wiring, async () => serve));
}

async function serve(
  { terminal, statusProgram }: Session,
  { listen }: { readonly listen?: string },
  folder: string,
): Promise<ExitCode> {
  const { serveStatus } = await statusProgram();
  return serveStatus({
    folder,
    listen: listen ?? (terminal.environment['CHANCERY_STATUS_LISTEN'] || '127.0.0.1:8080'),
    cwd: process.cwd(),
    say: (line) => say(terminal, line),
  });
}
