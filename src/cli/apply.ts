/** `chancery apply` and `chancery diff` */
import type { Command } from 'commander';
import { asking, collect, run, type Wiring } from './command.ts';

const MANIFEST = 'YAML file, folder of such, or - for stdin (repeat it for more)';

const declaring = (command: Command): Command =>
  command
    .requiredOption('-f, --file <file>', MANIFEST, collect)
    .option('--set <name>', 'what the files are all of; --prune never leaves it', 'default');

export function addApply(program: Command, wiring: Wiring): void {
  asking(
    declaring(
      program
        .command('apply')
        .description(
          'Make managed certificates and public CAs what files say. Relative paths start at the file.',
        ),
    )
      .option('--prune', 'delete what the set has and the files have not')
      .option('--dry-run', 'change nothing, show what would change')
      .option('--yes', 'ask nobody before --prune deletes (environment: CHANCERY_YES=1)'),
  ).action(run(wiring, async () => (await import('./apply/apply.ts')).apply));
}

export function addDiff(program: Command, wiring: Wiring): void {
  asking(
    declaring(
      program
        .command('diff')
        .description('Show what `apply` would change, with the values before and after.'),
    )
      .option('--prune', 'also what would be deleted')
      .option('--exit-code', 'exit with 3 when something would change'),
  ).action(run(wiring, async () => (await import('./apply/diff.ts')).diff));
}
