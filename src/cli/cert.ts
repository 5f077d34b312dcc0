/** `chancery cert …` */
import { type Command, Option } from 'commander';
import type { KeyAlgorithm } from '../x509/key-pair.ts';
import {
  asking,
  belonging,
  collect,
  count,
  duration,
  labelText,
  naming,
  noun,
  printing,
  run,
  type Wiring,
} from './command.ts';

/** Written out, checked by the compiler: help must not load the keys' room. */
const KEY_TYPES = Object.keys({
  'ecdsa-p256': true,
  'ecdsa-p384': true,
  ed25519: true,
  'rsa-2048': true,
  'rsa-3072': true,
  'rsa-4096': true,
} satisfies Record<KeyAlgorithm, true>);

/** `required`: the only form that the verb writes. */
function packing(command: Command, required = false): Command {
  const what = 'key, certificate and chain as PKCS#12, mode 0600';
  return command
    .optionsGroup('PKCS#12:')
    .addOption(new Option('--pkcs12 <file>', what).makeOptionMandatory(required))
    .option(
      '--pkcs12-password-file <file>',
      'where its password is, or is put if there is none yet; left out: <file>.password',
    )
    .option('--pkcs12-legacy', 'triple DES and SHA-1, for what cannot read AES');
}

const OUT = 'folder for cert.pem, key.pem, chain.pem and bundle.pem';

export function addCert(program: Command, wiring: Wiring): void {
  const cert = noun(program, 'cert', 'Issue, renew, find and check certificates.');
  cert.commandsGroup('With the server:');

  const issue = naming(
    cert
      .command('issue')
      .description('Make a key here and get a certificate for it.')
      .option('--profile <name>', 'what kind of certificate, e.g. workload, server, client')
      .option('--issuer <name>', 'left out: the only issuer with this profile')
      .option(
        '--token-file <file>',
        'log in with a token: an enrolment token, which names server, profile and names; or a JWT',
      ),
  )
    .option('--ttl <duration>', "lifetime, e.g. 7d or 12h; left out: the profile's default", duration)
    .addOption(new Option('--key-type <type>', 'what key to make').choices(KEY_TYPES).default('ecdsa-p256'))
    .requiredOption('--out <dir>', OUT);
  belonging(issue);
  asking(packing(issue)).action(run(wiring, async () => (await import('./cert/issue.ts')).issue));

  asking(
    belonging(
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
    ),
  ).action(run(wiring, async () => (await import('./cert/sign.ts')).sign));

  asking(
    packing(
      cert
        .command('renew')
        .description('Renew the certificate in a folder with a fresh key of the same type.')
        .argument('<dir>', 'folder with cert.pem and key.pem; they are replaced')
        .option('--ttl <duration>', 'lifetime; left out: as long as the certificate lived', duration),
    ),
  ).action(run(wiring, async () => (await import('./cert/renew.ts')).renew));

  asking(
    cert
      .command('list')
      .description('List and search certificates, newest first.')
      .option('--name <name>', 'any name of any kind, exactly')
      .option('--serial <hex>', 'serial number')
      .option('--fingerprint <hex>', 'SHA-256 of the certificate')
      .option('--key-fingerprint <hex>', 'SHA-256 of its public key (SubjectPublicKeyInfo)')
      .option('--issuer <name>', 'issuer')
      .option('--profile <name>', 'profile')
      .option('--principal <id>', 'who asked, exactly')
      .option('--owner <text>', 'who answers for it, exactly')
      .option('--label <key=value>', 'a label that it has', labelText)
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

  addRevoke(cert, wiring);
  addOffline(cert, wiring);

  asking(
    cert
      .command('status')
      .description(
        'Ask the CRL and the OCSP responder that a certificate names, as a relying party would. Exit code 0: good, 3: revoked, 4: unknown, 5: nobody answers, 2: an answer that nobody may use.',
      )
      .argument(
        '<serial|file|host:port>',
        'PEM or DER file, an endpoint, or a serial number that the server knows',
      )
      .option(
        '--issuer <file>',
        'certificate of the issuer; left out: from the file, or from the URL in the certificate',
      ),
  ).action(run(wiring, async () => (await import('./cert/status.ts')).status));
}

function addRevoke(cert: Command, wiring: Wiring): void {
  asking(
    cert
      .command('revoke')
      .description('Revoke certificates, for ever. Shows what it hits, and has the name typed.')
      .argument('[serial|file]', 'serial number, certificate (PEM or DER), or folder of `cert issue`')
      .optionsGroup('Or all that live and meet every condition:')
      .option('--principal <id>', 'who asked, exactly')
      .option('--name <name>', 'any name of any kind, exactly')
      .option('--issuer <name>', 'issuer')
      .option('--profile <name>', 'profile')
      .option('--key <hex>', 'SHA-256 of the public key (SubjectPublicKeyInfo)')
      .option('--owner <text>', 'who answers for it, exactly')
      .option('--label <key=value>', 'a label that it has', labelText)
      .optionsGroup('Or:')
      .option(
        '--leaked-key <file>',
        'private key that leaked (- for stdin): blocks it, and needs no login; it stays here, only its signature is sent',
      )
      .optionsGroup('How:')
      .option(
        '--reason <reason>',
        'unspecified (default), keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn',
      )
      .option('--dry-run', 'only show what would be hit')
      .option('--yes', 'do not ask (environment: CHANCERY_YES=1)'),
  ).action(run(wiring, async () => (await import('./cert/revoke.ts')).revoke));
}

function addOffline(cert: Command, wiring: Wiring): void {
  cert.commandsGroup('Offline:');

  printing(
    packing(
      cert
        .command('export')
        .description('Pack what is in a folder of PEM files for Java, Windows and whatever reads PKCS#12.')
        .argument('<dir>', 'folder with cert.pem, key.pem and chain.pem'),
      true,
    ),
  ).action(run(wiring, async () => (await import('./cert/export.ts')).exportPair));

  printing(
    cert
      .command('inspect')
      .description('Show what is in a certificate, a request or a CRL, SPIFFE ID first.')
      .argument('<file|host:port>', 'PEM or DER file, - for stdin, or an endpoint that serves a certificate'),
  ).action(run(wiring, async () => (await import('./offline/inspect.ts')).inspect));

  printing(
    cert
      .command('verify')
      .description(
        'Judge a certificate against trust anchors. Exit code 0: valid, 3: not, with reason and rule.',
      )
      .argument('<leaf>', 'PEM or DER file, with or without its intermediates; - for stdin')
      .requiredOption('--roots <file>', 'trust anchors')
      .option('--untrusted <file>', 'intermediates')
      .option('--at <time>', 'moment to judge for, RFC 3339; left out: now')
      .option('--dns <name>', 'it has to be valid for this DNS name')
      .option('--ip <address>', 'it has to be valid for this IP address')
      .option('--uri <id>', 'it has to be valid for this SPIFFE ID')
      .addOption(
        new Option(
          '--purpose <purpose>',
          'what it is used for; left out: server, where --dns or --ip is given',
        ).choices(['server', 'client']),
      )
      .option('--crl <file>', 'CRL (repeat it for more)', collect),
  ).action(run(wiring, async () => (await import('./offline/verify.ts')).verify));

  printing(
    cert
      .command('lint')
      .description('Hold a certificate against the rules that ours are held against. Exit code 3: findings.')
      .argument('<file>', 'PEM or DER file; - for stdin')
      .option('--issuer <file>', 'certificate of its issuer; left out: the next one in the file'),
  ).action(run(wiring, async () => (await import('./offline/lint.ts')).lint));
}
