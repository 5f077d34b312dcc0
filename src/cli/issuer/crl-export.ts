/** `chancery issuer crl export`: what a service needs to refuse revoked clients by itself, as one file. */
import type { ServerInfo } from '../../api/authority.ts';
import { ChanceryError } from '../../base/errors.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { equal } from '../../x509/bytes.ts';
import { findExtension } from '../../x509/certificate.ts';
import { type CertificateList, readCertificateList, readCrlNumber } from '../../x509/crl.ts';
import { formatName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { readTextFileIfThere, writeFiles } from '../files.ts';
import { printSheet } from '../output.ts';
import type { Session } from '../session.ts';
import { harmless } from '../terminal.ts';

export interface CrlExportOptions extends Asking {
  readonly out: string;
  readonly url?: string;
}

const MAX_OCTETS = 256 * 1024 * 1024;
const PATIENCE = 60_000;

/** The file is there whole or not at all, and is left alone where it holds the same lists already. */
export async function exportCrls(session: Session, options: CrlExportOptions, name: string): Promise<void> {
  const { terminal } = session;
  const base = await statusUrl(session, options);
  const url = new URL(`crl/${encodeURIComponent(name)}.pem`, base);
  const lists = readLists(await fetchText(url), url.href);
  refuseStale(lists, terminal.now());
  const before = await readTextFileIfThere(options.out);
  const content = lists.map(({ raw }) => encodePem('X509 CRL', raw)).join('');
  if (before !== undefined) refuseOlder(lists, readLists(before, options.out), options.out);
  const changed = before !== content;
  if (changed) await writeFiles([{ path: options.out, content, mode: 0o644 }]);
  const earliest = Math.min(...lists.map(({ nextUpdate }) => nextUpdate ?? 0));
  await printSheet(terminal, options.output, {
    resource: {
      file: options.out,
      url: url.href,
      changed,
      nextUpdate: formatInstant(earliest),
      crls: lists.map((list) => ({
        issuer: formatName(list.issuer),
        number: String(numberOf(list)),
        thisUpdate: formatInstant(list.thisUpdate),
        nextUpdate: formatInstant(list.nextUpdate ?? 0),
      })),
    },
    name: options.out,
    heading: options.out,
    fields: [
      ['changed', changed ? 'yes' : 'no'],
      ['CRLs', lists.map((list) => `${formatName(list.issuer)}, number ${numberOf(list)}`)],
      ['good until', formatInstant(earliest)],
    ],
  });
}

/** Everybody may ask the status listener: who names it needs no login. */
async function statusUrl(session: Session, options: CrlExportOptions): Promise<URL> {
  const named = options.url ?? session.terminal.environment['CHANCERY_STATUS_URL'];
  const text =
    named !== undefined && named !== ''
      ? named
      : (await withClient(session, options, (client) => client.get<ServerInfo>('/server'))).statusUrl;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))
    return new URL(text.endsWith('/') ? text : `${text}/`);
  throw new ChanceryError('usage', {
    message: `--url is ${JSON.stringify(text)}`,
    rule: 'http://host:port of a status listener',
    fix: 'See `externalUrl.status` in the configuration of the server.',
  });
}

async function fetchText(url: URL): Promise<string> {
  let status: number;
  let text: string;
  try {
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(PATIENCE) });
    status = answer.status;
    if (Number(answer.headers.get('content-length') ?? 0) > MAX_OCTETS)
      throw new Error('the answer is too large');
    text = await answer.text();
  } catch (cause) {
    throw unreachable(url, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (status === 200) return text;
  if (status !== 404) throw unreachable(url, `${status} ${harmless(text.trim().slice(0, 200))}`);
  throw new ChanceryError('not_found', {
    message: `${url.href} is not there`,
    rule: 'the name of an issuer',
    fix: 'See `chancery issuer list`.',
  });
}

const unreachable = (url: URL, reason: string, cause?: unknown): ChanceryError =>
  new ChanceryError(
    'unreachable',
    {
      message: `no CRLs from ${url.href}: ${reason}`,
      rule: 'the status listener answers with every CRL of the chain, or not at all',
      fix: 'The file of before stays as it is. Look at the server, and try again.',
    },
    { cause },
  );

/** Throws `malformed_pem`, `malformed_der`, or `chain_rejected` for something else than numbered CRLs. */
function readLists(text: string, where: string): CertificateList[] {
  const blocks = decodePem(text);
  if (blocks.length === 0 || blocks.some(({ label }) => label !== 'X509 CRL'))
    throw rejected(`${where} holds something else than CRLs`, 'PEM blocks with the label X509 CRL');
  return blocks.map(({ der }) => readCertificateList(der));
}

function refuseStale(lists: readonly CertificateList[], now: Instant): void {
  const stale = lists.find(({ nextUpdate }) => nextUpdate === undefined || nextUpdate <= now);
  if (stale !== undefined)
    throw rejected(
      `the CRL of ${formatName(stale.issuer)} has run out`,
      'RFC 5280 5.1.2.5: a CRL is not used after its nextUpdate',
    );
}

/** Over plain HTTP somebody may answer with yesterday's list. */
function refuseOlder(
  lists: readonly CertificateList[],
  before: readonly CertificateList[],
  path: string,
): void {
  for (const list of lists) {
    const held = before.find((one) => equal(one.issuer, list.issuer));
    if (held !== undefined && numberOf(held) > numberOf(list))
      throw rejected(
        `the CRL of ${formatName(list.issuer)} has the number ${numberOf(list)}, the one in ${path} has ${numberOf(held)}`,
        'RFC 5280 5.2.3: CRL numbers only rise',
      );
  }
}

function numberOf(list: CertificateList): bigint {
  const extension = findExtension(list, OID.cRLNumber);
  if (extension === undefined)
    throw rejected(`the CRL of ${formatName(list.issuer)} has no number`, 'RFC 5280 5.2.3');
  return readCrlNumber(extension.value);
}

const rejected = (message: string, rule: string): ChanceryError =>
  new ChanceryError('chain_rejected', {
    message,
    rule,
    fix: 'The file of before stays as it is. Ask the operators of the authority.',
  });
