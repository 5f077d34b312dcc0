/** `chancery server`: runs it; `chancery server config …` tells about its configuration. */
import type { Command } from 'commander';
import { duration, noun, printing, run, type Wiring } from './command.ts';
import { owning } from './local.ts';
import { type LocalOptions, programOptions } from './program-options.ts';
import type { ExitCode, Session } from './session.ts';

export function addServer(program: Command, wiring: Wiring): void {
  const server = owning(
    noun(program, 'server', 'Run the server of a data folder. SIGTERM drains and stops it.'),
  ).action(run(wiring, async () => runServer));

  const config = noun(server, 'config', 'The configuration: what holds, where it comes from, what there is.');
  printing(
    owning(config.command('show').description('Print the configuration with every default filled in.')),
  ).action(run(wiring, async () => (await import('./server/config.ts')).showConfiguration));
  printing(
    owning(config.command('explain').description('Tell for every setting where its value comes from.')),
  ).action(run(wiring, async () => (await import('./server/config.ts')).explainConfiguration));
  config
    .command('reference')
    .description('Print a commented configuration with every setting.')
    .action(run(wiring, async () => (await import('./server/config.ts')).printReference));

  printing(
    data(server.command('backup'))
      .description(
        'Write database, sealed keys and configuration to one sealed file; the server may run. What opens the keys is not in it.',
      )
      .option('--config <file>', 'configuration in YAML; left out: the one of init')
      .requiredOption('--out <file>', 'the backup; never overwritten')
      .option('--passphrase-file <file>', 'passphrase that the backup is sealed under'),
  ).action(run(wiring, async () => (await import('./server/backup.ts')).backUp));

  printing(
    data(server.command('restore'))
      .description(
        'Make a data folder out of a backup. The folder must be empty; everything is checked first.',
      )
      .requiredOption('--from <file>', 'the backup')
      .option('--passphrase-file <file>', 'passphrase that the backup is sealed under'),
  ).action(run(wiring, async () => (await import('./server/backup.ts')).restore));

  printing(
    owning(
      server
        .command('unseal-copy')
        .description(
          'Get back the database that was copied before a migration: <data>/db/before-schema-N.db.sealed.',
        )
        .argument('<file>', 'the sealed copy'),
    ).requiredOption('--out <file>', 'the database as it was; never overwritten'),
  ).action(run(wiring, async () => (await import('./server/backup.ts')).unsealCopy));

  const admin = noun(server, 'admin', 'The first operator of a data folder.');
  printing(
    owning(
      admin
        .command('recover')
        .description(
          'Make a fresh login in admin/ where the old one is lost or over. The server must be stopped; it is audited.',
        ),
    ).option('--ttl <duration>', 'lifetime, up to what the profile allows', duration, '1d'),
  ).action(run(wiring, async () => (await import('./server/recover.ts')).recover));
  printing(
    owning(
      admin
        .command('accept-clock')
        .description(
          'Take the clock as right, where a bogus time in the log keeps the server from signing. The server must be stopped; it is audited.',
        ),
    ),
  ).action(run(wiring, async () => (await import('./server/accept-clock.ts')).acceptClock));
  printing(
    owning(
      admin
        .command('accept-journal')
        .description(
          'Take the journal as it is, where the server refuses it because records may be missing. The server must be stopped; it is audited.',
        ),
    ),
  ).action(run(wiring, async () => (await import('./server/accept-journal.ts')).acceptJournal));
  printing(
    owning(
      admin
        .command('renew-issuer')
        .description(
          'Make the next generation of an issuer, or the request for it, where the server does not start because issuers are over. The server must be stopped; it is audited.',
        )
        .argument('<name>', 'issuer, e.g. servers'),
    )
      .option('--out <file>', 'where the request goes', 'GENERATION.csr')
      .option('--certificate <file>', 'what the offline root signed for the request'),
  ).action(run(wiring, async () => (await import('./server/renew-issuer.ts')).renewIssuer));
}

const data = (command: Command): Command =>
  command.option('--data <dir>', 'data folder (environment: CHANCERY_DATA)');

const runServer = async ({ terminal, programs }: Session, options: LocalOptions): Promise<ExitCode> =>
  (await programs()).runServer(programOptions(options, terminal));
