/** `chancery token …`: one-time enrolment. */
import type { Command } from 'commander';
import { asking, count, duration, naming, noun, reaching, run, type Wiring } from './command.ts';

export function addToken(program: Command, wiring: Wiring): void {
  const token = noun(
    program,
    'token',
    'One-time enrolment tokens: a secret that stands for certain names, for a while.',
  );

  asking(
    naming(
      token
        .command('create')
        .description('Make a token for names that you hold. The secret is written once.')
        .requiredOption('--profile <name>', 'what kind of certificate its holder gets')
        .option('--issuer <name>', 'left out: the only issuer with this profile')
        .option('--uses <n>', 'how many certificates', count, 1)
        .option('--ttl <duration>', 'until when it can be used, at most 30d', duration, '1h')
        .option(
          '--max-ttl <duration>',
          "longest life of its certificates; left out: the profile's default",
          duration,
        )
        .option('--owner <text>', 'who answers for it'),
    ).option('--out <file>', 'file for the token (0600); left out: it is printed on stdout'),
  ).action(run(wiring, async () => (await import('./token/create.ts')).create));

  asking(token.command('list').description('List tokens, newest first.')).action(
    run(wiring, async () => (await import('./token/show.ts')).list),
  );
  asking(token.command('show').description('Show a token, without its secret.').argument('<id>')).action(
    run(wiring, async () => (await import('./token/show.ts')).show),
  );
  reaching(token.command('revoke').description('Revoke a token.').argument('<id>')).action(
    run(wiring, async () => (await import('./token/revoke.ts')).revoke),
  );
}
