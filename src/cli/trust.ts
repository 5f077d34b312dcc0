/** `chancery ca trust …`: the roots in the stores of this machine. */
import { type Command, Option } from 'commander';
import { collect, noun, printing, reaching, run, type Wiring } from './command.ts';

export function addTrust(ca: Command, wiring: Wiring): void {
  const trust = noun(ca, 'trust', 'Have this machine trust the roots, or no longer.');

  printing(
    from(
      storing(
        trust
          .command('install')
          .description('Put roots into a trust store. What is there already stays.')
          .argument('[name]', 'root of the server; left out: all that are not retired'),
      ),
    ),
  ).action(run(wiring, async () => (await import('./trust/verbs.ts')).install()));

  printing(
    from(
      storing(
        trust
          .command('uninstall')
          .description(
            'Take the roots of a trust domain out of a trust store, those of earlier days as well.',
          )
          .option('--trust-domain <name>', 'whose roots; left out: those of the server'),
      ),
    ),
  ).action(run(wiring, async () => (await import('./trust/verbs.ts')).uninstall()));

  from(
    trust
      .command('print')
      .description('Print roots as PEM, each with its fingerprint above.')
      .argument('[name]', 'root of the server; left out: all that are not retired'),
  ).action(run(wiring, async () => (await import('./trust/verbs.ts')).printRoots));
}

const storing = (command: Command): Command =>
  command
    .optionsGroup('Trust store:')
    .addOption(
      new Option('--store <store>', 'which one').choices(['system', 'nss', 'java']).default('system'),
    )
    .option('--nss-db <dir>', 'NSS database; left out: ~/.pki/nssdb, which Chrome reads')
    .option('--keystore <file>', "Java keystore; left out: Java's own cacerts")
    .option('--keystore-password-file <file>', 'where its password is; left out: the one of cacerts');

/** Whose roots: of a server that is known, or of one that a fingerprint vouches for. */
const from = (command: Command): Command =>
  reaching(command)
    .option('--url <url>', 'a server that is not trusted yet; needs --fingerprint')
    .option('--fingerprint <sha256>', 'SHA-256 of its root (repeat it for more)', collect);
