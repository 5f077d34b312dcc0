/** `chancery cert status`: asks the CRL and the OCSP responder that a certificate names, as a relying party would. */
import { existsSync } from 'node:fs';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import type { CertificateDetail } from '../../api/certificates.ts';
import { Candidate } from '../../domain/path/candidate.ts';
import {
  judgeCrl,
  judgeOcsp,
  ocspRequestFor,
  requireIssued,
  type StatusQuestion,
  type StatusVerdict,
} from '../../domain/revocation/verdict.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { toBase64 } from '../../x509/bytes.ts';
import { findExtension, formatSerial } from '../../x509/certificate.ts';
import { readCrlDistributionPoints } from '../../x509/extensions.ts';
import { OID } from '../../x509/oids.ts';
import { decodePem } from '../../x509/pem.ts';
import type { Asking } from '../command.ts';
import { fetchServedChain, parseEndpoint } from '../offline/endpoint.ts';
import { MAX_CRL_INPUT, naming, readInputs } from '../offline/input.ts';
import { primaryName } from '../offline/names.ts';
import { printReport, type Report } from '../offline/report.ts';
import { timeWithDistance } from '../output.ts';
import type { ExitCode, Session } from '../session.ts';
import { readSerial } from './serial.ts';
import { fetchStatus } from './status-http.ts';

export interface StatusOptions extends Asking {
  /** File with the certificate of the issuer; left out: from the chain, or from where the certificate says. */
  readonly issuer?: string;
}

/** An answer has one kilobyte, a certificate two. */
const MAX_SMALL = 64 * 1024;
/** RFC 5019 5: longer requests go by POST. */
const MAX_GET = 255;

export type Source = { readonly url: string } & (
  StatusVerdict | { readonly kind: 'unreachable'; readonly why: string }
);

/** The verb. Exit 0 good, 3 revoked, 4 unknown, 5 nobody answers, 2 an answer that nobody may use. */
export async function status(session: Session, options: StatusOptions, target: string): Promise<ExitCode> {
  const chain = await findChain(session, options, target);
  const [leaf, ...others] = chain;
  if (leaf === undefined) throw new ChanceryError('usage', `${target} holds no certificate`);
  const certificate = naming(target, () => new Candidate(leaf));
  const at = session.terminal.now();
  const issuer = await findIssuer(certificate, others, options.issuer);
  const sources = await ask({ certificate, issuer, at });
  return printReport(session.terminal, options.output, reportStatus(certificate, sources, at));
}

async function findChain(
  session: Session,
  options: StatusOptions,
  target: string,
): Promise<readonly Bytes[]> {
  if (target === '-' || existsSync(target)) return readInputs(target, 'certificate');
  const endpoint = parseEndpoint(target);
  if (endpoint !== undefined) return (await fetchServedChain(endpoint)).certificates;
  const serial = serialOf(target);
  const { withClient } = await import('../connect.ts');
  const found = await withClient(session, options, (client) =>
    client.get<CertificateDetail>(`/certificates/${serial}`),
  );
  return [found.certificate, ...found.chain].flatMap((pem) => decodePem(pem).map(({ der }) => der));
}

function serialOf(target: string): string {
  try {
    return readSerial(target);
  } catch {
    throw new ChanceryError('usage', {
      message: `${JSON.stringify(target)} is no file, no host:port and no serial number`,
      fix: 'Name a certificate file, an endpoint that serves it, or a serial number with --data or --server.',
    });
  }
}

/** The first that signed it: of the chain, or from the URL in the certificate (RFC 5280 4.2.2.1). */
async function findIssuer(
  certificate: Candidate,
  chain: readonly Bytes[],
  file: string | undefined,
): Promise<Candidate> {
  if (file !== undefined) {
    const [der] = await readInputs(file, 'certificate');
    const issuer = naming(file, () => new Candidate(der ?? new Uint8Array(0)));
    requireIssued({ certificate, issuer });
    return issuer;
  }
  const signed = (issuer: Candidate): boolean => {
    try {
      requireIssued({ certificate, issuer });
      return true;
    } catch (error) {
      if (isChanceryError(error)) return false;
      throw error;
    }
  };
  const own = certificate.selfIssued ? [certificate] : [];
  const given = [...chain.flatMap((der) => Candidate.tryRead(der) ?? []), ...own].find(signed);
  if (given !== undefined) return given;
  const why: string[] = [];
  for (const url of certificate.decoded.authorityInfoAccess?.caIssuers ?? []) {
    const fetched = await fetchStatus(url, MAX_SMALL);
    const issuer = 'body' in fetched ? Candidate.tryRead(fetched.body) : undefined;
    if (issuer !== undefined && signed(issuer)) return issuer;
    why.push(`${url}: ${'why' in fetched ? fetched.why : 'it is not the issuer'}`);
  }
  throw new ChanceryError('unreachable', {
    message: `the issuer's certificate cannot be had${why.length === 0 ? ': the certificate does not say where it is' : `; ${why.join('; ')}`}`,
    fix: 'Give it with --issuer FILE, or in the file of the certificate behind it.',
  });
}

interface Sources {
  readonly crl: readonly Source[];
  readonly ocsp: readonly Source[];
}

async function ask(question: StatusQuestion): Promise<Sources> {
  const { decoded, certificate } = question.certificate;
  const points = findExtension(certificate, OID.cRLDistributionPoints);
  const crls = points === undefined ? [] : readCrlDistributionPoints(points.value);
  const [crl, ocsp] = await Promise.all([
    Promise.all(crls.map((url) => askCrl(url, question))),
    Promise.all((decoded.authorityInfoAccess?.ocsp ?? []).map((url) => askOcsp(url, question))),
  ]);
  return { crl, ocsp };
}

async function askCrl(url: string, question: StatusQuestion): Promise<Source> {
  const fetched = await fetchStatus(url, MAX_CRL_INPUT);
  return 'why' in fetched
    ? { url, kind: 'unreachable', why: fetched.why }
    : { url, ...judgeCrl(derOf(fetched.body), question) };
}

/** RFC 2585 wants DER; some publish PEM. */
function derOf(body: Bytes): Bytes {
  if (body[0] !== 0x2d) return body;
  try {
    return decodePem(Buffer.from(body).toString('latin1'))[0]?.der ?? body;
  } catch {
    return body;
  }
}

/** By GET where that is short enough, so that a cache may answer; by POST where that did not succeed. */
async function askOcsp(url: string, question: StatusQuestion): Promise<Source> {
  const request = ocspRequestFor(question);
  const get = `${url.replace(/\/$/, '')}/${encodeURIComponent(toBase64(request))}`;
  const first = get.length <= MAX_GET ? await fetchStatus(get, MAX_SMALL) : { why: 'too long for GET' };
  const verdict = 'body' in first ? judgeOcsp(first.body, question) : undefined;
  if (verdict !== undefined && verdict.kind !== 'invalid') return { url, ...verdict };
  const second = await fetchStatus(url, MAX_SMALL, request);
  return 'why' in second
    ? { url, ...(verdict ?? { kind: 'unreachable', why: second.why }) }
    : { url, ...judgeOcsp(second.body, question) };
}

/** The worst that a relying party has to act on: revoked before all, then an answer that nobody may use. */
const ORDER = ['revoked', 'invalid', 'unknown', 'good', 'unreachable'] as const;
const EXIT: Readonly<Record<Source['kind'], ExitCode>> = {
  good: 0,
  invalid: 2,
  revoked: 3,
  unknown: 4,
  unreachable: 5,
};

export function reportStatus(certificate: Candidate, { crl, ocsp }: Sources, now: Instant): Report {
  const kinds = [...crl, ...ocsp].map(({ kind }) => kind);
  const verdict = ORDER.find((kind) => kinds.includes(kind)) ?? 'unknown';
  const told = new Set(kinds.filter((kind) => kind === 'good' || kind === 'revoked' || kind === 'unknown'));
  const disagree = told.size > 1;
  const noRevAvail = certificate.decoded.noRevAvail === true;
  const none = noRevAvail
    ? 'noRevAvail (RFC 9608): nobody publishes whether it is revoked'
    : 'it names neither a CRL nor an OCSP responder';
  const { serial } = certificate.certificate;
  const name = primaryName(certificate.certificate);
  return {
    exit: EXIT[verdict],
    name: verdict,
    resource: {
      status: verdict,
      serial: formatSerial(serial),
      at: formatInstant(now),
      ...(disagree && { disagree }),
      ...(noRevAvail && { noRevAvail }),
      crl: crl.map(toResource),
      ocsp: ocsp.map(toResource),
    },
    sheets: [
      {
        heading: `${verdict}: ${name}`,
        fields: [
          ['serial', formatSerial(serial)],
          ['CRL', crl.length === 0 ? undefined : crl.flatMap((source) => toLines(source, now))],
          ['OCSP', ocsp.length === 0 ? undefined : ocsp.flatMap((source) => toLines(source, now))],
          ['nobody to ask', kinds.length === 0 ? none : undefined],
          [
            'disagreement',
            disagree
              ? 'the sources do not say the same: one of them is older, see the times; relying parties differ until it is replaced'
              : undefined,
          ],
        ],
      },
    ],
  };
}

function toResource(source: Source): unknown {
  const { url, kind } = source;
  return {
    url,
    status: kind,
    ...(kind === 'revoked' && { revokedAt: formatInstant(source.revokedAt), reason: source.reason }),
    ...('why' in source && { why: source.why }),
    ...('thisUpdate' in source &&
      source.thisUpdate !== undefined && { thisUpdate: formatInstant(source.thisUpdate) }),
    ...('nextUpdate' in source &&
      source.nextUpdate !== undefined && { nextUpdate: formatInstant(source.nextUpdate) }),
    ...('signer' in source && source.signer !== undefined && { signer: source.signer }),
  };
}

function toLines(source: Source, now: Instant): string[] {
  const { kind, url } = source;
  const time = (instant: Instant): string => timeWithDistance(formatInstant(instant), now);
  const what =
    kind === 'revoked'
      ? `revoked at ${formatInstant(source.revokedAt)}, ${source.reason}`
      : 'why' in source
        ? `${kind}: ${source.why}`
        : kind;
  const times =
    'thisUpdate' in source && source.thisUpdate !== undefined && source.nextUpdate !== undefined
      ? [
          `  of ${time(source.thisUpdate)}, next ${time(source.nextUpdate)}${source.signer === undefined ? '' : `, signed by the ${source.signer}`}`,
        ]
      : [];
  return [what, ...times, `  ${url}`];
}
