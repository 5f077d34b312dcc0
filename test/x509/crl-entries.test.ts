import { describe, expect, test } from 'vitest';
import { MINUTE } from '../../src/base/clock.ts';
import type { CrlReason } from '../../src/x509/crl.ts';
import { locateEntries, readCertificateList } from '../../src/x509/crl.ts';
import { GoneEntries, mergeEntries, scanEntries, sortEntries } from '../../src/x509/crl-entries.ts';
import { encodeCrlEntry } from '../../src/x509/crl-writer.ts';
import { sequence, smallInteger, TAG, tlv, unsignedInteger } from '../../src/x509/der.ts';
import { encodeTime } from '../../src/x509/time.ts';
import { makeCa, makeCrl } from '../support/chains.ts';

const NOW = Date.UTC(2028, 1, 29, 23, 59, 59);
const serialOf = (hex: string): Buffer => Buffer.from(hex, 'hex');
const entry = (hex: string, reason: CrlReason = 'keyCompromise', revokedAt = NOW): Buffer =>
  Buffer.from(encodeCrlEntry({ serial: serialOf(hex), revokedAt, reason }));
const list = (...serials: readonly string[]): Buffer => Buffer.concat(serials.map((hex) => entry(hex)));

describe('entries that are scanned', () => {
  test('are counted, and are in order by their octets without the sign octet', () => {
    expect(scanEntries(new Uint8Array(0))).toEqual({ count: 0, sorted: true });
    expect(scanEntries(list('01', '4100', '7fff', '80aa', 'ff'))).toEqual({ count: 5, sorted: true });
    expect(scanEntries(list('4100', '40ff'))).toEqual({ count: 2, sorted: false });
    expect(scanEntries(list('41', '41'))).toEqual({ count: 2, sorted: false });
    // one that is the beginning of another stands before it
    expect(scanEntries(list('41', '4100'))).toEqual({ count: 2, sorted: true });
  });

  test('may have any reason, no reason, either form of time and other extensions', () => {
    const dated = (time: number): Buffer => entry('41', 'superseded', time);
    const invalidityDate = sequence(
      sequence(tlv(TAG.oid, serialOf('551d18')), tlv(TAG.octetString, encodeTime(Date.UTC(2060, 0)))),
    );
    for (const one of [
      entry('41', 'unspecified'),
      entry('41', 'aACompromise'),
      dated(Date.UTC(2049, 11, 31, 23, 59, 59)),
      dated(Date.UTC(2050, 0, 1)),
      dated(Date.UTC(2000, 1, 29)),
      Buffer.from(sequence(unsignedInteger(serialOf('41')), encodeTime(NOW), invalidityDate)),
    ])
      expect(scanEntries(Buffer.concat([one, entry('42')]))).toEqual({ count: 2, sorted: true });
  });

  const good = entry('4142');
  const changed = (at: number, octet: number): Buffer => {
    const copy = Buffer.from(good);
    copy[at] = octet;
    return copy;
  };
  const utc = (text: string): Buffer =>
    Buffer.from(sequence(smallInteger(65), tlv(TAG.utcTime, Buffer.from(text))));
  test.each([
    ['no SEQUENCE', changed(0, 0x31)],
    ['cut off', good.subarray(0, good.length - 1)],
    ['an octet behind it', Buffer.concat([good, Buffer.from([0])])],
    ['a padded serial number', Buffer.from(sequence(tlv(TAG.integer, serialOf('0041')), encodeTime(NOW)))],
    ['an empty serial number', Buffer.from(sequence(tlv(TAG.integer, serialOf('')), encodeTime(NOW)))],
    ['no serial number', Buffer.from(sequence(encodeTime(NOW)))],
    ['no time', Buffer.from(sequence(smallInteger(65)))],
    ['a day that does not exist', utc('270229000000Z')],
    ['an hour that does not exist', utc('270228240000Z')],
    ['a time with an offset', utc('2702282300+00')],
    ['a time that is no digits', utc('27022823000xZ')],
    ['reason 7', changed(good.length - 1, 7)],
    ['reason 11', changed(good.length - 1, 11)],
  ])('are refused with %s', (_what, octets) => {
    expect(() => scanEntries(octets)).toThrow(expect.objectContaining({ code: 'malformed_der' }) as Error);
    expect(() => scanEntries(Buffer.concat([entry('40'), octets]))).toThrow();
  });
});

describe('lists', () => {
  test('are sorted, and a certificate that stands there twice is refused', () => {
    const serials = ['80', '05', '7f01', '7f', 'ffee', '00'];
    expect(Buffer.from(sortEntries(list(...serials)))).toEqual(list('00', '05', '7f', '7f01', '80', 'ffee'));
    expect(() => sortEntries(list('80', '05', '0080'))).toThrow(/0080 is revoked twice|80 is revoked twice/);
  });

  test('are merged from pieces into one in order', () => {
    const lists = [[list('40', '43'), list('47')], [], [list('41'), Buffer.alloc(0), list('42', '50')]];
    const target = Buffer.alloc(500);
    const length = mergeEntries(lists, target);
    expect(target.subarray(0, length)).toEqual(list('40', '41', '42', '43', '47', '50'));
    expect(() => mergeEntries([[list('40', '41')], [list('41')]], target)).toThrow(/41 is revoked twice/);
    expect(() => mergeEntries(lists, Buffer.alloc(100))).toThrow(RangeError);
  });

  test('show what an earlier one named and a later one does not, however the earlier one is cut', () => {
    const before = list('40', '42', '43', '50', '51');
    for (const after of [list('41', '43', '44', '51'), list(), before])
      for (let cut = 1; cut < before.length; cut += 3) {
        const finder = new GoneEntries(after);
        let rest = Buffer.alloc(0);
        const gone: Uint8Array[] = [];
        for (let at = 0; at < before.length; at += cut) {
          const piece = Buffer.concat([rest, before.subarray(at, at + cut)]);
          const found = finder.feed(piece);
          gone.push(...found.gone.map((octets) => Uint8Array.from(octets)));
          rest = piece.subarray(found.read);
        }
        expect(rest).toHaveLength(0);
        const expected = ['40', '42', '43', '50', '51'].filter((hex) => !after.includes(entry(hex)));
        expect(Buffer.concat(gone)).toEqual(list(...expected));
      }
  });
});

describe('the beginning of a CRL', () => {
  test('says where its entries are', async () => {
    const issuer = await makeCa('issuer');
    for (const count of [0, 1, 40, 3000]) {
      const revoked = Array.from({ length: count }, (_, n) => ({
        serial: serialOf(`40${String(n).padStart(4, '0')}`),
      }));
      const der = Buffer.from(makeCrl(issuer, { number: 7, revoked }));
      const { start, end } = locateEntries(der.subarray(0, 600));
      expect(der.subarray(start, end)).toEqual(Buffer.from(readCertificateList(der).entries));
    }
    for (const octets of ['', '30', '3003020101', 'ffff'])
      expect(() => locateEntries(serialOf(octets))).toThrow(/beginning/);
  });
});

test('a million entries are scanned in far less than a second', () => {
  const count = 1_000_000;
  const one = entry('40'.repeat(16));
  const entries = Buffer.alloc(one.length * count);
  for (let i = 0; i < count; i++) {
    one.copy(entries, i * one.length);
    entries.writeUInt32BE(0x40000000 + i, i * one.length + 4);
  }
  const started = process.cpuUsage();
  expect(scanEntries(entries)).toEqual({ count, sorted: true });
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1000).toBeLessThan(MINUTE / 120);
});
