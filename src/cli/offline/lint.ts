/** `chancery cert lint`: a certificate from anywhere against the rules that this authority keeps for its own. */
import type { Clock } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import {
  type Finding,
  lintCaCertificate,
  lintForeignCertificate,
  type LintIssuer,
} from '../../domain/issuance/lint/index.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { type Certificate, findExtension, formatSerial, readCertificate } from '../../x509/certificate.ts';
import { readBasicConstraints, readSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { formatName } from '../../x509/name.ts';
import { readNameConstraints } from '../../x509/name-constraints.ts';
import { OID } from '../../x509/oids.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';
import { findSignatureAlgorithm, signatureAlgorithmFor, verifySignature } from '../../x509/signature.ts';
import type { Printing } from '../command.ts';
import type { ExitCode, Session } from '../session.ts';
import { naming, readInputs, unreadable } from './input.ts';
import { primaryName } from './names.ts';
import { printReport, type Report } from './report.ts';

export interface LintOptions {
  /** File with the certificate of the issuer; left out: the next one in the file itself, where it is the issuer. */
  readonly issuer?: string;
}

/** The verb. Exit 0 clean, 3 findings. */
export async function lint(
  session: Session,
  options: LintOptions & Printing,
  file: string,
): Promise<ExitCode> {
  return printReport(session.terminal, options.output, await lintFile(session.terminal, file, options));
}

export async function lintFile(clock: Clock, file: string, options: LintOptions): Promise<Report> {
  const [own, ...beside] = await readInputs(file, 'certificate');
  if (own === undefined) throw unreadable(file, 'it holds no certificate');
  const certificate = naming(file, () => readCertificate(own, 'either'));
  const issuer =
    options.issuer === undefined ? findIssuer(certificate, beside) : await readIssuer(options.issuer);
  const isCa = saysCa(certificate);
  const findings = [...formFindings(own), ...findingsOf(certificate, issuer, isCa, clock)];
  const name = primaryName(certificate);
  const kind = isCa ? 'ca' : 'leaf';
  return {
    exit: findings.length === 0 ? 0 : 3,
    name: findings.length === 0 ? 'clean' : `${findings.length} findings`,
    resource: {
      clean: findings.length === 0,
      kind,
      name,
      serial: formatSerial(certificate.serial),
      ...(issuer === undefined ? {} : { issuer: formatName(issuer.subject) }),
      findings,
    },
    sheets: [
      {
        heading: `${findings.length === 0 ? 'clean' : count(findings.length)}: ${name}`,
        fields: [
          ['kind', isCa ? 'CA certificate' : 'leaf'],
          ['serial', formatSerial(certificate.serial)],
          [
            'issuer',
            issuer === undefined
              ? 'not given: rules that compare with it were not asked'
              : formatName(issuer.subject),
          ],
          ...findings.map(({ lint: id, message, source }) => [id, [message, `(${source})`]] as const),
        ],
      },
    ],
  };
}

const count = (n: number): string => (n === 1 ? '1 finding' : `${n} findings`);

async function readIssuer(path: string): Promise<Certificate> {
  const [der] = await readInputs(path, 'certificate');
  if (der === undefined) throw unreadable(path, 'it holds no certificate');
  return naming(path, () => readCertificate(der, 'either'));
}

/** A self-issued certificate is its own issuer. */
function findIssuer(certificate: Certificate, beside: readonly Bytes[]): Certificate | undefined {
  if (equal(certificate.issuer, certificate.subject)) return certificate;
  for (const der of beside) {
    const candidate = readOrLeave(() => readCertificate(der, 'either'));
    if (candidate !== undefined && equal(candidate.subject, certificate.issuer)) return candidate;
  }
  return undefined;
}

function readOrLeave<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isChanceryError(error)) return undefined;
    throw error;
  }
}

function saysCa(certificate: Certificate): boolean {
  const extension = findExtension(certificate, OID.basicConstraints);
  return extension !== undefined && readOrLeave(() => readBasicConstraints(extension.value))?.ca === true;
}

/** What only the whole encoding shows. */
function formFindings(der: Bytes): Finding[] {
  try {
    readCertificate(der);
    return [];
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    return [{ lint: 'encoding', source: error.detail.rule ?? 'X.690 DER', message: error.message }];
  }
}

function findingsOf(
  certificate: Certificate,
  issuer: Certificate | undefined,
  isCa: boolean,
  clock: Clock,
): Finding[] {
  const findings: Finding[] = [];
  if (!equal(certificate.signatureAlgorithm, certificate.outerSignatureAlgorithm))
    findings.push({
      lint: 'signature_algorithm_twice',
      source: 'RFC 5280 4.1.1.2',
      message: 'the signature algorithm inside of the signed part is not the one outside',
    });
  const issuerKey = issuer === undefined ? undefined : keyOf(issuer);
  if (issuerKey !== undefined && !isSignedBy(certificate, issuerKey))
    findings.push({
      lint: 'signature',
      source: 'RFC 5280 6.1.3 (a)(1)',
      message: "the signature does not verify with the issuer's key",
    });
  try {
    const publicKey = readPublicKey(certificate.spki);
    const subject = {
      certificate: certificate.tbs,
      publicKey,
      now: clock.now(),
      ...(issuer === undefined || issuerKey === undefined
        ? {}
        : { issuer: toLintIssuer(issuer, issuerKey, certificate) }),
    };
    findings.push(...(isCa ? lintCaCertificate(subject) : lintForeignCertificate(subject)));
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    // without a key that can be read the other rules cannot be asked
    findings.push({
      lint: 'public_key',
      source: error.detail.rule ?? 'RFC 5280 4.1.2.7',
      message: error.message,
    });
  }
  return findings;
}

const keyOf = (certificate: Certificate): PublicKey | undefined =>
  readOrLeave(() => readPublicKey(certificate.spki));

const isSignedBy = ({ outerSignatureAlgorithm, tbs, signature }: Certificate, key: PublicKey): boolean =>
  verifySignature(outerSignatureAlgorithm, tbs.raw, signature, key);

function toLintIssuer(issuer: Certificate, key: PublicKey, child: Certificate): LintIssuer {
  const extension = findExtension(issuer, OID.subjectKeyIdentifier);
  const bounds = findExtension(issuer, OID.nameConstraints);
  const constraints = bounds && readOrLeave(() => readNameConstraints(bounds.value));
  const usual = signatureAlgorithmFor(key.type);
  // a foreign issuer may sign with any digest that fits its key, not only with the one that we would take
  const used = findSignatureAlgorithm(child.signatureAlgorithm);
  return {
    subject: issuer.subject,
    subjectKeyIdentifier: extension && readOrLeave(() => readSubjectKeyIdentifier(extension.value)),
    notBefore: issuer.notBefore,
    notAfter: issuer.notAfter,
    spki: issuer.spki,
    nameConstraints: constraints === undefined ? [] : [constraints],
    signatureAlgorithm: used?.family === usual.family ? used.identifier : usual.identifier,
  };
}
