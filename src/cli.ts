/** The `chancery` command: nothing here but the wiring, so that it answers at once. */
import { runCommandLine } from './cli/program.ts';

let serving = false;

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!serving) process.exit(); // nobody reads any more, e.g. `| head`; a server goes on
  });

process.exitCode = await runCommandLine(process.argv.slice(2), {
  terminal: {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    now: () => Date.now(),
  },
  programs: () => {
    serving = true;
    return import('./server.ts');
  },
});
