/** `chancery grant …` */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GrantRequest } from '../api/grants.ts';
import { asking, noun, collect, duration, naming, reaching, run, type Wiring } from './command.ts';

const VERBS = Object.keys({
  issue: true,
  renew: true,
  revoke: true,
  read: true,
  deliver: true,
  register: true,
  admin: true,
} satisfies Record<GrantRequest['verbs'][number], true>);

function collectVerb(verb: string, before: readonly string[] = []): string[] {
  if (!VERBS.includes(verb)) throw new InvalidArgumentError(`Allowed choices are ${VERBS.join(', ')}.`);
  return [...before, verb];
}

/** What a grant says. */
function describing(command: Command): Command {
  const pattern = 'pattern; repeat it for more';
  return command
    .argument('<name>', 'lower-case letters, digits, dots, dashes and underscores')
    .requiredOption('--principal <pattern>', 'who, e.g. mtls:clients:spiffe://example.test/ops/*')
    .addOption(
      new Option('--verb <verb>', `${VERBS.join(', ')}; repeat it for more`)
        .argParser(collectVerb)
        .makeOptionMandatory(),
    )
    .requiredOption('--issuer <name>', 'issuer, or *')
    .requiredOption('--profile <name>', 'profile, or *; repeat it for more', collect)
    .option('--uri <pattern>', `SPIFFE IDs, e.g. /ns/** (${pattern})`, collect)
    .option('--dns <pattern>', `DNS names, e.g. **.example.test (${pattern})`, collect)
    .option('--ip <range>', `IP addresses, e.g. 10.0.0.0/8 (${pattern})`, collect)
    .option('--email <pattern>', `e-mail addresses, e.g. *@example.test (${pattern})`, collect)
    .option('--max-ttl <duration>', 'longest lifetime', duration)
    .option('--owner <text>', 'who answers for it, and for certificates that it allows');
}

export function addGrant(program: Command, wiring: Wiring): void {
  const grant = noun(
    program,
    'grant',
    'Grants: which principal may do what, on which names, issuers and profiles.',
  );

  asking(grant.command('list').description('List the grants.')).action(
    run(wiring, async () => (await import('./grant/show.ts')).list),
  );
  asking(grant.command('show').description('Show a grant.').argument('<name>')).action(
    run(wiring, async () => (await import('./grant/show.ts')).show),
  );

  asking(
    describing(grant.command('create').description('Create a grant. Nobody can grant more than they hold.')),
  ).action(run(wiring, async () => (await import('./grant/create.ts')).create));

  asking(
    describing(
      grant
        .command('replace')
        .description('Replace a grant that was made through the API: what is left out is gone.'),
    ),
  ).action(run(wiring, async () => (await import('./grant/create.ts')).replace));

  reaching(
    grant.command('delete').description('Delete a grant that was made through the API.').argument('<name>'),
  ).action(run(wiring, async () => (await import('./grant/delete.ts')).deleteGrant));

  asking(
    naming(
      grant
        .command('explain')
        .description(
          'Explain how a request would be decided, without making it. Exit code 0: allowed, 3: not.',
        )
        .requiredOption('--profile <name>', 'what kind of certificate')
        .option('--issuer <name>', 'left out: the only issuer with this profile')
        .addOption(new Option('--verb <verb>', 'what is asked for').choices(VERBS).default('issue'))
        .option('--principal <id>', 'who asks; left out: yourself'),
      'name that is asked for',
    ).option('--ttl <duration>', "lifetime; left out: the profile's default", duration),
  ).action(run(wiring, async () => (await import('./grant/explain.ts')).explain));
}
