/** `chancery cert …` */
import { type Command, Option } from 'commander';
import { KEY_ALGORITHMS } from '../x509/key-pair.ts';
import { asking, noun, count, duration, naming, run, type Wiring } from './command.ts';

const OUT = 'folder for cert.pem, key.pem, chain.pem and bundle.pem';

export function addCert(program: Command, wiring: Wiring): void {
  const cert = noun(program, 'cert', 'Issue, renew, find and check certificates.');
  cert.commandsGroup('With the server:');

  asking(
    naming(
      cert
        .command('issue')
        .description('Make a key here and get a certificate for it.')
        .requiredOption('--profile <name>', 'what kind of certificate, e.g. workload, server, client')
        .option('--issuer <name>', 'left out: the only issuer with this profile'),
    )
      .option('--ttl <duration>', "lifetime, e.g. 7d or 12h; left out: the profile's default", duration)
      .addOption(
        new Option('--key-type <type>', 'what key to make').choices(KEY_ALGORITHMS).default('ecdsa-p256'),
      )
      .requiredOption('--out <dir>', OUT),
  ).action(run(wiring, async () => (await import('./cert/issue.ts')).issue));

  asking(
    naming(
      cert
        .command('sign')
        .description('Get a certificate for the key of a certificate request (PKCS#10).')
        .requiredOption('--profile <name>', 'what kind of certificate, e.g. workload, server, client')
        .requiredOption('--csr <file>', 'the request, PEM or DER; - reads it from stdin')
        .option('--issuer <name>', 'left out: the only issuer with this profile'),
      'left out: the names in the request',
    )
      .option('--ttl <duration>', "lifetime, e.g. 7d or 12h; left out: the profile's default", duration)
      .requiredOption('--out <dir>', 'folder for cert.pem, chain.pem and bundle.pem'),
  ).action(run(wiring, async () => (await import('./cert/sign.ts')).sign));

  asking(
    cert
      .command('renew')
      .description('Renew the certificate in a folder with a fresh key of the same type.')
      .argument('<dir>', 'folder with cert.pem and key.pem; they are replaced')
      .option('--ttl <duration>', 'lifetime; left out: as long as the certificate lived', duration),
  ).action(run(wiring, async () => (await import('./cert/renew.ts')).renew));

  asking(
    cert
      .command('list')
      .description('List and search certificates, newest first.')
      .option('--name <name>', 'any name of any kind, exactly')
      .option('--serial <hex>', 'serial number')
      .option('--fingerprint <hex>', 'SHA-256 of the certificate')
      .option('--issuer <name>', 'issuer')
      .option('--profile <name>', 'profile')
      .option('--principal <id>', 'who asked, exactly')
      .addOption(new Option('--state <state>', 'state').choices(['valid', 'expired', 'revoked']))
      .option('--expires-before <time>', 'RFC 3339, or a duration from now, e.g. 7d')
      .option('--limit <n>', 'how many at most (up to 500)', count)
      .option('--cursor <cursor>', 'go on after a page')
      .option('--all', 'all pages'),
  ).action(run(wiring, async () => (await import('./cert/list.ts')).list));

  asking(
    cert
      .command('show')
      .description('Show a certificate.')
      .argument('<serial>', 'hexadecimal, colons allowed'),
  ).action(run(wiring, async () => (await import('./cert/show.ts')).show));
}
