/** The verdict on a path as a report: reason and rule for people, the whole chain for programs. */
import { formatInstant, type Instant } from '../../base/clock.ts';
import type {
  ExpectedName,
  InvalidPath,
  PathResult,
  Purpose,
  RevocationStatus,
  ValidPath,
} from '../../domain/path/result.ts';
import { type Certificate, certificateFingerprint, formatSerial } from '../../x509/certificate.ts';
import { formatName } from '../../x509/name.ts';
import type { Sheet } from '../output.ts';
import { primaryName } from './names.ts';
import type { Report } from './report.ts';

/** What was asked, beside the certificates. */
export interface Question {
  readonly at: Instant;
  readonly name: ExpectedName | undefined;
  readonly purpose: Purpose | undefined;
  /** How many trust anchors could not be read and were left out. */
  readonly skippedRoots: number;
}

export const reportVerdict = (result: PathResult, question: Question): Report =>
  result.valid ? reportValid(result, question) : reportInvalid(result, question);

function reportValid({ chain, revocation }: ValidPath, question: Question): Report {
  const links = chain.map((certificate, i) => ({
    position: i === 0 ? 'leaf' : i === chain.length - 1 ? 'root' : 'intermediate',
    ...summary(certificate),
    revocation: revocation[i] ?? 'not-checked',
  }));
  return {
    exit: 0,
    name: 'valid',
    resource: { valid: true, ...toResource(question), chain: links },
    sheets: [
      {
        heading: `valid: ${links[0]?.name ?? ''}`,
        fields: [
          ...toFields(question),
          [
            'chain',
            links.map(({ label, position, notAfter }) => `${label} (${position}, expires ${notAfter})`),
          ],
          ['revocation', describeRevocation(links.slice(0, -1))],
        ],
      },
    ],
  };
}

function reportInvalid({ code, reason, rule, certificate, chain }: InvalidPath, question: Question): Report {
  const links = chain.map(summary);
  const culprit = certificate === undefined ? undefined : summary(certificate);
  return {
    exit: 3,
    name: code,
    resource: {
      valid: false,
      code,
      reason,
      rule,
      ...toResource(question),
      ...(culprit === undefined ? {} : { certificate: culprit }),
      chain: links,
    },
    sheets: [
      {
        heading: `not valid: ${links[0]?.name ?? ''}`,
        fields: [
          ['reason', reason],
          ['rule', rule],
          ['code', code],
          ['certificate', culprit && `${culprit.label}, serial ${culprit.serial}`],
          ...toFields(question),
          ['looked at', links.map(({ label }) => label)],
        ],
      },
    ],
  };
}

interface Link {
  /** The first name, SPIFFE ID before all. */
  readonly name: string;
  /** What a person tells it by: its subject where it has one. */
  readonly label: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly fingerprint: string;
}

function summary(certificate: Certificate): Link {
  const name = primaryName(certificate);
  const subject = formatName(certificate.subject);
  return {
    name,
    label: subject || name,
    subject,
    issuer: formatName(certificate.issuer),
    serial: formatSerial(certificate.serial),
    notBefore: formatInstant(certificate.notBefore),
    notAfter: formatInstant(certificate.notAfter),
    fingerprint: certificateFingerprint(certificate.raw),
  };
}

const toResource = ({ at, name, purpose, skippedRoots }: Question) => ({
  at: formatInstant(at),
  ...(name === undefined ? {} : { expected: name }),
  ...(purpose === undefined ? {} : { purpose }),
  ...(skippedRoots === 0 ? {} : { skippedRoots }),
});

const toFields = ({ at, name, purpose, skippedRoots }: Question): Sheet['fields'] => [
  ['at', formatInstant(at)],
  ['for', name && `${name.kind}:${name.value}`],
  ['purpose', purpose],
  ['roots left out', skippedRoots === 0 ? undefined : `${skippedRoots} that cannot be read`],
];

const STATUS: Readonly<Record<RevocationStatus, string>> = {
  good: 'not revoked',
  'not-checked': 'not looked at, no CRL of its issuer was given',
  'not-published': 'nothing is published about it (noRevAvail)',
  anchor: 'trusted as it stands',
};

const describeRevocation = (
  links: readonly (Link & { readonly revocation: RevocationStatus })[],
): string[] =>
  links.every(({ revocation }) => revocation === 'not-checked')
    ? ['not looked at, no CRL was given']
    : links.map(({ label, revocation }) => `${label}: ${STATUS[revocation]}`);
