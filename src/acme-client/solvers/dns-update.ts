/** UPDATE messages (RFC 2136) signed with TSIG (RFC 8945): one TXT record added or taken away. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { SECOND, type Instant } from '../../base/clock.ts';

export const TSIG_ALGORITHMS = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const;
export type TsigAlgorithm = (typeof TSIG_ALGORITHMS)[number];

export interface TsigKey {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Uint8Array;
}

export interface TxtUpdate {
  readonly zone: string;
  /** `_acme-challenge.shop.example.test` */
  readonly name: string;
  readonly text: string;
  readonly action: 'add' | 'delete';
  readonly ttl: number;
}

const TYPE = { soa: 6, txt: 16, tsig: 250 } as const;
const CLASS = { in: 1, none: 254, any: 255 } as const;
const UPDATE = 5 << 11;
/** RFC 8945 10: clocks may differ so much. */
const FUDGE = 300;

const u16 = (value: number): Buffer => {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
};
const u32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
};

/** RFC 1035 3.1, uncompressed and in lower case as TSIG wants it. Throws `RangeError` for what is no name. */
export function encodeDomain(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  const parts = labels.map((label) => {
    if (!/^[a-z0-9_*-]{1,63}$/.test(label)) throw new RangeError(`${JSON.stringify(name)} is no DNS name`);
    return Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function encodeUpdate(id: number, { zone, name, text, action, ttl }: TxtUpdate): Buffer {
  const data = Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
  // RFC 2136 2.5.4: a single record is taken away by class NONE and TTL 0
  const [type, life] = action === 'add' ? [CLASS.in, ttl] : [CLASS.none, 0];
  return Buffer.concat([
    u16(id),
    u16(UPDATE),
    ...[1, 0, 1, 0].map(u16),
    encodeDomain(zone),
    u16(TYPE.soa),
    u16(CLASS.in),
    encodeDomain(name),
    u16(TYPE.txt),
    u16(type),
    u32(life),
    u16(data.length),
    data,
  ]);
}

const timeSigned = (now: Instant): Buffer => {
  const octets = Buffer.alloc(6);
  octets.writeUIntBE(Math.floor(now / SECOND), 0, 6);
  return octets;
};

function mac(key: TsigKey, parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac(key.algorithm.slice('hmac-'.length), key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

export interface SignedUpdate {
  readonly message: Buffer;
  readonly id: number;
  /** What the answer's signature covers, too. */
  readonly mac: Buffer;
}

/** RFC 8945 4.2, 4.3.3 */
export function signUpdate(update: TxtUpdate, key: TsigKey, id: number, now: Instant): SignedUpdate {
  const message = encodeUpdate(id, update);
  const name = encodeDomain(key.name);
  const algorithm = encodeDomain(key.algorithm);
  const time = timeSigned(now);
  const digest = mac(key, [
    message,
    name,
    u16(CLASS.any),
    u32(0),
    algorithm,
    time,
    u16(FUDGE),
    u16(0),
    u16(0),
  ]);
  const data = Buffer.concat([
    algorithm,
    time,
    u16(FUDGE),
    u16(digest.length),
    digest,
    u16(id),
    u16(0),
    u16(0),
  ]);
  const record = Buffer.concat([name, u16(TYPE.tsig), u16(CLASS.any), u32(0), u16(data.length), data]);
  const signed = Buffer.concat([message, record]);
  signed.writeUInt16BE(1, 10);
  return { message: signed, id, mac: digest };
}

const RCODES: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  4: 'NOTIMP',
  5: 'REFUSED',
  6: 'YXDOMAIN',
  7: 'YXRRSET',
  8: 'NXRRSET',
  9: 'NOTAUTH',
  10: 'NOTZONE',
};

/** Why the server refused, `undefined` for success. An answer whose signature does not hold is a refusal, too. */
export function judgeAnswer(answer: Buffer, sent: SignedUpdate, key: TsigKey): string | undefined {
  if (answer.length < 12 || answer.readUInt16BE(0) !== sent.id || (answer.readUInt16BE(2) & 0x8000) === 0)
    return 'an answer to something else';
  const code = answer.readUInt16BE(2) & 0xf;
  if (code !== 0) return RCODES[code] ?? `rcode ${code}`;
  return verifies(answer, sent, key) ? undefined : 'an answer without a valid signature (TSIG)';
}

/** The TSIG record is the last one (RFC 8945 5.1); its names are compared without case, compressed or not. */
function verifies(answer: Buffer, sent: SignedUpdate, key: TsigKey): boolean {
  const signature = readSignature(answer);
  if (signature === undefined) return false;
  const name = encodeDomain(key.name);
  const algorithm = encodeDomain(key.algorithm);
  if (!signature.name.equals(name) || !signature.algorithm.equals(algorithm)) return false;
  const unsigned = Buffer.from(answer.subarray(0, signature.start));
  unsigned.writeUInt16BE(unsigned.readUInt16BE(10) - 1, 10);
  const expected = mac(key, [
    u16(sent.mac.length),
    sent.mac,
    unsigned,
    name,
    u16(CLASS.any),
    u32(0),
    algorithm,
    signature.time,
    signature.error,
    u16(signature.other.length),
    signature.other,
  ]);
  return signature.mac.length === expected.length && timingSafeEqual(signature.mac, expected);
}

interface Signature {
  /** Where its record begins. */
  readonly start: number;
  readonly name: Buffer;
  readonly algorithm: Buffer;
  /** Time signed and fudge. */
  readonly time: Buffer;
  readonly mac: Buffer;
  readonly error: Buffer;
  readonly other: Buffer;
}

/** Type, class ANY, TTL 0 (RFC 8945 4.2). */
const TSIG_RECORD = Buffer.concat([u16(TYPE.tsig), u16(CLASS.any), u32(0)]);

/** Walks over the records to the last one; `undefined` for what is cut off, too long, or not signed. */
function readSignature(answer: Buffer): Signature | undefined {
  try {
    let at = 12;
    for (let left = answer.readUInt16BE(4); left > 0; left -= 1) at = readName(answer, at).end + 4;
    const records = answer.readUInt16BE(6) + answer.readUInt16BE(8) + answer.readUInt16BE(10);
    if (answer.readUInt16BE(10) === 0) return undefined;
    for (let left = records; left > 1; left -= 1) {
      const { end } = readName(answer, at);
      at = end + 10 + answer.readUInt16BE(end + 8);
    }
    const owner = readName(answer, at);
    if (!answer.subarray(owner.end, owner.end + 8).equals(TSIG_RECORD)) return undefined;
    const length = answer.readUInt16BE(owner.end + 8);
    if (owner.end + 10 + length !== answer.length) return undefined;
    const algorithm = readName(answer, owner.end + 10);
    const time = algorithm.end;
    const digest = time + 10;
    const size = answer.readUInt16BE(time + 8);
    const error = digest + size + 2;
    // the original id: nobody stands between us who changes it
    if (answer.readUInt16BE(error - 2) !== answer.readUInt16BE(0)) return undefined;
    const otherLength = answer.readUInt16BE(error + 2);
    if (error + 4 + otherLength !== answer.length) return undefined;
    return {
      start: at,
      name: owner.name,
      algorithm: algorithm.name,
      time: answer.subarray(time, time + 8),
      mac: answer.subarray(digest, digest + size),
      error: answer.subarray(error, error + 2),
      other: answer.subarray(error + 4),
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** In lower case and uncompressed; a pointer leads backwards only (RFC 1035 4.1.4). Throws `RangeError`. */
function readName(message: Buffer, start: number): { readonly name: Buffer; readonly end: number } {
  const parts: Buffer[] = [];
  let end: number | undefined;
  let limit = start;
  for (let at = start; ;) {
    const size = message.readUInt8(at);
    if (size >= 0xc0) {
      end ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      if (at >= limit) throw new RangeError('a pointer that does not lead back');
      limit = at;
    } else if (size > 63 || at + 1 + size > message.length) throw new RangeError('a label that is none');
    else {
      parts.push(Buffer.from(message.toString('latin1', at, at + 1 + size).toLowerCase(), 'latin1'));
      if (size === 0) return { name: Buffer.concat(parts), end: end ?? at + 1 };
      at += 1 + size;
    }
  }
}
