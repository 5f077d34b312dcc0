/** `audit verify FILE --key PUB [--head FILE]`: whether an exported audit log is whole and unchanged. Needs no server. */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { ChanceryError } from '../../base/errors.ts';
import { readHeadLine } from '../../domain/audit/export.ts';
import type { AuditHead } from '../../domain/audit/head.ts';
import { verifyHead } from '../../domain/audit/heads.ts';
import type { AuditReport } from '../../domain/audit/report.ts';
import { AuditVerifier } from '../../domain/audit/verify.ts';
import { decodePemOne } from '../../x509/pem.ts';
import { type PublicKey, readPublicKey } from '../../x509/public-key.ts';

export interface AuditVerifyOptions {
  /** `-` reads `input`. */
  readonly file: string;
  /** PEM of the audit public key. */
  readonly key: string;
  /** A head line that was kept elsewhere; of several, the newest counts. */
  readonly head?: string | undefined;
}

export interface AuditVerifyResult {
  readonly report: AuditReport;
  /** 0 good, 3 broken. What cannot be read at all throws with exit code 1. */
  readonly exitCode: 0 | 3;
}

/** Reads as much as it must, a block at a time. Throws `usage` or `malformed_pem` for what cannot be read. */
export async function verifyAuditFile(
  options: AuditVerifyOptions,
  input: AsyncIterable<Uint8Array>,
): Promise<AuditVerifyResult> {
  const key = readKey(options.key);
  const witness = options.head === undefined ? undefined : readWitness(options.head, key);
  const verifier = new AuditVerifier(key, witness);
  const blocks = options.file === '-' ? input : createReadStream(options.file, { highWaterMark: 256 * 1024 });
  let rest: Uint8Array;
  try {
    rest = await pushLines(blocks, (line) => verifier.push(line));
  } catch (error) {
    throw unreadable(options.file, error);
  }
  const report = verifier.finish(rest);
  return { report, exitCode: report.verdict === 'good' ? 0 : 3 };
}

const LINE_FEED = 0x0a;
/** No line of an export is longer. */
const LONGEST_LINE = 4 * 1024 * 1024;

/** Gives each line to `push` until it wants no more, and returns what came after the last line feed. */
async function pushLines(
  blocks: AsyncIterable<Uint8Array>,
  push: (line: Uint8Array) => boolean,
): Promise<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const block of blocks) {
    let start = 0;
    for (let end = block.indexOf(LINE_FEED); end !== -1; end = block.indexOf(LINE_FEED, start)) {
      const line = block.subarray(start, end);
      const more = push(rest.length === 0 ? line : Buffer.concat([rest, line]));
      if (!more) return new Uint8Array(0);
      rest = new Uint8Array(0);
      start = end + 1;
    }
    rest = Buffer.concat([rest, block.subarray(start)]);
    if (rest.length > LONGEST_LINE) {
      push(new Uint8Array(0)); // an empty line is never a good one
      return new Uint8Array(0);
    }
  }
  return rest;
}

function readKey(path: string): PublicKey {
  return readPublicKey(decodePemOne(readSmall(path), 'PUBLIC KEY'));
}

function readWitness(path: string, key: PublicKey): AuditHead {
  const heads = readSmall(path)
    .split('\n')
    .map((line) => readHeadLine(line.trim())?.head)
    .filter((head) => head !== undefined);
  const newest = heads.reduce<AuditHead | undefined>(
    (best, head) => (best === undefined || head.sequence > best.sequence ? head : best),
    undefined,
  );
  if (newest === undefined)
    throw new ChanceryError('usage', {
      message: `${path} holds no head of an audit log`,
      rule: '--head names a file with a {"type":"head",…} line of an export',
      fix: 'Keep the last line of an export: `tail -n 1 export.jsonl > head.json`.',
    });
  if (verifyHead(newest, key)) return newest;
  throw new ChanceryError('usage', {
    message: `the head of entry ${newest.sequence} in ${path} is not signed by the given audit key`,
    rule: 'a head that was kept elsewhere proves something only with its signature',
    fix: 'Check --key and --head: both must come from the same authority.',
  });
}

const SMALL = 1024 * 1024;

function readSmall(path: string): string {
  try {
    if (statSync(path).size > SMALL) throw new Error(`it is larger than ${SMALL} octets`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, error: unknown): ChanceryError =>
  new ChanceryError(
    'usage',
    {
      message: `${path === '-' ? 'standard input' : path} cannot be read: ${(error as Error).message}`,
      rule: 'the export, the audit public key and the kept head are readable files',
      fix: 'Check the path and its permissions.',
    },
    { cause: error },
  );

/** The report for a person. */
export function describeAuditReport(report: AuditReport, file: string): string {
  const { bad, lastHead, last, first, witness } = report;
  const what = report.form === 'copy' ? ' (the copy of a sink: a later head signs its newest entries)' : '';
  const lines = [`${file}: ${bad === null ? 'good' : `broken at line ${bad.line}`}${what}`];
  if (bad !== null) lines.push(`  ${bad.message}`);
  lines.push(
    first === null
      ? '  no good entries'
      : `  entries ${first} to ${last?.sequence} are chained without a gap`,
  );
  lines.push(
    lastHead === null
      ? '  no good signed head'
      : `  last good head: entry ${lastHead.sequence}, signed ${lastHead.time}; ${report.uncovered} entries after it`,
  );
  if (witness?.found === true)
    lines.push(`  the head kept elsewhere (entry ${witness.sequence}, ${witness.time}) agrees`);
  return [...lines, ...report.notes.map((note) => `  ${note}`)].join('\n');
}
