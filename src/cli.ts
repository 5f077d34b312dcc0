/** The `chancery` command: nothing here but the wiring, so that it answers at once. */
import type { LocalOptions } from './cli/local.ts';
import { runCommandLine } from './cli/program.ts';
import type { ProgramOptions } from './server.ts';

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(); // nobody reads any more, e.g. `| head`
  });

process.exitCode = await runCommandLine(process.argv.slice(2), {
  terminal: {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    now: () => Date.now(),
  },
  programs: async () => {
    const server = await import('./server.ts');
    const local =
      <T>(run: (options: ProgramOptions) => T) =>
      (options: LocalOptions) =>
        run({
          ...options,
          env: process.env,
          cwd: process.cwd(),
          say: (line) => void process.stdout.write(`${line}\n`),
        });
    return {
      initialize: local(server.initialize),
      runServer: local(server.runServer),
      runDevelopment: local(server.runDevelopment),
      configuration: local(server.resolveConfiguration),
    };
  },
});
