/**
 * DNS messages (RFC 1035 4, RFC 6891): the queries that we send, and of the answers what validation needs. Written here
 * because what answers may be hostile: lengths, names and the number of records are bounded before anything is kept.
 */

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41, CAA: 257 } as const;
export type QuestionType = 'A' | 'AAAA' | 'CAA' | 'NS' | 'TXT';

export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
} as const;
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
export const rcodeName = (rcode: number): string => RCODES[rcode] ?? `RCODE ${rcode}`;

/** What fits into a datagram without fragments (RFC 9715). */
export const UDP_PAYLOAD = 1232;
const HEADER = 12;
const IN = 1;
const MAX_RECORDS = 400;
const MAX_NAME = 255;
/** As many as a name can have labels. */
const MAX_JUMPS = 128;

/** A message that is broken or that nobody should send. */
export class BadMessage extends Error {
  override readonly name = 'BadMessage';
}

export interface Question {
  /** As the domain name is written, without the dot at the end; the root is the empty text. */
  readonly name: string;
  readonly type: QuestionType;
}

export interface Query extends Question {
  readonly id: number;
  /** Whether the server is to ask others. */
  readonly recursion: boolean;
  /** Whether an OPT record says how much we take by UDP; without it that is 512 octets. */
  readonly edns: boolean;
}

interface Owned {
  /** In lower case; octets that no host name has are written as `\ddd`. */
  readonly owner: string;
}
export type DnsRecord = Owned &
  (
    | { readonly type: 'A' | 'AAAA'; readonly address: Uint8Array }
    | { readonly type: 'CNAME' | 'NS'; readonly target: string }
    | { readonly type: 'SOA' }
    /** The character strings one after the other, an octet a character. */
    | { readonly type: 'TXT'; readonly text: string }
    | { readonly type: 'CAA'; readonly critical: boolean; readonly tag: string; readonly value: string }
  );

export interface Message {
  readonly id: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly rcode: number;
  /** As the server wrote it, with its upper and lower case; `undefined` where it sent none. */
  readonly question: { readonly name: string; readonly type: number } | undefined;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

const ASKABLE = /^[A-Za-z0-9_-]{1,63}$/;

/** Throws BadMessage for a name that DNS could carry but that no host has. */
export function encodeQuery({ id, name, type, recursion, edns }: Query): Buffer {
  const labels = name === '' ? [] : name.split('.');
  if (name.length > MAX_NAME - 2 || !labels.every((label) => ASKABLE.test(label)))
    throw new BadMessage(`the name ${JSON.stringify(name.slice(0, 80))} cannot be asked for`);
  const nameLength = name === '' ? 1 : name.length + 2;
  const out = Buffer.alloc(HEADER + nameLength + 4 + (edns ? 11 : 0));
  out.writeUInt16BE(id, 0);
  out.writeUInt16BE(recursion ? 0x0100 : 0, 2);
  out.writeUInt16BE(1, 4);
  out.writeUInt16BE(edns ? 1 : 0, 10);
  let at = HEADER;
  for (const label of labels) {
    out[at] = label.length;
    at += 1 + out.write(label, at + 1, 'latin1');
  }
  out.writeUInt16BE(TYPE[type], at + 1);
  out.writeUInt16BE(IN, at + 3);
  // OPT: the root as its owner, the payload size as its class
  if (edns) out.writeUInt16BE(TYPE.OPT, at + 6);
  if (edns) out.writeUInt16BE(UDP_PAYLOAD, at + 8);
  return out;
}

/** Reads a response. Throws BadMessage. */
export function readMessage(bytes: Buffer): Message {
  if (bytes.length < HEADER) throw new BadMessage('the message is shorter than its header');
  const flags = bytes.readUInt16BE(2);
  if ((flags & 0x8000) === 0) throw new BadMessage('the message is no response');
  if ((flags & 0x7800) !== 0) throw new BadMessage('the message answers no query');
  const counts = [4, 6, 8, 10].map((offset) => bytes.readUInt16BE(offset));
  const [questions = 0, answers = 0, authority = 0, additional = 0] = counts;
  if (questions > 1) throw new BadMessage('the message has several questions');
  if (answers + authority + additional > MAX_RECORDS)
    throw new BadMessage(`the message has over ${MAX_RECORDS} records`);
  const cursor: Cursor = { bytes, at: HEADER };
  let question: Message['question'];
  if (questions === 1) {
    const name = readName(cursor);
    question = { name, type: readUInt16(cursor) };
    if (readUInt16(cursor) !== IN) throw new BadMessage('the question is not of the Internet class');
  }
  const truncated = (flags & 0x0200) !== 0;
  const header = {
    id: bytes.readUInt16BE(0),
    authoritative: (flags & 0x0400) !== 0,
    truncated,
    rcode: flags & 0x000f,
    question,
  };
  // what was cut off is asked for again by TCP
  if (truncated) return { ...header, answers: [], authority: [], additional: [] };
  return {
    ...header,
    answers: readRecords(cursor, answers),
    authority: readRecords(cursor, authority),
    additional: readRecords(cursor, additional),
  };
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

const cutOff = (): BadMessage => new BadMessage('the message is cut off');

function readUInt16(cursor: Cursor): number {
  const { bytes, at } = cursor;
  if (at + 2 > bytes.length) throw cutOff();
  cursor.at = at + 2;
  return bytes.readUInt16BE(at);
}

/** A name with its case. Pointers lead back only, so that no name is longer than its message or without an end. */
function readName(cursor: Cursor): string {
  const { bytes } = cursor;
  let at = cursor.at;
  let floor = at;
  let jumps = 0;
  let length = 1;
  const labels: string[] = [];
  for (;;) {
    const octet = bytes[at];
    if (octet === undefined) throw cutOff();
    if ((octet & 0xc0) === 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) throw cutOff();
      if (jumps++ === 0) cursor.at = at + 2;
      if (jumps > MAX_JUMPS) throw new BadMessage(`a name has over ${MAX_JUMPS} pointers`);
      at = ((octet & 0x3f) << 8) | low;
      if (at >= floor || at < HEADER) throw new BadMessage('a name points forward');
      floor = at;
      continue;
    }
    if (octet > 63) throw new BadMessage('a label is of an unknown kind');
    if (octet === 0) break;
    const end = at + 1 + octet;
    if (end > bytes.length) throw cutOff();
    length += octet + 1;
    if (length > MAX_NAME) throw new BadMessage(`a name has over ${MAX_NAME} octets`);
    labels.push(readLabel(bytes, at + 1, end));
    at = end;
  }
  if (jumps === 0) cursor.at = at + 1;
  return labels.join('.');
}

function readLabel(bytes: Buffer, from: number, to: number): string {
  const label = bytes.toString('latin1', from, to);
  if (ASKABLE.test(label)) return label;
  return label.replace(/[^A-Za-z0-9_-]/g, (char) => `\\${char.charCodeAt(0).toString().padStart(3, '0')}`);
}

function readRecords(cursor: Cursor, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < count; i++) {
    const record = readRecord(cursor);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** `undefined` for types and classes that nobody here asks for. */
function readRecord(cursor: Cursor): DnsRecord | undefined {
  const { bytes } = cursor;
  const owner = readName(cursor).toLowerCase();
  const type = readUInt16(cursor);
  const isInternet = readUInt16(cursor) === IN;
  cursor.at += 4; // how long it may be kept: it is not
  const length = readUInt16(cursor);
  const start = cursor.at;
  const end = start + length;
  if (end > bytes.length) throw cutOff();
  cursor.at = end;
  if (!isInternet) return undefined;
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA: {
      const name = type === TYPE.A ? 'A' : 'AAAA';
      if (length !== (type === TYPE.A ? 4 : 16))
        throw new BadMessage(`an ${name} record has ${length} octets`);
      return { owner, type: name, address: Uint8Array.from(bytes.subarray(start, end)) };
    }
    case TYPE.NS:
    case TYPE.CNAME: {
      const inner: Cursor = { bytes, at: start };
      const target = readName(inner).toLowerCase();
      if (inner.at !== end) throw new BadMessage('a record is longer than its name');
      return { owner, type: type === TYPE.NS ? 'NS' : 'CNAME', target };
    }
    case TYPE.SOA:
      return { owner, type: 'SOA' };
    case TYPE.TXT:
      return { owner, type: 'TXT', text: readText(bytes, start, end) };
    case TYPE.CAA:
      return { owner, type: 'CAA', ...readCaa(bytes, start, end) };
    default:
      return undefined;
  }
}

function readText(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end;) {
    const next = at + 1 + (bytes[at] ?? 0);
    if (next > end) throw cutOff();
    text += bytes.toString('latin1', at + 1, next);
    at = next;
  }
  return text;
}

/** RFC 8659 4.1. */
function readCaa(
  bytes: Buffer,
  start: number,
  end: number,
): { critical: boolean; tag: string; value: string } {
  const tagLength = bytes[start + 1] ?? 0;
  const valueAt = start + 2 + tagLength;
  if (end - start < 2 || valueAt > end) throw cutOff();
  const tag = bytes.toString('latin1', start + 2, valueAt);
  if (!/^[A-Za-z0-9]+$/.test(tag)) throw new BadMessage('a CAA record has no tag of letters and digits');
  return {
    critical: ((bytes[start] ?? 0) & 0x80) !== 0,
    tag: tag.toLowerCase(),
    value: bytes.toString('latin1', valueAt, end),
  };
}
