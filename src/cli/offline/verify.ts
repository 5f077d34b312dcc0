/** `chancery cert verify`: whether a certificate is to be trusted, from files alone. */
import { type Clock, formatInstant, type Instant, parseInstant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { Candidate } from '../../domain/path/candidate.ts';
import type { ExpectedName, PathResult, Purpose } from '../../domain/path/result.ts';
import { validateCertificationPath } from '../../domain/path/search.ts';
import type { Bytes } from '../../x509/bytes.ts';
import {
  type Certificate,
  certificateFingerprint,
  formatSerial,
  readCertificate,
} from '../../x509/certificate.ts';
import { readCertificateList } from '../../x509/crl.ts';
import { parseIp } from '../../x509/ip.ts';
import { formatName } from '../../x509/name.ts';
import type { Printing } from '../command.ts';
import type { ExitCode, Session } from '../session.ts';
import { MAX_CRL_INPUT, naming, readInputs, unreadable } from './input.ts';
import { primaryName } from './names.ts';
import { printReport, type Report } from './report.ts';

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
  const purpose = readPurpose(options.purpose);
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
  return toReport(result, { at, name, purpose, skippedRoots: roots.skipped });
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

interface Asked {
  readonly at: Instant;
  readonly name: ExpectedName | undefined;
  readonly purpose: Purpose | undefined;
  readonly skippedRoots: number;
}

const summary = (certificate: Certificate) => ({
  name: primaryName(certificate),
  subject: formatName(certificate.subject),
  issuer: formatName(certificate.issuer),
  serial: formatSerial(certificate.serial),
  notBefore: formatInstant(certificate.notBefore),
  notAfter: formatInstant(certificate.notAfter),
  fingerprint: certificateFingerprint(certificate.raw),
});

const POSITION = (i: number, length: number): string =>
  i === 0 ? 'leaf' : i === length - 1 ? 'root' : 'intermediate';

function toReport(result: PathResult, asked: Asked): Report {
  const { at, name, purpose, skippedRoots } = asked;
  const question = {
    at: formatInstant(at),
    ...(name === undefined ? {} : { name }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(skippedRoots === 0 ? {} : { skippedRoots }),
  };
  const skipped = skippedRoots === 0 ? undefined : `${skippedRoots} that cannot be read`;
  if (result.valid) {
    const chain = result.chain.map((certificate, i) => ({
      position: POSITION(i, result.chain.length),
      ...summary(certificate),
      revocation: result.revocation[i] ?? 'not-checked',
    }));
    return {
      exit: 0,
      name: 'valid',
      resource: { valid: true, ...question, chain },
      sheets: [
        {
          heading: `valid: ${chain[0]?.name ?? ''}`,
          fields: [
            ['at', question.at],
            ['for', name === undefined ? undefined : `${name.kind}:${name.value}`],
            ['purpose', purpose],
            [
              'chain',
              chain.map(
                (link) => `${link.subject || link.name} (${link.position}, expires ${link.notAfter})`,
              ),
            ],
            [
              'revocation',
              chain
                .slice(0, -1)
                .map((link) => `${link.subject || link.name}: ${REVOCATION[link.revocation]}`),
            ],
            ['roots left out', skipped],
          ],
        },
      ],
    };
  }
  const { code, reason, rule, certificate } = result;
  const chain = result.chain.map(summary);
  return {
    exit: 3,
    name: code,
    resource: {
      valid: false,
      code,
      reason,
      rule,
      ...question,
      ...(certificate === undefined ? {} : { certificate: summary(certificate) }),
      chain,
    },
    sheets: [
      {
        heading: `not valid: ${chain[0]?.name ?? ''}`,
        fields: [
          ['reason', reason],
          ['rule', rule],
          ['code', code],
          [
            'certificate',
            certificate === undefined
              ? undefined
              : `${formatName(certificate.subject) || primaryName(certificate)}, serial ${formatSerial(certificate.serial)}`,
          ],
          ['at', question.at],
          ['for', name === undefined ? undefined : `${name.kind}:${name.value}`],
          ['purpose', purpose],
          ['looked at', chain.map((link) => link.subject || link.name)],
          ['roots left out', skipped],
        ],
      },
    ],
  };
}

const REVOCATION = {
  good: 'not revoked',
  'not-checked': 'no CRL was given',
  anchor: 'trusted as it stands',
} as const;
