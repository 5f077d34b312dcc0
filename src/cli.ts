/** The `chancery` command: nothing here but the wiring, so that it answers at once. */
import { plainServer, runPlainServer } from './cli/plain-server.ts';
import type { Session } from './cli/session.ts';

let serving = false;

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (serving) return; // a server goes on when nobody reads what it says
    if (error.code === 'EPIPE') process.exit(); // the reader has enough, e.g. `| head`
    if (stream === process.stdout) process.stderr.write(`error: cannot write to stdout: ${error.message}\n`);
    process.exit(1);
  });

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

const session: Session = {
  terminal: {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    now: () => Date.now(),
    ...(process.stdin.isTTY && process.stderr.isTTY && { ask }),
  },
  programs: () => {
    serving = true;
    return import('./server.ts');
  },
  rootPrograms: () => import('./server/offline/verbs.ts'),
  statusProgram: () => {
    serving = true;
    return import('./server/status-serve.ts');
  },
};

const args = process.argv.slice(2);
const server = plainServer(args);
process.exitCode =
  server === undefined
    ? await (await import('./cli/program.ts')).runCommandLine(args, session)
    : await runPlainServer(server, session);
