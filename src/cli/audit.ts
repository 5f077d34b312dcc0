/** `chancery audit …` */
import type { Command } from 'commander';
import { asking, count, noun, printing, reaching, run, type Wiring } from './command.ts';

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

  printing(
    audit
      .command('verify')
      .description(
        'Check an exported log offline: the chain, the signed heads. Exit code 0: whole and unchanged, 3: not.',
      )
      .argument('<file>', 'export; - reads stdin')
      .requiredOption('--key <file>', 'public key of the audit log: <data>/audit.pub')
      .option('--head <file>', 'signed head that was kept elsewhere: shows a cut end'),
  ).action(run(wiring, async () => (await import('./audit/verify.ts')).verify));

  asking(
    audit
      .command('head')
      .description('Sign a head of the log now. Keep it elsewhere: it shows when the end was cut off.')
      .option('--out <file>', 'write it to a file as well, as audit verify takes it'),
  ).action(run(wiring, async () => (await import('./audit/head.ts')).signHead));
}
