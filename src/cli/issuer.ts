/** `chancery issuer …` */
import type { Command } from 'commander';
import type { GenerationResource, IssuerList, IssuerResource } from '../api/authority.ts';
import { asking, noun, type Asking, run, type Wiring } from './command.ts';
import { withClient } from './connect.ts';
import { printListing, printSheet, relativeTime } from './output.ts';
import type { Session } from './session.ts';

export function addIssuer(program: Command, wiring: Wiring): void {
  const issuer = noun(program, 'issuer', 'Issuers and their generations: what signs certificates.');
  asking(issuer.command('list').description('List the issuers.')).action(run(wiring, async () => list));
  asking(
    issuer.command('show').description('Show an issuer with its generations.').argument('<name>'),
  ).action(run(wiring, async () => show));
  asking(
    issuer
      .command('prepare')
      .description('Prepare the next generation; where the root is offline, print the request for it.')
      .argument('<name>', 'issuer, e.g. servers')
      .option('--out <file>', 'write the request to a file instead of stdout'),
  ).action(run(wiring, async () => (await import('./issuer/rotate.ts')).prepare));
  asking(
    issuer
      .command('activate')
      .description('Let the next generation issue from now on.')
      .argument('<generation>', 'e.g. servers-2'),
  ).action(run(wiring, async () => (await import('./issuer/rotate.ts')).generationStep('activate')));
  asking(
    issuer
      .command('retire')
      .description('Retire a generation; refused while certificates of it live.')
      .argument('<generation>', 'e.g. servers-1'),
  ).action(run(wiring, async () => (await import('./issuer/rotate.ts')).generationStep('retire')));
  asking(
    issuer
      .command('revoke')
      .description(
        'Have its root revoke a generation, for ever: nobody accepts what it signed, and the next one takes over.',
      )
      .argument('<generation>', 'e.g. servers-1')
      .option('--reason <reason>', 'cACompromise, superseded, cessationOfOperation')
      .option('--dry-run', 'show what would be hit; nothing is changed')
      .option('--yes', 'do not ask for the name (environment: CHANCERY_YES=1)'),
  ).action(run(wiring, async () => (await import('./issuer/revoke.ts')).revokeGeneration));
  past(
    asking(
      issuer
        .command('import')
        .description(
          'Take over an issuer whose key and certificate were made elsewhere, as its next generation.',
        )
        .argument('<name>', 'issuer of the configuration, e.g. servers')
        .requiredOption(
          '--key <file>',
          'private key: PKCS#8 in PEM, not encrypted; it is sealed at the server',
        )
        .requiredOption('--certificate <file>', 'its CA certificate')
        .option('--root <file>', 'the root above it; left out: one that the server has'),
    ),
  ).action(run(wiring, async () => (await import('./issuer/import.ts')).importIssuer));
  past(
    asking(
      issuer
        .command('import-history')
        .description(
          'Tell what an imported issuer did elsewhere; no CRL of it is published before its last one was given.',
        )
        .argument('<generation>', 'e.g. servers-2'),
    ),
  ).action(run(wiring, async () => (await import('./issuer/import.ts')).importHistory));
  const crl = noun(issuer, 'crl', 'What an issuer has revoked, as it is published.');
  asking(
    crl
      .command('show')
      .description('Show the CRLs of an issuer: number, age, entries and URL of each scope.')
      .argument('<name>', 'issuer, e.g. servers'),
  ).action(run(wiring, async () => (await import('./issuer/crl.ts')).showCrls));
  asking(
    crl
      .command('publish')
      .description('Publish all CRLs of an issuer now.')
      .argument('<name>', 'issuer, e.g. servers')
      .option('--accept-clock', 'date them by the clock as it is, although earlier ones lie in the future'),
  ).action(run(wiring, async () => (await import('./issuer/crl.ts')).publishCrls));
  asking(
    crl
      .command('verify')
      .description(
        'Check a CRL: signature, scope, times, entries, and its number against the one that is published.',
      )
      .argument('<crl>', 'file (PEM or DER) or http URL')
      .option('--issuer <file>', 'certificate of its issuer; then no server is asked'),
  ).action(run(wiring, async () => (await import('./issuer/crl-verify.ts')).verifyCrl));
  asking(
    crl
      .command('export')
      .description(
        'Write the CRLs that a service needs to check clients of an issuer (nginx, HAProxy, PostgreSQL) to one file: of every generation, and of the roots. Needs no login where the status listener is named.',
      )
      .argument('<name>', 'issuer, e.g. clients')
      .requiredOption('--out <file>', 'PEM; replaced at once, and left alone where nothing has changed')
      .option('--url <url>', 'status listener, http://host:port (environment: CHANCERY_STATUS_URL)'),
  ).action(run(wiring, async () => (await import('./issuer/crl-export.ts')).exportCrls));
}

const past = (command: Command): Command =>
  command
    .option('--crl <file>', 'its last CRL, complete: what it names stays revoked')
    .option('--index <file>', 'index.txt of `openssl ca`')
    .option('--certs <dir>', 'folder with certificates that it signed: .pem, .crt, .cer, .der')
    .option('--no-previous-crl', 'it never published a CRL');

const current = ({ generations }: IssuerResource): GenerationResource | undefined =>
  generations.find(({ state }) => state === 'current');

const next = ({ generations, pending }: IssuerResource): string =>
  pending !== undefined
    ? `${pending.generation} (needs a signature)`
    : (generations.find(({ state }) => state === 'next')?.id ?? '-');

async function list(session: Session, options: Asking): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) => client.get<IssuerList>('/issuers'));
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.issuers,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'ROOT', value: ({ root }) => root },
      { title: 'PROFILES', value: ({ profiles }) => profiles.join(', ') },
      { title: 'LOGIN', value: ({ authenticates }) => (authenticates ? 'yes' : 'no') },
      { title: 'CURRENT', value: (issuer) => current(issuer)?.id ?? 'none' },
      { title: 'EXPIRES', value: (issuer) => relativeTime(current(issuer)?.notAfter ?? '', terminal.now()) },
      { title: 'KEY', value: (issuer) => current(issuer)?.keyType ?? '', wide: true },
      { title: 'SHARDS', value: (issuer) => String(current(issuer)?.shards ?? ''), wide: true },
      { title: 'NEXT', value: (issuer) => next(issuer) },
      { title: 'STOPPED', value: (issuer) => current(issuer)?.stopped ?? 'no' },
    ],
    name: ({ name }) => name,
    empty: 'there is no issuer',
  });
}

async function show(session: Session, options: Asking, name: string): Promise<void> {
  const { terminal } = session;
  const issuer = await withClient(session, options, (client) =>
    client.get<IssuerResource>(`/issuers/${encodeURIComponent(name)}`),
  );
  await printSheet(terminal, options.output, {
    resource: issuer,
    name: issuer.name,
    heading: issuer.name,
    fields: [
      ['root', issuer.root],
      ['profiles', issuer.profiles.join(', ')],
      ['its certificates log in', issuer.authenticates ? 'yes' : 'no'],
      [
        'needs a signature',
        issuer.pending &&
          `${issuer.pending.generation}, of ${issuer.pending.root}: chancery issuer prepare ${issuer.name}`,
      ],
      ...issuer.generations.flatMap((generation): (readonly [string, string])[] => [
        [
          generation.id,
          `${generation.state}, expires ${relativeTime(generation.notAfter, terminal.now())}${generation.stopped === undefined ? '' : `, stopped: ${generation.stopped}`}${generation.revokedAt === undefined ? '' : `, revoked ${relativeTime(generation.revokedAt, terminal.now())}`}`,
        ],
        ['', `${generation.keyType}, ${generation.subject}, signed by ${generation.root}`],
        ...[
          ...generation.permitted.map((name) => `permitted ${name}`),
          ...generation.excluded.map((name) => `excluded ${name}`),
        ].map((bound): readonly [string, string] => ['', bound]),
        ['', `serial ${generation.serial}`],
        ['', `SHA-256 ${generation.fingerprint}`],
      ]),
    ],
  });
}
