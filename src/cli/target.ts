/** `chancery target …` */
import type { Command } from 'commander';
import { asking, collect, noun, run, type Wiring } from './command.ts';

export function addTarget(program: Command, wiring: Wiring): void {
  const target = noun(program, 'target', 'Where managed certificates are delivered.');
  asking(
    target
      .command('list')
      .description('List every target of every managed certificate, with what is stored there.'),
  ).action(run(wiring, async () => (await import('./target/targets.ts')).list));
  asking(
    target
      .command('test')
      .description(
        'Deliver a throw-away pair up to the swap, to the targets of a managed certificate or of a file; what is served stays as it is. Exit code 2 or 3: one does not take it.',
      )
      .argument('[managed]', 'name of a managed certificate')
      .option('-f, --file <file>', 'YAML file, folder of such, or - for stdin (repeat it for more)', collect),
  ).action(run(wiring, async () => (await import('./target/targets.ts')).test));
}
