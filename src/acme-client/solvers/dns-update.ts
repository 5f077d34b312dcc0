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

/** The TSIG record is the last one (RFC 8945 5.1); its name is the key's, uncompressed or not. */
function verifies(answer: Buffer, sent: SignedUpdate, key: TsigKey): boolean {
  const algorithm = encodeDomain(key.algorithm);
  const at = answer.lastIndexOf(algorithm);
  // type, class, TTL and length stand before the data, the owner's name before these
  const start = at - 10;
  if (at < 12 + 10 || answer.readUInt16BE(start) !== TYPE.tsig) return false;
  const name = encodeDomain(key.name);
  const written = answer.subarray(start - name.length, start);
  const owner = written.equals(name) ? name.length : (answer[start - 2] ?? 0) >= 0xc0 ? 2 : 0;
  if (owner === 0) return false;
  const time = answer.subarray(at + algorithm.length, at + algorithm.length + 6);
  const fudge = answer.subarray(at + algorithm.length + 6, at + algorithm.length + 8);
  const size = answer.readUInt16BE(at + algorithm.length + 8);
  const digest = answer.subarray(at + algorithm.length + 10, at + algorithm.length + 10 + size);
  const rest = answer.subarray(at + algorithm.length + 10 + size + 2);
  if (rest.length < 4) return false;
  const error = rest.subarray(0, 2);
  const otherLength = rest.readUInt16BE(2);
  const other = rest.subarray(4, 4 + otherLength);
  const unsigned = Buffer.from(answer.subarray(0, start - owner));
  unsigned.writeUInt16BE(Math.max(0, unsigned.readUInt16BE(10) - 1), 10);
  const expected = mac(key, [
    u16(sent.mac.length),
    sent.mac,
    unsigned,
    name,
    u16(CLASS.any),
    u32(0),
    algorithm,
    time,
    fudge,
    error,
    u16(otherLength),
    other,
  ]);
  return digest.length === expected.length && timingSafeEqual(digest, expected);
}
