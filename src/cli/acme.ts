/** `chancery acme …`: the ACME server as an operator sees it. */
import { type Command, InvalidArgumentError } from 'commander';
import { asking, collect, count, duration, noun, reaching, run, type Wiring } from './command.ts';

export function addAcme(program: Command, wiring: Wiring): void {
  const acme = noun(program, 'acme', 'The ACME server: accounts, orders, external account keys.');

  const account = noun(acme, 'account', 'ACME accounts.');
  asking(
    account
      .command('list')
      .description('List accounts, newest first.')
      .option('--issuer <name>', 'of this issuer only')
      .option('--limit <n>', 'how many at most', limit, 100),
  ).action(run(wiring, async () => (await import('./acme/account.ts')).list));
  asking(account.command('show').description('Show an account.').argument('<id>')).action(
    run(wiring, async () => (await import('./acme/account.ts')).show),
  );
  reaching(
    account
      .command('deactivate')
      .description('Deactivate an account: it gets nothing any more. Its certificates live on.')
      .argument('<id>'),
  ).action(run(wiring, async () => (await import('./acme/account.ts')).deactivate));

  const order = noun(acme, 'order', 'ACME orders.');
  asking(
    order
      .command('list')
      .description('List orders, newest first.')
      .option('--issuer <name>', 'of this issuer only')
      .option('--account <id>', 'of this account only')
      .option('--limit <n>', 'how many at most', limit, 100),
  ).action(run(wiring, async () => (await import('./acme/order.ts')).list));
  asking(
    order
      .command('show')
      .description('Show an order, and what its validations did: why it failed.')
      .argument('<id>'),
  ).action(run(wiring, async () => (await import('./acme/order.ts')).show));

  const eab = noun(
    acme,
    'eab',
    'External account keys (RFC 8555 7.3.4): who gets one, its accounts are known.',
  );
  asking(
    eab
      .command('create')
      .description('Make a key for ACME clients. Its secret is written once.')
      .requiredOption('--issuer <name>', 'an issuer that serves ACME')
      .option('--name <text>', 'what people call it')
      .option('--dns <pattern>', 'the only DNS names that its accounts can get (repeat it for more)', collect)
      .option('--ip <range>', 'the only addresses that its accounts can get (repeat it for more)', collect)
      .option(
        '--preauthorize-dns <pattern>',
        'DNS names that need no challenge (repeat it for more)',
        collect,
      )
      .option('--preauthorize-ip <range>', 'addresses that need no challenge (repeat it for more)', collect)
      .option('--profile <name>', 'the only profile that its accounts can get')
      .option('--uses <n>', 'how many accounts; left out: any number', count)
      .option('--ttl <duration>', 'until when it lasts; left out: until it is revoked', duration)
      .option(
        '--out <file>',
        'file for kid and hmacKey as JSON (0600); left out: they are printed on stdout',
      ),
  ).action(run(wiring, async () => (await import('./acme/eab.ts')).create));
  asking(eab.command('list').description('List keys, newest first.')).action(
    run(wiring, async () => (await import('./acme/eab.ts')).list),
  );
  reaching(
    eab
      .command('revoke')
      .description('Revoke a key: no account is made with it any more, and what it vouched for is over.')
      .argument('<kid>'),
  ).action(run(wiring, async () => (await import('./acme/eab.ts')).revoke));

  asking(
    acme
      .command('window')
      .description('Ask ACME clients to renew every certificate of an issuer now (RFC 9773).')
      .requiredOption('--issuer <name>', 'whose certificates')
      .requiredOption('--now', 'from now on')
      .option('--within <duration>', 'how long clients spread over', duration, '1h')
      .option('--explanation <url>', 'shown by clients')
      .option('--revoke <reason>', 'also revoke them, once the window is over and every client has seen it'),
  ).action(run(wiring, async () => (await import('./acme/window.ts')).move));

  const revocation = noun(acme, 'revocation', 'Revocations that wait until clients have been told to renew.');
  asking(revocation.command('list').description('List scheduled revocations, newest first.')).action(
    run(wiring, async () => (await import('./acme/revocation.ts')).list),
  );
  reaching(
    revocation
      .command('cancel')
      .description('Call off a scheduled revocation. What it has revoked stays so.')
      .argument('<id>'),
  ).action(run(wiring, async () => (await import('./acme/revocation.ts')).cancel));
}

function limit(text: string): number {
  const number = count(text);
  if (number > 500) throw new InvalidArgumentError('At most 500.');
  return number;
}
