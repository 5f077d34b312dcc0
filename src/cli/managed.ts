/** `chancery managed …` */
import type { Command } from 'commander';
import { asking, collect, count, duration, noun, run, type Wiring } from './command.ts';

export function addManaged(program: Command, wiring: Wiring): void {
  const managed = noun(
    program,
    'managed',
    'Managed certificates: renewed, delivered and seen being served by themselves.',
  );
  asking(
    managed
      .command('list')
      .description('List the managed certificates.')
      .option('--set <name>', 'only those that `apply --set` made'),
  ).action(run(wiring, async () => (await import('./managed/list.ts')).list));
  asking(
    managed.command('show').description('Show a managed certificate with its versions.').argument('<name>'),
  ).action(run(wiring, async () => (await import('./managed/show.ts')).show));
  asking(
    managed
      .command('renew')
      .description(
        'Order a new version now, and watch it until it is current. Exit code 2: it failed, was rolled back, or is not served.',
      )
      .argument('<name>')
      .option('--no-wait', 'only ask for it')
      .option('--timeout <duration>', 'how long it is watched', duration, '15m'),
  ).action(run(wiring, async () => (await import('./managed/renew.ts')).renew));
  asking(
    managed
      .command('pause')
      .description('Order nothing new until it is resumed; what was issued is delivered.')
      .argument('<name>'),
  ).action(run(wiring, async () => (await import('./managed/steps.ts')).pause));
  asking(
    managed
      .command('resume')
      .description('Go on; targets that were given up are tried anew.')
      .argument('<name>'),
  ).action(run(wiring, async () => (await import('./managed/steps.ts')).resume));
  asking(
    managed
      .command('plan')
      .description('Show the renewals to come by CA and kind of store; with -f as they would be.')
      .option('--days <number>', 'from now on', count, 90)
      .option(
        '-f, --file <file>',
        'YAML file, folder of such, or - for stdin: as if it were applied; nothing is saved (repeat it for more)',
        collect,
      ),
  ).action(run(wiring, async () => (await import('./managed/plan.ts')).plan));
  asking(
    managed
      .command('history')
      .description('List all versions of a managed certificate, newest first.')
      .argument('<name>')
      .option('--limit <number>', 'how many at most', count, 100),
  ).action(run(wiring, async () => (await import('./managed/show.ts')).history));
  asking(
    managed
      .command('delete')
      .description('Stop managing a certificate; what is served stays where it is.')
      .argument('<name>')
      .option('--yes', 'ask nobody (environment: CHANCERY_YES=1)'),
  ).action(run(wiring, async () => (await import('./managed/steps.ts')).remove));
}
