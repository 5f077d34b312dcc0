/** `chancery ca …`: the roots. */
import type { Command } from 'commander';
import type { RootList, RootResource } from '../api/authority.ts';
import { asking, noun, type Asking, reaching, run, type Wiring } from './command.ts';
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
