/** `chancery issuer import`, `chancery issuer import-history` */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  GenerationResource,
  IssuerHistory,
  IssuerHistoryReport,
  IssuerImport,
} from '../../api/authority.ts';
import { ChanceryError } from '../../base/errors.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { readTextFile } from '../files.ts';
import { readInputs } from '../offline/input.ts';
import { printSheet } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';
import { printGeneration } from './rotate.ts';

export interface ImportOptions extends Asking {
  readonly key: string;
  readonly certificate: string;
  readonly root?: string;
}

/** Where the past of an issuer is told. */
export interface HistoryOptions extends Asking {
  readonly crl?: string;
  readonly index?: string;
  readonly certs?: string;
  /** commander: false for `--no-previous-crl`. */
  readonly previousCrl: boolean;
}

const MOST_OCTETS = 32 * 1024 * 1024;
/** Of one request. */
const MOST_CERTIFICATES = 5000;

export async function importIssuer(
  session: Session,
  options: ImportOptions & HistoryOptions,
  name: string,
): Promise<void> {
  const history = await readHistory(options);
  const body: IssuerImport = {
    key: await readKey(options.key),
    certificate: await readCertificate(options.certificate),
    ...(options.root !== undefined && { root: await readCertificate(options.root) }),
    noPreviousCrl: !options.previousCrl && history.length === 0,
  };
  const generation = await withClient(session, options, async (client) => {
    const made = await client.post<GenerationResource>(`/issuers/${encodeURIComponent(name)}/import`, body);
    for (const part of history) await client.post<IssuerHistoryReport>(historyOf(made.id), part);
    return made;
  });
  await printGeneration(session, options, generation);
  if (options.crl === undefined && options.previousCrl)
    say(
      session.terminal,
      `no CRL of ${generation.id} is published until its last one is given: chancery issuer import-history ${generation.id} --crl FILE`,
    );
}

/** `chancery issuer import-history` */
export async function importHistory(session: Session, options: HistoryOptions, id: string): Promise<void> {
  const history = await readHistory(options);
  if (history.length === 0)
    throw new ChanceryError('usage', {
      message: 'nothing to import',
      rule: 'the past of an issuer is its last CRL, its index and its certificates',
      fix: 'Add --crl FILE, --index FILE or --certs DIR; or --no-previous-crl, if it never published one.',
    });
  const reports = await withClient(session, options, async (client) => {
    const all: IssuerHistoryReport[] = [];
    for (const part of history) all.push(await client.post<IssuerHistoryReport>(historyOf(id), part));
    return all;
  });
  const last = reports.at(-1);
  const total = {
    generation: id,
    known: sum(reports.map(({ known }) => known)),
    revocations: sum(reports.map(({ revocations }) => revocations)),
    ...(last?.crlNumber !== undefined && { crlNumber: last.crlNumber }),
    crlsHeldBack: last?.crlsHeldBack ?? true,
  };
  await printSheet(session.terminal, options.output, {
    resource: total,
    name: id,
    heading: `the past of ${id}`,
    fields: [
      ['certificates that live', String(total.known)],
      ['revocations', String(total.revocations)],
      ['its last CRL had the number', total.crlNumber],
      ['CRLs are held back', total.crlsHeldBack ? 'yes, until its last CRL is given' : 'no'],
    ],
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const historyOf = (id: string): string => `/generations/${encodeURIComponent(id)}/history`;

/** In several requests where there are many certificates; what ends the holding back comes last. */
async function readHistory({ crl, index, certs, previousCrl }: HistoryOptions): Promise<IssuerHistory[]> {
  const certificates = certs === undefined ? [] : await readFolder(certs);
  const requests: IssuerHistory[] = [];
  while (certificates.length > MOST_CERTIFICATES)
    requests.push({ certificates: certificates.splice(0, MOST_CERTIFICATES), noPreviousCrl: false });
  const [der] = crl === undefined ? [] : await readInputs(crl, 'crl', MOST_OCTETS);
  const last: IssuerHistory = {
    ...(der !== undefined && { crl: encodePem('X509 CRL', der) }),
    ...(index !== undefined && { index: await readTextFile(index) }),
    certificates,
    noPreviousCrl: !previousCrl,
  };
  const empty = der === undefined && index === undefined && certificates.length === 0 && previousCrl;
  return empty ? requests : [...requests, last];
}

/** Every certificate in the files of a folder, PEM or DER; what holds none is left out. */
async function readFolder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!/\.(?:pem|crt|cer|der)$/.test(name)) continue;
    for (const der of await readInputs(join(folder, name), 'certificate'))
      found.push(encodePem('CERTIFICATE', der));
  }
  return found;
}

async function readCertificate(path: string): Promise<string> {
  const [der] = await readInputs(path, 'certificate');
  return encodePem('CERTIFICATE', der ?? new Uint8Array(0));
}

/** The message never quotes the file. */
async function readKey(path: string): Promise<string> {
  const blocks = decodePem(await readTextFile(path));
  const found = blocks.find(({ label }) => label === 'PRIVATE KEY');
  if (found !== undefined) return encodePem('PRIVATE KEY', found.der);
  throw new ChanceryError('usage', {
    message: `${path} holds no private key that can be read`,
    rule: 'PKCS#8 in PEM, not encrypted (RFC 5958)',
    fix: 'Convert it with `openssl pkcs8 -topk8 -nocrypt`.',
  });
}
