/**
 * The audit log as a file: JSON lines, UTF-8, each ended by a line feed.
 *
 *   {"type":"chancery-audit","version":1,"form":"export","trustDomain":…,"key":…,"after":{"sequence":0,"hash":…}}
 *   {"type":"entry","hash":…,"body":{…}}
 *   {"type":"head","previousHead":{"sequence":0,"hash":…},"sequence":…,"hash":…,"time":…,"keyId":…,"signature":…}
 *
 * The body is the text that was hashed, octet by octet, so everybody with SHA-256 can follow the chain:
 * hash = SHA-256(previous hash, line feed, body). `previousHead` is the entry that the head line before signs
 * (0 for none): it is not signed, and shows that a head line was lost.
 */
import { formatInstant, type Instant, parseInstant } from '../../base/clock.ts';
import type { ChainEnd } from './chain.ts';
import { EMPTY_CHAIN } from './chain.ts';
import type { AuditEntry } from './entry.ts';
import type { AuditHead } from './head.ts';
import type { AuditLog } from './ports.ts';

/** `export`: the whole log, closed by a head. `copy`: what a sink was given so far, perhaps from the middle on. */
export const EXPORT_FORMS = ['export', 'copy'] as const;
export type ExportForm = (typeof EXPORT_FORMS)[number];

export interface ExportHeader {
  readonly form: ExportForm;
  readonly trustDomain: string;
  /** SHA-256 of the audit public key, hexadecimal. */
  readonly key: string;
  /** What came before the first entry of this file. */
  readonly after: ChainEnd;
}

/** A head as its line shows it. */
export interface HeadLine {
  readonly head: AuditHead;
  /** The entry that the head line before signs; `EMPTY_CHAIN` when there is none, or a copy does not know. */
  readonly previousHead: ChainEnd;
}

export const headerLine = ({ form, trustDomain, key, after }: ExportHeader): string =>
  JSON.stringify({
    type: 'chancery-audit',
    version: 1,
    form,
    trustDomain,
    key,
    after: { sequence: after.sequence, hash: after.hash },
  });

const ENTRY_START = '{"type":"entry","hash":"';
const ENTRY_MIDDLE = '","body":';
const BODY_AT = ENTRY_START.length + 64 + ENTRY_MIDDLE.length;

export const entryLine = ({ hash, body }: Pick<AuditEntry, 'hash' | 'body'>): string =>
  `${ENTRY_START}${hash}${ENTRY_MIDDLE}${body}}`;

export const headLine = (head: AuditHead, previousHead: ChainEnd): string =>
  JSON.stringify({
    type: 'head',
    previousHead: { sequence: previousHead.sequence, hash: previousHead.hash },
    sequence: head.sequence,
    hash: head.hash,
    time: formatInstant(head.time),
    keyId: head.keyId,
    signature: head.signature,
  });

/** The whole log up to the entry that `closing` signs, which was made for this export. Lines without their ends. */
export function* exportLines(
  log: Pick<AuditLog, 'entries' | 'heads'>,
  trustDomain: string,
  closing: AuditHead,
): Generator<string, void, undefined> {
  yield headerLine({ form: 'export', trustDomain, key: closing.keyId, after: EMPTY_CHAIN });
  const heads = pages((from) => log.heads(from, PAGE));
  let head = heads.next();
  let previousHead = EMPTY_CHAIN;
  for (const entry of pages((from) => log.entries(from, PAGE))) {
    yield entryLine(entry);
    if (entry.sequence === closing.sequence) break;
    while (head.done !== true && head.value.sequence <= entry.sequence) {
      if (head.value.sequence === entry.sequence) {
        yield headLine(head.value, previousHead);
        previousHead = head.value;
      }
      head = heads.next();
    }
  }
  yield headLine(closing, previousHead);
}

const PAGE = 500;

/** Everything that has a sequence number, a page at a time: a log may be larger than memory. */
function* pages<T extends { readonly sequence: number }>(
  read: (from: number) => readonly T[],
): Generator<T, void, undefined> {
  let from = 1;
  for (;;) {
    const page = read(from);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    from = last.sequence + 1;
  }
}

/** Reading a line is strict: what does not read back to the same octets is `undefined`. */
export function readHeaderLine(line: string): ExportHeader | undefined {
  const value = parseObject(line);
  const after = readEnd(value?.['after']);
  const header = {
    form: value?.['form'] as ExportForm,
    trustDomain: value?.['trustDomain'] as string,
    key: value?.['key'] as string,
    after: after ?? EMPTY_CHAIN,
  };
  const sound =
    EXPORT_FORMS.includes(header.form) &&
    typeof header.trustDomain === 'string' &&
    isHash(header.key) &&
    after !== undefined;
  return sound && headerLine(header) === line ? header : undefined;
}

export function readEntryLine(
  line: string,
):
  | { readonly hash: string; readonly body: string; readonly parsed: Readonly<Record<string, unknown>> }
  | undefined {
  if (!line.startsWith(ENTRY_START) || !line.endsWith('}')) return undefined;
  const hash = line.slice(ENTRY_START.length, ENTRY_START.length + 64);
  const body = line.slice(BODY_AT, -1);
  const parsed = parseObject(body);
  if (!isHash(hash) || parsed === undefined || !isSequence(parsed['sequence'])) return undefined;
  return entryLine({ hash, body }) === line ? { hash, body, parsed } : undefined;
}

export function readHeadLine(line: string): HeadLine | undefined {
  const value = parseObject(line);
  if (value?.['type'] !== 'head') return undefined;
  const { sequence, hash, time, keyId, signature } = value;
  const previousHead = readEnd(value['previousHead']);
  if (previousHead === undefined || !isSequence(sequence) || !isHash(hash) || !isHash(keyId))
    return undefined;
  if (typeof time !== 'string' || typeof signature !== 'string') return undefined;
  const instant: Instant | undefined = parseInstant(time);
  if (instant === undefined) return undefined;
  const head = { sequence, hash, time: instant, keyId, signature };
  return headLine(head, previousHead) === line ? { head, previousHead } : undefined;
}

function readEnd(value: unknown): ChainEnd | undefined {
  const { sequence, hash } = (value ?? {}) as Partial<ChainEnd>;
  return isSequence(sequence) && isHash(hash) ? { sequence, hash } : undefined;
}

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isSequence = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
