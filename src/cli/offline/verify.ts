/** `chancery cert verify`: whether a certificate is to be trusted, from files alone. */
import { type Clock, type Instant, parseInstant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { Candidate } from '../../domain/path/candidate.ts';
import type { ExpectedName, Purpose } from '../../domain/path/result.ts';
import { validateCertificationPath } from '../../domain/path/search.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { readCertificateList } from '../../x509/crl.ts';
import { parseIp } from '../../x509/ip.ts';
import type { Printing } from '../command.ts';
import type { ExitCode, Session } from '../session.ts';
import { MAX_CRL_INPUT, naming, readInputs, unreadable } from './input.ts';
import { printReport, type Report } from './report.ts';
import { reportVerdict } from './verdict.ts';

export interface VerifyOptions {
  /** File of trust anchors. */
  readonly roots: string;
  readonly untrusted?: string;
  /** RFC 3339; left out: now. */
  readonly at?: string;
  readonly dns?: string;
  readonly ip?: string;
  readonly uri?: string;
  readonly purpose?: string;
  readonly crl?: readonly string[];
}

/** The verb. Exit 0 valid, 3 not; what cannot be read is thrown with exit 1. */
export async function verify(
  session: Session,
  options: VerifyOptions & Printing,
  leaf: string,
): Promise<ExitCode> {
  return printReport(
    session.terminal,
    options.output,
    await verifyCertificate(session.terminal, leaf, options),
  );
}

/** A file with several certificates is a leaf with its intermediates. `-` reads the leaf from stdin. */
export async function verifyCertificate(clock: Clock, leaf: string, options: VerifyOptions): Promise<Report> {
  const name = expectedName(options);
  const purpose = readPurpose(options.purpose) ?? impliedPurpose(name);
  const at = readTime(options.at) ?? clock.now();
  const [own, ...beside] = await readInputs(leaf, 'certificate');
  if (own === undefined) throw unreadable(leaf, 'it holds no certificate');
  naming(leaf, () => readCertificate(own, 'either'));
  const roots = await readTrusted(options.roots);
  const untrusted = options.untrusted === undefined ? [] : await readInputs(options.untrusted, 'certificate');
  const crls: Bytes[] = [];
  for (const path of options.crl ?? [])
    for (const der of await readInputs(path, 'crl', MAX_CRL_INPUT)) {
      naming(path, () => readCertificateList(der));
      crls.push(der);
    }
  const result = naming(leaf, () =>
    validateCertificationPath({
      leaf: own,
      untrusted: [...beside, ...untrusted],
      anchors: roots.readable,
      at,
      name,
      purpose,
      crls,
    }),
  );
  return reportVerdict(result, { at, name, purpose, skippedRoots: roots.skipped });
}

/** Roots that cannot be read are named, not trusted; a file without any other is an error. */
async function readTrusted(path: string): Promise<{ readable: Bytes[]; skipped: number }> {
  const all = await readInputs(path, 'certificate');
  const readable = all.filter((der) => Candidate.tryRead(der) !== undefined);
  const [first] = all;
  if (readable.length === 0 && first !== undefined) naming(path, () => new Candidate(first));
  return { readable, skipped: all.length - readable.length };
}

function expectedName({ dns, ip, uri }: VerifyOptions): ExpectedName | undefined {
  const given: ExpectedName[] = [];
  if (dns !== undefined) given.push({ kind: 'dns', value: dns });
  if (ip !== undefined) given.push({ kind: 'ip', value: ip });
  if (uri !== undefined) given.push({ kind: 'uri', value: uri });
  const [name, second] = given;
  if (second !== undefined) throw usage('several names are given', 'Give one of --dns, --ip and --uri.');
  if (name?.value === '')
    throw usage(`--${name.kind} is empty`, 'Give the name that the certificate must have.');
  if (name?.kind === 'ip' && parseIp(name.value) === undefined)
    throw usage(
      `--ip ${JSON.stringify(name.value)} is no address`,
      'Write an IPv4 or IPv6 address, without a port.',
    );
  return name;
}

/** Who asks for a host asks whether it may be a TLS server's certificate; the strict answer is the safe one. */
const impliedPurpose = (name: ExpectedName | undefined): Purpose | undefined =>
  name?.kind === 'dns' || name?.kind === 'ip' ? 'server' : undefined;

function readPurpose(text: string | undefined): Purpose | undefined {
  if (text === undefined || text === 'server' || text === 'client') return text;
  throw usage(`--purpose ${JSON.stringify(text)} is none`, 'Give server or client.');
}

function readTime(text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined;
  const at = parseInstant(text);
  if (at !== undefined) return at;
  throw usage(`--at ${JSON.stringify(text)} is no time`, 'Write it as 2026-01-31T00:00:00Z.');
}

const usage = (message: string, fix: string): ChanceryError => new ChanceryError('usage', { message, fix });
