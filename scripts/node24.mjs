// The checks run under Node 24 whatever Node started them: this module finds it and, where needed, hands over to it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const major = Number(process.versions.node.split('.')[0]);

/** Continues this script under Node 24 and ends with its exit code. Returns only where that is not needed. */
export async function continueUnderNode24() {
  if (major < 24) {
    const bundled = join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`);
    if (process.platform !== 'linux' || !existsSync(bundled)) {
      console.error(
        `Node 24 or newer is needed and this is ${process.version}: run \`npm ci\`, or put Node 24 on the PATH.`,
      );
      process.exit(1);
    }
    const child = spawn(bundled, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    const code = await new Promise((resolve) =>
      child.on('exit', (status, signal) => resolve(status ?? 128 + (constants.signals[signal] ?? 0))),
    );
    process.exit(code);
  }
  // whatever we start finds the same Node first
  process.env.PATH = `${dirname(process.execPath)}:${process.env.PATH ?? ''}`;
}
