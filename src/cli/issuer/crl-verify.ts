/** `chancery issuer crl verify`: whether a CRL is what it should be, as a relying party and as the server see it. */
import type { IssuerCrlList, IssuerCrlResource } from '../../api/crls.ts';
import type { GenerationResource, IssuerList } from '../../api/authority.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import { type Bytes, equal, fromUtf8, toHex } from '../../x509/bytes.ts';
import { type Certificate, findExtension, readCertificate } from '../../x509/certificate.ts';
import { type CertificateList, readCertificateList, readCrlNumber } from '../../x509/crl.ts';
import { scanEntries, sortEntries } from '../../x509/crl-entries.ts';
import { readIssuingDistributionPoint } from '../../x509/distribution-point.ts';
import { formatName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { decodePemOne } from '../../x509/pem.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';
import { fetchStatus } from '../cert/status-http.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { MAX_CRL_INPUT, naming, readInputs } from '../offline/input.ts';
import { printReport, type Report } from '../offline/report.ts';
import type { ExitCode, Session } from '../session.ts';

export interface CrlVerifyOptions extends Asking {
  /** Its issuer's certificate: then no server is asked. */
  readonly issuer?: string;
}

/** Exit 0 sound, 3 not; what cannot be had is thrown. */
export async function verifyCrl(
  session: Session,
  options: CrlVerifyOptions,
  target: string,
): Promise<ExitCode> {
  const url = /^https?:\/\//.test(target) ? target : undefined;
  const der = url === undefined ? await readOne(target) : await download(url);
  const list = naming(target, () => readCertificateList(der));
  const known =
    options.issuer === undefined
      ? await askServer(session, options, list)
      : { issuer: await readIssuer(options.issuer), published: [] };
  const report = judgeCrl({ ...known, list, url, now: session.terminal.now() });
  return printReport(session.terminal, options.output, report);
}

async function readOne(path: string): Promise<Bytes> {
  const [der, ...more] = await readInputs(path, 'crl', MAX_CRL_INPUT);
  if (der !== undefined && more.length === 0) return der;
  throw new ChanceryError('invalid_request', {
    message: `${path} holds ${more.length + 1} CRLs`,
    rule: 'one CRL is verified',
    fix: 'Name a file with one.',
  });
}

async function download(url: string): Promise<Bytes> {
  const fetched = await fetchStatus(url, MAX_CRL_INPUT);
  if ('body' in fetched) return fetched.body;
  throw new ChanceryError('unreachable', {
    message: `${url}: ${fetched.why}`,
    rule: 'a CRL is fetched with one plain request',
    fix: 'Is the status listener running, and can this host reach it?',
  });
}

async function readIssuer(path: string): Promise<Certificate> {
  const [der] = await readInputs(path, 'certificate');
  return naming(path, () => readCertificate(der ?? new Uint8Array(0), 'either'));
}

/** The generation whose name and key it has, and what the server says is published of it. */
async function askServer(
  session: Session,
  options: Asking,
  list: CertificateList,
): Promise<Pick<Judged, 'issuer' | 'published'>> {
  return withClient(session, options, async (client) => {
    const { issuers } = await client.get<IssuerList>('/issuers');
    const all = issuers.flatMap((issuer) => issuer.generations.map((generation) => ({ issuer, generation })));
    const named = all.filter(({ generation }) => equal(certificateOf(generation).subject, list.issuer));
    const found = named.find(({ generation }) => signed(certificateOf(generation), list)) ?? named[0];
    if (found === undefined)
      throw new ChanceryError('not_found', {
        message: `no issuer here is called ${formatName(list.issuer)}`,
        rule: 'a CRL is verified with the certificate of its issuer',
        fix: 'Name it: --issuer FILE; the CRLs of roots, too.',
      });
    const { crls } = await client.get<IssuerCrlList>(
      `/issuers/${encodeURIComponent(found.issuer.name)}/crls`,
    );
    return {
      issuer: certificateOf(found.generation),
      published: crls.filter(({ generation }) => generation === found.generation.id),
    };
  });
}

const certificateOf = ({ certificate }: GenerationResource): Certificate =>
  readCertificate(decodePemOne(certificate, 'CERTIFICATE'));

const signed = ({ spki }: Certificate, list: CertificateList): boolean =>
  equal(list.signatureAlgorithm, list.outerSignatureAlgorithm) &&
  verifySignature(list.signatureAlgorithm, list.tbs, list.signature, readPublicKey(spki));

export interface Judged {
  readonly list: CertificateList;
  readonly issuer: Certificate;
  /** Where it was fetched. */
  readonly url: string | undefined;
  /** What the server has published of its issuer; empty where none was asked. */
  readonly published: readonly IssuerCrlResource[];
  readonly now: Instant;
}

/** Every check, passed or not. */
export function judgeCrl(judged: Judged): Report {
  const { list } = judged;
  const faults: string[] = [];
  const check = (sound: boolean, fault: string): void => {
    if (!sound) faults.push(fault);
  };
  check(
    equal(list.issuer, judged.issuer.subject),
    'its issuer is not the subject of the certificate (RFC 5280 5.1.2.3)',
  );
  check(signed(judged.issuer, list), 'the signature does not verify (5.1.1.3)');
  check(list.version === 2, `its version is ${list.version} (5.1.2.1)`);
  check(list.thisUpdate <= judged.now, `thisUpdate ${formatInstant(list.thisUpdate)} lies ahead (5.1.2.4)`);
  const { nextUpdate } = list;
  check(
    nextUpdate !== undefined && nextUpdate > judged.now,
    `it ${nextUpdate === undefined ? 'has no nextUpdate' : `ran out at ${formatInstant(nextUpdate)}`} (5.1.2.5)`,
  );
  const scan = attempt(() => scanEntries(list.entries));
  const once = scan?.sorted === true || attempt(() => sortEntries(list.entries)) !== undefined;
  check(once, `an entry ${scan === undefined ? 'cannot be read' : 'stands there twice'} (5.1.2.6)`);
  const number = attempt(() => readCrlNumber(findExtension(list, OID.cRLNumber)?.value ?? new Uint8Array(0)));
  check(number !== undefined, 'it has no number (5.2.3)');
  const scope = scopeOf(judged, faults);
  const current = judged.published.find((crl) => crl.scope === scope);
  const newest = current?.number === undefined ? undefined : BigInt(current.number);
  if (number !== undefined && newest !== undefined)
    check(number === newest, `its number is ${number}, the newest that is published is ${newest}`);
  const sound = faults.length === 0;
  return {
    exit: sound ? 0 : 3,
    name: sound ? 'sound' : 'faulty',
    resource: {
      verdict: sound ? 'sound' : 'faulty',
      faults,
      issuer: formatName(list.issuer),
      ...(scope === undefined ? {} : { scope }),
      ...(number === undefined ? {} : { number: String(number) }),
      ...(newest === undefined ? {} : { published: String(newest) }),
      thisUpdate: formatInstant(list.thisUpdate),
      ...(nextUpdate === undefined ? {} : { nextUpdate: formatInstant(nextUpdate) }),
      ...(scan === undefined ? {} : { entries: scan.count }),
    },
    sheets: [
      {
        heading: sound ? 'sound' : 'not to be used',
        fields: [
          ['faults', sound ? undefined : faults],
          ['issuer', formatName(list.issuer)],
          ['scope', scope],
          ['number', number === undefined ? undefined : String(number)],
          ['published', newest === undefined ? undefined : String(newest)],
          ['issued', formatInstant(list.thisUpdate)],
          ['runs out', nextUpdate === undefined ? undefined : formatInstant(nextUpdate)],
          ['entries', scan === undefined ? undefined : String(scan.count)],
        ],
      },
    ],
  };
}

/** `full` without issuingDistributionPoint; else the shard whose URL stands in it, which has to be where it was fetched. */
function scopeOf({ list, url, published }: Judged, faults: string[]): string | undefined {
  const extension = findExtension(list, OID.issuingDistributionPoint);
  if (extension === undefined) return 'full';
  if (!extension.critical) faults.push('issuingDistributionPoint is not critical (5.2.5)');
  const point = attempt(() => readIssuingDistributionPoint(extension.value, list.issuer));
  if (point === undefined) {
    faults.push('issuingDistributionPoint cannot be read (5.2.5)');
    return undefined;
  }
  const names = (at: string): boolean => point.names?.includes(`86:${toHex(fromUtf8(at))}`) === true;
  if (url !== undefined && !names(url))
    faults.push(`its issuingDistributionPoint does not name ${url} (5.2.5)`);
  return published.find((crl) => names(crl.url))?.scope ?? 'shard';
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
