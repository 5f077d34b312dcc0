/** `chancery audit …` */
import type { Command } from 'commander';
import { asking, noun, count, reaching, run, type Wiring } from './command.ts';

export function addAudit(program: Command, wiring: Wiring): void {
  const audit = noun(
    program,
    'audit',
    'The audit log: every decision, change and use of a key, hash-chained and signed.',
  );

  asking(
    audit
      .command('list')
      .description('Show entries; without --from the newest ones.')
      .option('--from <sequence>', 'first sequence number', count)
      .option('--limit <n>', 'how many at most (up to 500)', count),
  ).action(run(wiring, async () => (await import('./audit/list.ts')).list));

  reaching(
    audit
      .command('export')
      .description('Write the whole log with its signed heads, one JSON object a line.')
      .option('--out <file>', 'to a file (0600) instead of stdout'),
  ).action(run(wiring, async () => (await import('./audit/export.ts')).exportLog));

  asking(
    audit
      .command('head')
      .description('Sign a head of the log now. Keep it elsewhere: it shows when the end was cut off.'),
  ).action(run(wiring, async () => (await import('./audit/head.ts')).signHead));
}
