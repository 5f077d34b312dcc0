/** `chancery version` */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { printing, type Printing, run, type Wiring } from './command.ts';
import { printSheet } from './output.ts';
import type { Session } from './session.ts';

export function addVersion(program: Command, wiring: Wiring): void {
  printing(program.command('version').description('Print the version of this program and of Node.')).action(
    run(wiring, async () => printVersion),
  );
}

async function printVersion({ terminal }: Session, { output }: Printing): Promise<void> {
  const resource = { version: packageVersion(), node: process.versions.node };
  await printSheet(terminal, output, {
    resource,
    name: resource.version,
    fields: [
      ['chancery', resource.version],
      ['node', resource.node],
    ],
  });
}

/** From the nearest package.json: sources lie two folders below it, compiled ones three. */
export function packageVersion(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        version: string;
      };
      return version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error;
    }
  }
}
