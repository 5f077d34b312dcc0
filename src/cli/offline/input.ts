/** Files of the offline verbs: certificates, requests and CRLs as PEM or DER, bounded in size. */
import { open } from 'node:fs/promises';
import { ChanceryError } from '../../base/errors.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { decodePem } from '../../x509/pem.ts';
import { fileError } from '../files.ts';

/** Certificates and requests. A full CRL may be larger: a million entries are about 40 MiB. */
const MIB = 1024 * 1024;
export const MAX_INPUT = MIB;
export const MAX_CRL_INPUT = 64 * MIB;

export type InputKind = 'certificate' | 'request' | 'crl';

export interface InputBlock {
  /** `undefined`: DER, which does not say what it is. */
  readonly kind: InputKind | undefined;
  readonly der: Bytes;
}

const KINDS: Readonly<Record<string, InputKind>> = {
  CERTIFICATE: 'certificate',
  'X509 CERTIFICATE': 'certificate',
  'CERTIFICATE REQUEST': 'request',
  'NEW CERTIFICATE REQUEST': 'request',
  'X509 CRL': 'crl',
};

/** What a file holds, in order; blocks of other kinds, private keys above all, are passed over unread. */
export async function readInput(path: string, limit: number = MAX_INPUT): Promise<InputBlock[]> {
  const content = await readBounded(path, limit);
  if (content.length === 0) throw unreadable(path, 'it is empty');
  if (content[0] === 0x30) return [{ kind: undefined, der: content }];
  const blocks = decodeNamed(path, content.toString('latin1'));
  const known = blocks.flatMap(({ label, der }) => {
    const kind = KINDS[label];
    return kind === undefined ? [] : [{ kind, der }];
  });
  if (known.length > 0) return known;
  const labels = blocks.map(({ label }) => `"${label}"`).join(', ');
  throw unreadable(path, labels === '' ? 'it is neither PEM nor DER' : `it holds ${labels} only`);
}

/** All blocks of one kind; DER is taken for that kind. Never an empty list. */
export async function readInputs(path: string, kind: InputKind, limit?: number): Promise<Bytes[]> {
  const found = (await readInput(path, limit)).filter((block) => (block.kind ?? kind) === kind);
  if (found.length === 0) throw unreadable(path, `it holds no ${NOUNS[kind]}`);
  return found.map(({ der }) => der);
}

const NOUNS: Readonly<Record<InputKind, string>> = {
  certificate: 'certificate',
  request: 'certificate request',
  crl: 'CRL',
};

function decodeNamed(path: string, text: string): ReturnType<typeof decodePem> {
  try {
    return decodePem(text);
  } catch (cause) {
    if (!(cause instanceof ChanceryError)) throw cause;
    throw new ChanceryError(cause.code, { ...cause.detail, message: `${path}: ${cause.message}` }, { cause });
  }
}

/** Reads `limit` octets at most, from anything: a pipe has no size to ask for. */
async function readBounded(path: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const handle = path === '-' ? undefined : await open(path, 'r');
    const stream = handle === undefined ? process.stdin : handle.createReadStream();
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  if (length <= limit) return Buffer.concat(chunks);
  throw unreadable(path, `it is larger than ${limit / 1024} KiB`);
}

export const unreadable = (path: string, why: string): ChanceryError =>
  new ChanceryError('usage', {
    message: `cannot read ${path}: ${why}`,
    rule: `PEM or DER of at most ${MAX_INPUT / MIB} MiB, a CRL of at most ${MAX_CRL_INPUT / MIB} MiB`,
    fix: 'Name a file with a certificate, a certificate request or a CRL.',
  });

/** Names the file in what a reader of its octets says. */
export function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ChanceryError)) throw cause;
    throw new ChanceryError(cause.code, { ...cause.detail, message: `${path}: ${cause.message}` }, { cause });
  }
}
