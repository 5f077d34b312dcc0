/** `chancery ca sign-csr`, `chancery ca sign-crl`: the key of a root at work, on a machine without a server. */
import { formatInstant, parseDuration } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import {
  formatSerial,
  certificateFingerprint,
  findExtension,
  readCertificate,
} from '../../x509/certificate.ts';
import { CRL_REASONS, type CrlReason } from '../../x509/crl.ts';
import { readBasicConstraints } from '../../x509/extensions.ts';
import type { NameKind } from '../../x509/general-name.ts';
import {
  formatSubtree,
  type NameConstraints,
  parseSubtree,
  readNameConstraints,
} from '../../x509/name-constraints.ts';
import { formatName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { encodePem } from '../../x509/pem.ts';
import type { Printing } from '../command.ts';
import { writeFiles } from '../files.ts';
import { readInputs } from '../offline/input.ts';
import { printSheet } from '../output.ts';
import type { Session } from '../session.ts';

interface RootKeyOptions extends Printing {
  readonly rootKey: string;
  readonly passphraseFile: string;
  readonly out: string;
}

export interface SignCsrOptions extends RootKeyOptions {
  readonly maxPathLength: number;
  readonly permittedDns?: string[];
  readonly permittedIp?: string[];
  readonly permittedUri?: string[];
  readonly permittedEmail?: string[];
  readonly excludedDns?: string[];
  readonly excludedIp?: string[];
  readonly excludedUri?: string[];
  readonly excludedEmail?: string[];
  readonly ttl: string;
  readonly statusUrl?: string;
}

export async function signCsr(session: Session, options: SignCsrOptions, path: string): Promise<void> {
  const { terminal } = session;
  const [csr] = await readInputs(path, 'request');
  const { signRequest } = await session.rootPrograms();
  const { root, certificate: der } = await signRequest({
    rootKey: options.rootKey,
    passphraseFile: options.passphraseFile,
    now: terminal.now(),
    csr: csr ?? new Uint8Array(0),
    bounds: { pathLength: options.maxPathLength, nameConstraints: constraintsOf(options) },
    life: lifeOf(options.ttl),
    statusUrl: options.statusUrl,
  });
  await writeFiles([{ path: options.out, content: encodePem('CERTIFICATE', der), mode: 0o644 }]);
  const certificate = readCertificate(der);
  const constraints = findExtension(certificate, OID.nameConstraints);
  const basic = findExtension(certificate, OID.basicConstraints);
  const said = constraints && readNameConstraints(constraints.value);
  const pathLength = basic && readBasicConstraints(basic.value).pathLength;
  const resource = {
    root,
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    serial: formatSerial(certificate.serial),
    fingerprint: certificateFingerprint(der),
    notBefore: formatInstant(certificate.notBefore),
    notAfter: formatInstant(certificate.notAfter),
    ...(pathLength !== undefined && { maxPathLength: pathLength }),
    permitted: said?.permitted.map(formatSubtree) ?? [],
    excluded: said?.excluded.map(formatSubtree) ?? [],
    out: options.out,
  };
  await printSheet(terminal, options.output, {
    resource,
    name: resource.serial,
    heading: `signed with ${root}: ${resource.subject}`,
    fields: [
      ['serial', resource.serial],
      ['fingerprint', resource.fingerprint],
      ['valid', `${resource.notBefore} to ${resource.notAfter}`],
      ['CAs below it', String(pathLength ?? 'any number')],
      ['permitted', resource.permitted.length === 0 ? 'every name' : resource.permitted],
      ['excluded', resource.excluded.length === 0 ? 'no name' : resource.excluded],
      ['written to', options.out],
      ['next', 'chancery ca import, at the server'],
    ],
  });
}

function constraintsOf(options: SignCsrOptions): NameConstraints | undefined {
  const read = (kind: NameKind, texts: readonly string[] = [], flag: string) =>
    texts.map((text) => {
      const subtree = parseSubtree(kind, text);
      if (subtree !== undefined) return subtree;
      throw new ChanceryError('usage', {
        message: `--${flag}-${kind} ${JSON.stringify(text)} cannot be used`,
        rule: 'RFC 5280 4.2.1.10: a domain (itself and all below), a CIDR range, or for URIs and e-mail a host or .domain',
        fix: 'Write it as example.test, 10.0.0.0/8 or .example.test.',
      });
    });
  const all = (flag: 'permitted' | 'excluded') =>
    (['dns', 'ip', 'uri', 'email'] as const).flatMap((kind) => {
      const option = `${flag}${kind[0]?.toUpperCase() ?? ''}${kind.slice(1)}` as keyof SignCsrOptions;
      return read(kind, options[option] as string[] | undefined, flag);
    });
  const constraints = { permitted: all('permitted'), excluded: all('excluded') };
  return constraints.permitted.length + constraints.excluded.length === 0 ? undefined : constraints;
}

/** `1y` besides what durations are elsewhere: issuers live for years. */
function lifeOf(text: string): number {
  const life = parseDuration(text.replace(/^(\d{1,2})y$/, (_, years: string) => `${Number(years) * 365}d`));
  if (life !== undefined) return life;
  throw new ChanceryError('usage', {
    message: `--ttl ${JSON.stringify(text)} is no duration`,
    rule: 'a duration is written as 1y, 90d, 12h',
    fix: 'Write e.g. 1y.',
  });
}

export interface MakeRootOptions extends Omit<RootKeyOptions, 'out'> {
  readonly number?: number;
}

export async function makeRoot(session: Session, options: MakeRootOptions): Promise<void> {
  const { terminal } = session;
  const programs = await session.rootPrograms();
  const made = await programs.makeRoot({
    rootKey: options.rootKey,
    passphraseFile: options.passphraseFile,
    now: terminal.now(),
    number: options.number,
  });
  const certificate = readCertificate(made.certificate);
  const resource = {
    name: made.name,
    subject: formatName(certificate.subject),
    fingerprint: certificateFingerprint(made.certificate),
    notAfter: formatInstant(certificate.notAfter),
    certificate: made.path,
  };
  await printSheet(terminal, options.output, {
    resource,
    name: made.name,
    heading: `made ${made.name}`,
    fields: [
      ['subject', resource.subject],
      ['fingerprint', resource.fingerprint],
      ['valid until', resource.notAfter],
      ['certificate', made.path],
      ['next', `chancery ca import-root ${made.name} ${made.path}, at the server; then its CRL`],
    ],
  });
}

export interface SignCrlOptions extends RootKeyOptions {
  readonly revoke?: string[];
  readonly number: string;
}

export async function signCrl(session: Session, options: SignCrlOptions): Promise<void> {
  const { terminal } = session;
  const { signRootCrl } = await session.rootPrograms();
  const { root, number, nextUpdate, entries, crl } = await signRootCrl({
    rootKey: options.rootKey,
    passphraseFile: options.passphraseFile,
    now: terminal.now(),
    revoke: (options.revoke ?? []).map(readRevocation),
    number: numberOf(options.number),
  });
  await writeFiles([{ path: options.out, content: encodePem('X509 CRL', crl), mode: 0o644 }]);
  const resource = {
    root,
    number: String(number),
    entries,
    nextUpdate: formatInstant(nextUpdate),
    out: options.out,
  };
  await printSheet(terminal, options.output, {
    resource,
    name: resource.number,
    heading: `signed the CRL of ${root}`,
    fields: [
      ['number', resource.number],
      ['revoked', String(entries)],
      ['the next one is due by', resource.nextUpdate],
      ['written to', options.out],
      ['next', 'chancery ca import-crl, at the server'],
    ],
  });
}

const REASONS = CRL_REASONS.filter(
  (reason) => reason !== undefined && reason !== 'removeFromCRL' && reason !== 'certificateHold',
);

/** `SERIAL` or `SERIAL:reason`; the serial may have colons between its octets. */
function readRevocation(text: string): { serial: string; reason: CrlReason } {
  const word = /:([A-Za-z]+)$/.exec(text)?.[1];
  const known = REASONS.find((reason) => reason === word);
  const serial = (known === undefined ? text : text.slice(0, -known.length - 1))
    .replaceAll(':', '')
    .toLowerCase();
  if (/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) return { serial, reason: known ?? 'unspecified' };
  throw new ChanceryError('usage', {
    message: `--revoke ${JSON.stringify(text)} cannot be read`,
    rule: `SERIAL:reason, with ${REASONS.join(', ')}`,
    fix: 'Take the serial number from `chancery issuer show NAME` or the signing log.',
  });
}

function numberOf(text: string): bigint | undefined {
  if (text === 'auto') return undefined;
  if (/^\d{1,48}$/.test(text)) return BigInt(text);
  throw new ChanceryError('usage', {
    message: `--number ${JSON.stringify(text)} is no number`,
    rule: 'auto, or a number above that of the last CRL',
    fix: 'Leave it out.',
  });
}
