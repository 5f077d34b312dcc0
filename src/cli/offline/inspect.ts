/** `chancery cert inspect`: what a file holds or an endpoint serves. Judges nothing. */
import { existsSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import { equal } from '../../x509/bytes.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { readCertificateList } from '../../x509/crl.ts';
import { readCertificationRequest } from '../../x509/csr.ts';
import type { Printing } from '../command.ts';
import type { ExitCode, Session } from '../session.ts';
import { describeCertificate, type Description } from './describe-certificate.ts';
import { describeCrl, describeRequest } from './describe-others.ts';
import { type Endpoint, fetchServedChain, parseEndpoint } from './endpoint.ts';
import { type InputBlock, MAX_CRL_INPUT, MAX_INPUT, naming, readInput, unreadable } from './input.ts';
import { primaryName } from './names.ts';
import { printReport, type Report } from './report.ts';

/** The verb. */
export async function inspect(session: Session, options: Printing, target: string): Promise<ExitCode> {
  return printReport(session.terminal, options.output, await inspectTarget(session.terminal, target));
}

/** `target` is a file, `-` for stdin, or `host:port` where no file has that name. */
export async function inspectTarget(clock: Clock, target: string): Promise<Report> {
  const endpoint = existsSync(target) ? undefined : parseEndpoint(target);
  return endpoint === undefined ? inspectFile(clock, target) : inspectEndpoint(clock, target, endpoint);
}

async function inspectFile(clock: Clock, path: string): Promise<Report> {
  const blocks = await readInput(path, MAX_CRL_INPUT);
  // only a CRL may be as large as that; DER does not say what it is, and nothing else is that large
  const rest = blocks.filter(({ kind }) => kind === 'certificate' || kind === 'request');
  if (rest.reduce((sum, { der }) => sum + der.length, 0) > MAX_INPUT)
    throw unreadable(path, `its certificates are larger than ${MAX_INPUT / 1024} KiB`);
  const found = blocks.map((block) => naming(path, () => describeBlock(block, clock)));
  const [first] = found;
  if (first === undefined) throw unreadable(path, 'it holds nothing');
  const resources = found.map(({ resource }) => resource);
  return {
    exit: 0,
    name: first.sheet.heading ?? path,
    // one thing stands alone, several are a chain
    resource: resources.length === 1 ? resources[0] : { kind: 'chain', items: resources },
    sheets: found.map(({ sheet }, i) => ({
      ...sheet,
      heading:
        found.length === 1 ? (sheet.heading ?? '') : `${i + 1} of ${found.length}: ${sheet.heading ?? ''}`,
    })),
  };
}

function describeBlock({ kind, der }: InputBlock, clock: Clock): Description {
  switch (kind) {
    case 'certificate':
      return describeCertificate(readCertificate(der, 'either'), clock.now());
    case 'request':
      return describeRequest(readCertificationRequest(der));
    case 'crl':
      return describeCrl(readCertificateList(der), clock.now());
    case undefined: {
      if (der.length > MAX_INPUT) return describeCrl(readCertificateList(der), clock.now());
      // DER does not say what it is; a certificate is by far the most likely, so its failure is the one to report
      const others = [
        () => describeRequest(readCertificationRequest(der)),
        () => describeCrl(readCertificateList(der), clock.now()),
      ];
      for (const read of others) {
        try {
          return read();
        } catch (error) {
          if (!isChanceryError(error)) throw error;
        }
      }
      return describeCertificate(readCertificate(der, 'either'), clock.now());
    }
  }
}

async function inspectEndpoint(clock: Clock, target: string, endpoint: Endpoint): Promise<Report> {
  const { protocol, cipher, certificates } = await fetchServedChain(endpoint);
  const chain = certificates.map((der) => naming(target, () => readCertificate(der, 'either')));
  const found = chain.map((certificate) => describeCertificate(certificate, clock.now()));
  const [leaf] = chain;
  const gaps = chain.flatMap((certificate, i) => describeLink(certificate, chain[i + 1]));
  return {
    exit: 0,
    name: leaf === undefined ? target : primaryName(leaf),
    resource: {
      kind: 'endpoint',
      endpoint: target,
      protocol,
      cipher,
      trusted: null,
      notes: gaps,
      chain: found.map(({ resource }) => resource),
    },
    sheets: [
      {
        heading: `${target} serves ${found.length === 1 ? '1 certificate' : `${found.length} certificates`}`,
        fields: [
          ['protocol', [protocol, cipher].filter((text) => text !== undefined).join(', ')],
          ['trust', 'not judged: try `chancery cert verify`'],
          ['notes', gaps.length === 0 ? undefined : gaps],
        ],
      },
      ...found.map(({ sheet }, i) => ({
        ...sheet,
        heading: `${i + 1} of ${found.length}: ${sheet.heading ?? ''}`,
      })),
    ],
  };
}

function describeLink(certificate: Certificate, next: Certificate | undefined): string[] {
  const selfIssued = equal(certificate.issuer, certificate.subject);
  if (next === undefined) return [];
  if (selfIssued) return [`${primaryName(certificate)} is self-issued, yet another certificate follows`];
  return equal(certificate.issuer, next.subject)
    ? []
    : [`${primaryName(certificate)} is not issued by the certificate after it`];
}
