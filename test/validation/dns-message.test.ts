import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadMessage, encodeQuery, readMessage } from '../../src/validation/dns/message.ts';
import { encodeName, encodeRecord, encodeReply, type FakeQuery } from '../fakes/dns-server.ts';
import { RUNS } from '../property/runs.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const HEADER = 'abcd 8400 0001 0001 0000 0000';
/** www.corp.test, TXT, IN */
const QUESTION = '03777777 04636f7270 0474657374 00 0010 0001';

describe('queries', () => {
  test('octet by octet, with and without OPT', () => {
    const query = { id: 0xabcd, name: 'wWw.corp.test', type: 'TXT', recursion: true, edns: false } as const;
    expect(encodeQuery(query)).toEqual(
      hex('abcd 0100 0001 0000 0000 0000 03775777 04636f7270 0474657374 00 0010 0001'),
    );
    expect(encodeQuery({ ...query, recursion: false, edns: true, name: '' })).toEqual(
      hex('abcd 0000 0001 0000 0000 0001 00 0010 0001 00 0029 04d0 00000000 0000'),
    );
  });

  test.each([
    'a..b',
    '.a',
    'a.',
    'a b',
    'a\\046b',
    'ü',
    `${'a'.repeat(64)}.b`,
    'a.'.repeat(127) + 'a',
    '*.a',
  ])('a name that cannot be asked for: %j', (name) => {
    expect(() => encodeQuery({ id: 1, name, type: 'A', recursion: true, edns: true })).toThrow(BadMessage);
  });
});

describe('answers', () => {
  test('compressed names (RFC 1035 4.1.4)', () => {
    const message = readMessage(
      hex(`${HEADER} ${QUESTION} c00c 0010 0001 0000003c 0009 0361626304 64656667`),
    );
    expect(message).toMatchObject({
      id: 0xabcd,
      authoritative: true,
      truncated: false,
      rcode: 0,
      question: { name: 'www.corp.test', type: 16 },
      answers: [{ owner: 'www.corp.test', type: 'TXT', text: 'abcdefg' }],
    });
    // CNAME to mail.corp.test, compressed at its second label
    const alias = readMessage(hex(`${HEADER} ${QUESTION} c00c 0005 0001 0000003c 0007 046d61696c c010`));
    expect(alias.answers).toEqual([{ owner: 'www.corp.test', type: 'CNAME', target: 'mail.corp.test' }]);
  });

  test('records of other types and classes are passed over, not misread', () => {
    const message = readMessage(
      hex(`abcd 8400 0001 0002 0000 0001 ${QUESTION}
        c00c 0010 0003 0000003c 0004 03616263
        c00c 002e 0001 0000003c 0002 ffff
        00 0029 04d0 00000000 0000`),
    );
    expect(message.answers).toEqual([]);
    expect(message.additional).toEqual([]);
  });

  test('octets that no host name has stay apart from dots and letters', () => {
    const owner = hex('03612e62 01ff 00').toString('hex');
    const message = readMessage(hex(`${HEADER} ${QUESTION} ${owner} 0010 0001 0000003c 0001 00`));
    expect(message.answers[0]?.owner).toBe('a\\046b.\\255');
  });

  test.each([
    ['shorter than a header', 'abcd 8400 0001'],
    ['a query', 'abcd 0100 0000 0000 0000 0000'],
    ['another opcode', 'abcd a800 0000 0000 0000 0000'],
    ['two questions', `abcd 8400 0002 0000 0000 0000 ${QUESTION} ${QUESTION}`],
    ['a question of another class', 'abcd 8400 0001 0000 0000 0000 00 0010 0003'],
    ['no record where one is announced', `${HEADER} ${QUESTION}`],
    ['a record that is cut off', `${HEADER} ${QUESTION} c00c 0010 0001 0000003c 0009 03616263`],
    ['a name that is cut off', 'abcd 8400 0001 0000 0000 0000 0377'],
    ['a pointer to itself', `${HEADER} ${QUESTION} c01f 0010 0001 0000003c 0000`],
    ['a pointer forward', `${HEADER} ${QUESTION} c030 0010 0001 0000003c 0000`],
    ['a pointer into the header', `${HEADER} ${QUESTION} c004 0010 0001 0000003c 0000`],
    ['a pointer that is cut off', `abcd 8400 0001 0000 0000 0000 c0`],
    ['two pointers that go round', `${HEADER} 01 61 c00c 0010 0001`],
    ['a label of the kind 01', `abcd 8400 0001 0000 0000 0000 4161 00 0010 0001`],
    ['an A record of 5 octets', `${HEADER} ${QUESTION} c00c 0001 0001 0000003c 0005 0a00000100`],
    ['an AAAA record of 4 octets', `${HEADER} ${QUESTION} c00c 001c 0001 0000003c 0004 0a000001`],
    ['a character string beyond its record', `${HEADER} ${QUESTION} c00c 0010 0001 0000003c 0002 0361`],
    ['a CNAME shorter than its record', `${HEADER} ${QUESTION} c00c 0005 0001 0000003c 0003 c00c00`],
    ['a CNAME longer than its record', `${HEADER} ${QUESTION} c00c 0005 0001 0000003c 0001 c00c`],
    ['a CAA tag beyond its record', `${HEADER} ${QUESTION} c00c 0101 0001 0000003c 0004 00 09 6173`],
    ['a CAA record without tag', `${HEADER} ${QUESTION} c00c 0101 0001 0000003c 0002 00 00`],
    ['more records than anybody sends', 'abcd 8400 0000 ffff ffff ffff'],
  ])('%s is refused', (_what, text) => {
    expect(() => readMessage(hex(text))).toThrow(BadMessage);
  });

  test('a pointer leads back only, also where a name stands further on', () => {
    const record = (owner: string): Buffer =>
      hex(`${HEADER} ${QUESTION} ${owner} 0010 0001 0000003c 0003 0161 00`);
    for (const owner of ['c01f', 'c02b']) expect(() => readMessage(record(owner))).toThrow('points forward');
    expect(readMessage(record('c010')).answers[0]?.owner).toBe('corp.test');
  });

  test('a name of 255 octets is read, one of 256 is not', () => {
    const name = (last: number): string =>
      `${`3f${'61'.repeat(63)}`.repeat(3)} ${last.toString(16).padStart(2, '0')}${'61'.repeat(last)} 00`;
    const message = (last: number): Buffer => hex(`abcd 8400 0001 0000 0000 0000 ${name(last)} 0010 0001`);
    expect(readMessage(message(61)).question?.name).toHaveLength(253);
    expect(() => readMessage(message(62))).toThrow(BadMessage);
  });

  test('a chain of pointers through the whole message is not followed to its end', () => {
    // a record of a type that nobody asks for carries the chain
    const carrier = hex('00 0063 0001 0000003c 3e80');
    const at = (link: number): number => 12 + carrier.length + 2 * link;
    const chain = Buffer.alloc(0x3e80);
    for (let i = 1; i < 8000; i++) chain.writeUInt16BE(0xc000 | at(i - 1), 2 * i);
    const from = (link: number): Buffer => {
      const records = Array.from({ length: 399 }, () => hex('0000 0010 0001 0000003c 0000'));
      for (const record of records) record.writeUInt16BE(0xc000 | at(link), 0);
      return Buffer.concat([hex('abcd 8400 0000 0190 0000 0000'), carrier, chain, ...records]);
    };
    const began = performance.now();
    expect(() => readMessage(from(7999))).toThrow('over 128 pointers');
    expect(readMessage(from(100)).answers).toHaveLength(399);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

test('property: what the fake writes is read back', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
  const record = fc.oneof(
    fc.record({ name, type: fc.constant('TXT' as const), data: fc.stringMatching(/^[ -~]{0,200}$/) }),
    fc.record({ name, type: fc.constant('CNAME' as const), data: name }),
    fc.record({ name, type: fc.constant('A' as const), data: fc.ipV4() }),
  );
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), fc.integer({ min: 0, max: 65535 }), (records, id) => {
      const query = { id, recursion: true, question: hex(QUESTION) } as unknown as FakeQuery;
      const { answers, id: readId } = readMessage(encodeReply(query, { answers: records }));
      expect(readId).toBe(id);
      expect(answers.map(({ owner, type }) => [owner, type])).toEqual(
        records.map((one) => [one.name, one.type]),
      );
      for (const [i, answer] of answers.entries()) {
        if (answer.type === 'TXT') expect(answer.text).toBe(records[i]?.data);
        if (answer.type === 'CNAME') expect(answer.target).toBe(records[i]?.data);
        if (answer.type === 'A') expect([...answer.address].join('.')).toBe(records[i]?.data);
      }
    }),
    { numRuns: 200 },
  );
});

test('property: whatever comes is read or refused, quickly, and never otherwise', () => {
  const good = encodeReply({ id: 1, recursion: true, question: hex(QUESTION) } as unknown as FakeQuery, {
    answers: [
      { name: 'www.corp.test', type: 'CNAME', data: 'a.corp.test' },
      { name: 'a.corp.test', type: 'TXT', data: ['x', 'y'] },
      { name: 'a.corp.test', type: 'CAA', data: '0 issue "ca.test"' },
      { name: 'a.corp.test', type: 'AAAA', data: '2001:db8::1' },
    ],
  });
  const spoiled = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, octet] of changes) bytes[at] = octet;
      return bytes;
    });
  const cut = fc.nat(good.length).map((length) => good.subarray(0, length));
  const noise = fc.uint8Array({ maxLength: 600 }).map((octets) => Buffer.from(octets));
  fc.assert(
    fc.property(fc.oneof(spoiled, cut, noise), (bytes) => {
      const began = performance.now();
      try {
        readMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(BadMessage);
      }
      expect(performance.now() - began).toBeLessThan(1000);
    }),
    { numRuns: RUNS },
  );
});

test('the encoder of the fake does what RFC 1035 says', () => {
  expect(encodeName('a.bc')).toEqual(hex('0161 026263 00'));
  expect(encodeRecord({ name: 'a', type: 'A', data: '10.0.0.1' })).toEqual(
    hex('0161 00 0001 0001 0000003c 0004 0a000001'),
  );
});
