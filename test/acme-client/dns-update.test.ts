/** UPDATE and TSIG by themselves; test/peers/public-ca.test.ts holds them against knot. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  encodeDomain,
  judgeAnswer,
  type SignedUpdate,
  signUpdate,
  type TsigKey,
} from '../../src/acme-client/solvers/dns-update.ts';
import { NOW } from '../support/chains.ts';

const KEY: TsigKey = { name: 'chancery', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 7) };
const SENT = signUpdate(
  { zone: 'example.test', name: '_acme-challenge.shop.example.test', text: 'abc', action: 'add', ttl: 60 },
  KEY,
  0x1234,
  NOW,
);

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

interface Spoiled {
  readonly code?: number;
  readonly id?: number;
  /** As the server writes the key's name. */
  readonly owner?: Buffer;
  readonly algorithm?: Buffer;
  readonly key?: TsigKey;
  readonly mac?: (mac: Buffer) => Buffer;
  /** Repeats the question, so that names can point at it. */
  readonly question?: Buffer;
  readonly requestMac?: Buffer;
}

/** What a server says to it, written apart from the code under test (RFC 8945 4.3). */
function answer(spoiled: Spoiled = {}): Buffer {
  const { code = 0, id = SENT.id, key = KEY, question, requestMac = SENT.mac } = spoiled;
  const head = Buffer.concat([
    u16(id),
    u16(0x8000 | (5 << 11) | code),
    u16(question === undefined ? 0 : 1),
    u16(0),
    u16(0),
    u16(0),
    question ?? Buffer.alloc(0),
  ]);
  const time = Buffer.alloc(8);
  time.writeUIntBE(Math.floor(NOW / 1000), 0, 6);
  time.writeUInt16BE(300, 6);
  const digest = createHmac('sha256', key.secret)
    .update(u16(requestMac.length))
    .update(requestMac)
    .update(head)
    .update(encodeDomain(KEY.name))
    .update(Buffer.from([0, 255, 0, 0, 0, 0]))
    .update(encodeDomain('hmac-sha256'))
    .update(time)
    .update(Buffer.alloc(4))
    .digest();
  const mac = spoiled.mac?.(digest) ?? digest;
  const data = Buffer.concat([
    spoiled.algorithm ?? encodeDomain('hmac-sha256'),
    time,
    u16(mac.length),
    mac,
    u16(id),
    Buffer.alloc(4),
  ]);
  const signed = Buffer.concat([
    head,
    spoiled.owner ?? encodeDomain(KEY.name),
    Buffer.from([0, 250, 0, 255, 0, 0, 0, 0]),
    u16(data.length),
    data,
  ]);
  signed.writeUInt16BE(1, 10);
  return signed;
}

const judged = (message: Buffer, sent: SignedUpdate = SENT): string | undefined =>
  judgeAnswer(message, sent, KEY);
const UNSIGNED = 'an answer without a valid signature (TSIG)';

describe('an update', () => {
  test('is what RFC 2136 2 says, octet by octet', () => {
    const { message } = SENT;
    const zone = Buffer.concat([encodeDomain('example.test'), u16(6), u16(1)]);
    const record = Buffer.concat([
      encodeDomain('_acme-challenge.shop.example.test'),
      u16(16),
      u16(1),
      Buffer.from([0, 0, 0, 60]),
      u16(4),
      Buffer.from('\x03abc'),
    ]);
    expect(message.subarray(0, 12).toString('hex')).toBe('123428000001000000010001');
    expect(message.subarray(12, 12 + zone.length)).toEqual(zone);
    expect(message.subarray(12 + zone.length, 12 + zone.length + record.length)).toEqual(record);
    expect(message.subarray(-4)).toEqual(Buffer.alloc(4));
    expect(message.includes(SENT.mac)).toBe(true);
  });

  test('a deletion is of class NONE with TTL 0: others keep their records', () => {
    const { message } = signUpdate(
      { zone: 'example.test', name: 'a.example.test', text: 'abc', action: 'delete', ttl: 60 },
      KEY,
      1,
      NOW,
    );
    const at = message.indexOf(encodeDomain('a.example.test')) + encodeDomain('a.example.test').length;
    expect(message.subarray(at, at + 8).toString('hex')).toBe('001000fe00000000');
  });

  test.each(['a..b', 'x'.repeat(64), 'a b', 'a\0b', '$(id)', ''])('%j is no name', (name) => {
    expect(() => encodeDomain(name)).toThrow(RangeError);
  });
});

describe('an answer', () => {
  test('signed with the key, over our signature, is believed', () => {
    expect(judged(answer())).toBeUndefined();
  });

  test('the names may be compressed, and written with other letters', () => {
    const question = Buffer.concat([Buffer.from('\x08chancery\0'), u16(6), u16(1)]);
    expect(judged(answer({ question, owner: Buffer.from([0xc0, 12]) }))).toBeUndefined();
    expect(
      judged(answer({ owner: Buffer.from('\x08ChanCery\0'), algorithm: Buffer.from('\x0bHMAC-SHA256\0') })),
    ).toBeUndefined();
  });

  test.each<[string, Buffer]>([
    ['another key', answer({ key: { ...KEY, secret: Buffer.alloc(32, 8) } })],
    [
      'a bit changed',
      answer({ mac: (mac) => Buffer.from(mac.map((octet, at) => (at === 3 ? octet ^ 1 : octet))) }),
    ],
    ['a shorter signature', answer({ mac: (mac) => mac.subarray(0, 16) })],
    ['no signature', answer({ mac: () => Buffer.alloc(0) })],
    ['over another request', answer({ requestMac: Buffer.alloc(32) })],
    ["another key's name", answer({ owner: encodeDomain('somebody') })],
    ['another algorithm', answer({ algorithm: encodeDomain('hmac-md5') })],
    ['a pointer at itself', answer({ owner: Buffer.from([0xc0, 12]) })],
    ['a pointer forwards', answer({ owner: Buffer.from([0xc0, 40]) })],
    ['octets behind', Buffer.concat([answer(), Buffer.from([0])])],
  ])('%s is refused', (_, message) => {
    expect(judged(message)).toBe(UNSIGNED);
  });

  test('cut off anywhere it is refused, and nothing is thrown', () => {
    const whole = answer();
    for (let length = 0; length < whole.length; length += 1)
      expect(judged(whole.subarray(0, length))).toBe(length < 12 ? 'an answer to something else' : UNSIGNED);
  });

  test('any one octet changed: it is never believed', () => {
    const whole = answer();
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      expect(judged(changed), `octet ${at}`).toBeDefined();
    }
  });

  test('to another request, or a request: no answer', () => {
    expect(judged(answer({ id: 0x4321 }))).toBe('an answer to something else');
    expect(judged(SENT.message)).toBe('an answer to something else');
  });

  test.each([
    [5, 'REFUSED'],
    [9, 'NOTAUTH'],
    [15, 'rcode 15'],
  ])('rcode %i', (code, said) => {
    expect(judged(answer({ code }))).toBe(said);
  });
});
