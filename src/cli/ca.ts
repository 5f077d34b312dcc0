/** `chancery ca …`: the roots. */
import type { Command } from 'commander';
import type { RootList, RootResource } from '../api/authority.ts';
import {
  asking,
  collect,
  count,
  countOrZero,
  noun,
  type Asking,
  printing,
  reaching,
  run,
  type Wiring,
} from './command.ts';
import { withClient } from './connect.ts';
import type { ContextOptions } from './context.ts';
import { parseServerUrl } from './context.ts';
import { writeFiles } from './files.ts';
import { printListing, printSheet, relativeTime, timeWithDistance } from './output.ts';
import type { Session } from './session.ts';
import { print, say } from './terminal.ts';
import { addTrust } from './trust.ts';

export function addCa(program: Command, wiring: Wiring): void {
  const ca = noun(program, 'ca', 'The roots: what everybody has to trust.');
  asking(ca.command('list').description('List the roots.')).action(run(wiring, async () => list));
  asking(ca.command('show').description('Show a root.').argument('<name>')).action(
    run(wiring, async () => show),
  );
  reaching(
    ca
      .command('print')
      .description('Print roots as PEM, to be put into a trust store.')
      .argument('[name]', 'left out: all of them')
      .option('--out <file>', 'write them to a file instead of stdout'),
  ).action(run(wiring, async () => printPem));
  ca.command('bootstrap')
    .description('Fetch the root of a server that is not trusted yet, known by its fingerprint.')
    .requiredOption('--url <url>', 'https URL of the server')
    .requiredOption('--fingerprint <sha256>', 'SHA-256 of the root, from a source that you trust')
    .option('--out <file>', 'write it to a file instead of stdout')
    .action(run(wiring, async () => bootstrap));
  addTrust(ca, wiring);
  addRotation(ca, wiring);
  addOffline(ca, wiring);
}

function addRotation(ca: Command, wiring: Wiring): void {
  ca.commandsGroup('Rotation:');
  const step = (name: 'prepare' | 'activate' | 'retire', description: string): void => {
    asking(ca.command(name).description(description).argument('<name>')).action(
      run(wiring, async () => (await import('./ca/rotate.ts')).rootStep(name)),
    );
  };
  step('prepare', 'Make the successor of a root: in every bundle from now on, signing nothing yet.');
  step('activate', 'Let the next root sign; the issuers below follow.');
  step('retire', 'Take a root below which nothing lives out of every bundle.');
  asking(
    ca
      .command('import')
      .description('Import the certificate that an offline root signed for an issuer.')
      .argument('<file>', 'PEM or DER'),
  ).action(run(wiring, async () => (await import('./ca/rotate.ts')).importCertificate));
  asking(
    ca
      .command('import-root')
      .description(
        'Import the successor of an offline root: in every bundle from now on, signing nothing yet.',
      )
      .argument('<name>', 'as ca make-root printed it, e.g. internal-r2')
      .argument('<file>', 'its certificate, PEM or DER'),
  ).action(run(wiring, async () => (await import('./ca/rotate.ts')).importRoot));
  asking(
    ca
      .command('import-crl')
      .description('Publish the CRL of an offline root.')
      .argument('<file>', 'PEM or DER'),
  ).action(run(wiring, async () => (await import('./ca/rotate.ts')).importCrl));
}

/** Verbs of whoever keeps the key of a root, on a machine without a server. */
function addOffline(ca: Command, wiring: Wiring): void {
  ca.commandsGroup('Where the key of a root is:');
  const keeping = (command: Command): Command =>
    printing(
      command
        .requiredOption('--root-key <file>', '<root>.root.json, as init --root-key-out wrote it')
        .requiredOption('--passphrase-file <file>', 'passphrase that it is sealed with'),
    );
  const names = (command: Command, flag: 'permitted' | 'excluded'): Command =>
    command
      .option(`--${flag}-dns <domain>`, `${flag}: a domain and all below it (repeat it for more)`, collect)
      .option(`--${flag}-ip <range>`, `${flag}: a CIDR range`, collect)
      .option(`--${flag}-uri <host>`, `${flag}: the host of URIs; .domain for all below it`, collect)
      .option(`--${flag}-email <host>`, `${flag}: the host of e-mail addresses`, collect);
  keeping(
    names(
      names(
        ca
          .command('sign-csr')
          .description('Sign the request of an issuer. Offline; on record beside the key.')
          .argument('<csr>', 'PEM or DER, as `chancery issuer prepare` printed it; - for stdin')
          .requiredOption('--out <file>', 'where the certificate goes')
          .option('--max-path-length <n>', 'how many CAs may stand below it', countOrZero, 0)
          .option('--ttl <duration>', 'how long it lives', '1y')
          .option('--status-url <url>', 'where the CRL of the root is published, if that has changed'),
        'permitted',
      ),
      'excluded',
    ),
  ).action(run(wiring, async () => (await import('./ca/offline.ts')).signCsr));
  keeping(
    ca
      .command('sign-crl')
      .description('Sign the CRL of a root: what was revoked, and what is now. Offline.')
      .requiredOption('--out <file>', 'where the CRL goes')
      .option('--revoke <serial:reason>', 'revoke a certificate of the root (repeat it for more)', collect)
      .option('--number <number>', 'the number of the CRL', 'auto'),
  ).action(run(wiring, async () => (await import('./ca/offline.ts')).signCrl));
  keeping(
    ca
      .command('make-root')
      .description('Make the successor of a root beside it, sealed under the same passphrase. Offline.')
      .option('--number <n>', 'its number; left out: the next one', count),
  ).action(run(wiring, async () => (await import('./ca/offline.ts')).makeRoot));
}

interface BootstrapOptions {
  readonly url: string;
  readonly fingerprint: string;
  readonly out?: string;
}

async function bootstrap({ terminal }: Session, { url, fingerprint, out }: BootstrapOptions): Promise<void> {
  const { fetchRoot, parseFingerprint } = await import('./bootstrap.ts');
  const expected = parseFingerprint(fingerprint);
  const pem = await fetchRoot(parseServerUrl(url), expected, '--url');
  if (out === undefined) return print(terminal, pem);
  await writeFiles([{ path: out, content: pem, mode: 0o644 }]);
  say(terminal, `${out}: the root with the SHA-256 ${expected}`);
}

async function list(session: Session, options: Asking): Promise<void> {
  const { terminal } = session;
  const found = await withClient(session, options, (client) => client.get<RootList>('/roots'));
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.roots,
    columns: [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'SUBJECT', value: ({ subject }) => subject },
      { title: 'STATE', value: ({ state, offline }) => (offline ? `${state}, offline` : state) },
      { title: 'KEY', value: ({ keyType }) => keyType },
      { title: 'EXPIRES', value: ({ notAfter }) => relativeTime(notAfter, terminal.now()) },
      { title: 'NOT AFTER', value: ({ notAfter }) => notAfter, wide: true },
      { title: 'FINGERPRINT', value: ({ fingerprint }) => fingerprint },
    ],
    name: ({ name }) => name,
    empty: 'there is no root',
  });
}

const fetchRoot = (session: Session, options: ContextOptions, name: string): Promise<RootResource> =>
  withClient(session, options, (client) => client.get(`/roots/${encodeURIComponent(name)}`));

async function show(session: Session, options: Asking, name: string): Promise<void> {
  const { terminal } = session;
  const root = await fetchRoot(session, options, name);
  await printSheet(terminal, options.output, {
    resource: root,
    name: root.name,
    heading: root.name,
    fields: [
      ['subject', root.subject],
      ['key', root.keyType],
      ['valid from', root.notBefore],
      ['expires', timeWithDistance(root.notAfter, terminal.now())],
      ['fingerprint', root.fingerprint],
      ['certificate', root.certificate.trimEnd().split('\n'), 'wide'],
    ],
  });
}

interface PrintOptions extends ContextOptions {
  readonly out?: string;
}

async function printPem(session: Session, options: PrintOptions, name: string | undefined): Promise<void> {
  const roots =
    name === undefined
      ? (await withClient(session, options, (client) => client.get<RootList>('/roots'))).roots
      : [await fetchRoot(session, options, name)];
  const pem = roots.map(({ certificate }) => certificate).join('');
  if (options.out === undefined) return print(session.terminal, pem);
  await writeFiles([{ path: options.out, content: pem, mode: 0o644 }]);
  for (const root of roots)
    say(session.terminal, `${options.out}: ${root.name}, SHA-256 ${root.fingerprint}`);
}
