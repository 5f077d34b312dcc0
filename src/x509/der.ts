/**
 * DER (X.690): a writer for the parts that we sign and a strict cursor for what others send.
 * The reader takes no indefinite or padded length, no multi-byte tag and no trailing octet.
 */
import { ChanceryError } from '../base/errors.ts';
import { type Bytes, fromAscii, fromUtf8, toLatin1 } from './bytes.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[n]` IMPLICIT over a primitive type. */
export const context = (n: number): number => 0x80 | n;
/** `[n]` EXPLICIT, or IMPLICIT over a constructed type. */
export const contextConstructed = (n: number): number => 0xa0 | n;

const headerOctets = (length: number): number =>
  length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : length < 0x1000000 ? 5 : 6;

function writeHeader(out: Buffer, octets: number, tag: number, length: number): void {
  out[0] = tag;
  if (octets === 2) out[1] = length;
  else {
    out[1] = 0x80 | (octets - 2);
    out.writeUIntBE(length, 2, octets - 2);
  }
}

/** Tag and length octets of an element whose content has `length` octets. */
export function header(tag: number, length: number): Bytes {
  const octets = headerOctets(length);
  const out = Buffer.allocUnsafe(octets);
  writeHeader(out, octets, tag, length);
  return out;
}

export function tlv(tag: number, ...parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const octets = headerOctets(length);
  const out = Buffer.allocUnsafe(octets + length);
  writeHeader(out, octets, tag, length);
  let at = octets;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const sequence = (...parts: readonly Bytes[]): Bytes => tlv(TAG.sequence, ...parts);
export const octetString = (content: Bytes): Bytes => tlv(TAG.octetString, content);
export const NULL: Bytes = Buffer.from([TAG.null, 0]);
export const TRUE: Bytes = Buffer.from([TAG.boolean, 1, 0xff]);

/** SET OF: DER wants the encodings in ascending order. */
export function setOf(...parts: readonly Bytes[]): Bytes {
  return tlv(TAG.set, ...[...parts].sort((a, b) => Buffer.compare(a, b)));
}

/** An INTEGER from the big-endian octets of a number that is not negative. */
export function unsignedInteger(octets: Bytes): Bytes {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const trimmed = octets.subarray(start);
  if (trimmed.length === 0) return tlv(TAG.integer, Buffer.from([0]));
  return (trimmed[0] ?? 0) & 0x80 ? tlv(TAG.integer, Buffer.from([0]), trimmed) : tlv(TAG.integer, trimmed);
}

/** An INTEGER from a whole number that is not negative and not above 2^48. */
export function smallInteger(value: number): Bytes {
  const octets = Buffer.alloc(6);
  octets.writeUIntBE(value, 0, 6);
  return unsignedInteger(octets);
}

const encodedOids = new Map<string, Bytes>();
/** The same the other way round, by content: what we write is what we mostly read. */
const ownOids = new Map<string, string>();

/** An OBJECT IDENTIFIER. The few that we write are encoded once. */
export function oid(dotted: string): Bytes {
  const known = encodedOids.get(dotted);
  if (known !== undefined) return known;
  const encoded = encodeOid(dotted);
  if (encodedOids.size < 200) {
    encodedOids.set(dotted, encoded);
    ownOids.set(toLatin1(encoded.subarray(2)), dotted);
  }
  return encoded;
}

function encodeOid(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const out: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const group = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      group.unshift(0x80 | (left & 0x7f));
    out.push(...group);
  }
  return tlv(TAG.oid, Buffer.from(out));
}

export const utf8String = (text: string): Bytes => tlv(TAG.utf8String, fromUtf8(text));
export const printableString = (text: string): Bytes => tlv(TAG.printableString, fromAscii(text));

/** One decoded element. `content` and `raw` are views into the source. */
export interface Element {
  readonly tag: number;
  readonly content: Bytes;
  /** Tag, length and content. */
  readonly raw: Bytes;
}

/** What is refused by a reader. */
export const broken = (what: string, rule = 'X.690 DER'): ChanceryError =>
  new ChanceryError('malformed_der', {
    message: what,
    rule,
    fix: 'Encode it again with a DER encoder; the input may be cut off or damaged.',
  });

/** A cursor over a run of elements. Throws `malformed_der`. */
export class DerReader {
  readonly #bytes: Bytes;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /** A reader over the content of the one SEQUENCE that `bytes` must be. */
  static sequence(bytes: Bytes, what: string): DerReader {
    const outer = new DerReader(bytes);
    const inner = outer.sequence(what);
    outer.end(what);
    return inner;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element, `undefined` at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  next(what: string): Element {
    const bytes = this.#bytes;
    const start = this.#at;
    const tag = bytes[start];
    const first = bytes[start + 1];
    if (tag === undefined || first === undefined) throw broken(`${what} is missing or cut off`);
    if ((tag & 0x1f) === 0x1f) throw broken(`${what} has a multi-byte tag`);
    let length = first;
    let header = 2;
    if (first & 0x80) {
      const octets = first & 0x7f;
      if (octets === 0) throw broken(`${what} has an indefinite length`, 'X.690 10.1');
      if (octets > 4) throw broken(`${what} has a length of ${octets} octets`);
      length = 0;
      for (let i = 0; i < octets; i++) {
        const octet = bytes[start + 2 + i];
        if (octet === undefined) throw broken(`${what} is cut off`);
        length = length * 256 + octet;
      }
      if (length < 0x80 || bytes[start + 2] === 0) throw broken(`${what} has a padded length`, 'X.690 10.1');
      header += octets;
    }
    const end = start + header + length;
    if (end > bytes.length) throw broken(`${what} is cut off`);
    this.#at = end;
    return { tag, content: bytes.subarray(start + header, end), raw: bytes.subarray(start, end) };
  }

  expect(tag: number, what: string): Element {
    const element = this.next(what);
    if (element.tag !== tag)
      throw broken(`${what} has tag 0x${element.tag.toString(16)}, expected 0x${tag.toString(16)}`);
    return element;
  }

  optional(tag: number, what: string): Element | undefined {
    return this.peek() === tag ? this.next(what) : undefined;
  }

  sequence(what: string): DerReader {
    return new DerReader(this.expect(TAG.sequence, what).content);
  }

  /** All elements that are left, at most `limit`. */
  rest(what: string, limit = 1000): Element[] {
    const out: Element[] = [];
    while (!this.atEnd) {
      if (out.length === limit) throw broken(`${what} has over ${limit} elements`);
      out.push(this.next(what));
    }
    return out;
  }

  end(what: string): void {
    if (!this.atEnd) throw broken(`${what} has ${this.#bytes.length - this.#at} octets too many`);
  }
}

export function readOid(element: Element, what: string): string {
  const { tag, content } = element;
  if (tag !== TAG.oid) throw broken(`${what} is no OBJECT IDENTIFIER`);
  if (content.length === 0 || content.length > 64) throw broken(`${what} has ${content.length} octets`);
  const own = ownOids.get(toLatin1(content));
  if (own !== undefined) return own;
  const arcs: number[] = [];
  let arc = 0;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80) throw broken(`${what} has a padded arc`, 'X.690 8.19.2');
    fresh = (octet & 0x80) === 0;
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw broken(`${what} has an arc that is too large`);
    if (!fresh) continue;
    arcs.push(arc);
    arc = 0;
  }
  if (!fresh) throw broken(`${what} is cut off`);
  const [head = 0, ...rest] = arcs;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...rest].join('.');
}

/** The content octets of an INTEGER in their minimal form (two's complement). */
export function readInteger(element: Element, what: string): Bytes {
  const { tag, content } = element;
  if (tag !== TAG.integer) throw broken(`${what} is no INTEGER`);
  const [first, second] = content;
  if (first === undefined) throw broken(`${what} is empty`);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw broken(`${what} is padded`, 'X.690 8.3.2');
  return content;
}

/** A small INTEGER that is not negative, at most `limit`. */
export function readSmallInteger(element: Element, what: string, limit = 0x7fffffff): number {
  const content = readInteger(element, what);
  if ((content[0] ?? 0) & 0x80) throw broken(`${what} is negative`);
  let value = 0;
  for (const octet of content) {
    value = value * 256 + octet;
    if (value > limit) throw broken(`${what} is above ${limit}`);
  }
  return value;
}

export function readBoolean(element: Element, what: string): boolean {
  const [octet] = element.content;
  if (element.tag !== TAG.boolean || element.content.length !== 1) throw broken(`${what} is no BOOLEAN`);
  if (octet !== 0 && octet !== 0xff) throw broken(`${what} is neither 00 nor FF`, 'X.690 11.1');
  return octet === 0xff;
}
