import 'reflect-metadata';
import { Extension, KeyUsageFlags, KeyUsagesExtension } from '@peculiar/x509';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as der from '../../src/x509/der.ts';
import * as bits from '../../src/x509/der-bits.ts';
import { encodeExtension, KEY_USAGES, keyUsage, readKeyUsage } from '../../src/x509/extensions.ts';
import { OID, oidName } from '../../src/x509/oids.ts';
import { RUNS } from '../property/runs.ts';
import { refusalOf } from '../support/errors.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const next = (encoded: Uint8Array): der.Element => new der.DerReader(encoded).next('it');
const refused = (action: () => unknown): void => expect(refusalOf(action).code).toBe('malformed_der');

describe('lengths', () => {
  it.each([0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffff, 0x1000000])(
    '%d octets are read back',
    (length) => {
      const encoded = der.octetString(Buffer.alloc(length, 7));
      expect(next(encoded).content.length).toBe(length);
      expect(new der.DerReader(encoded).rest('all')).toHaveLength(1);
    },
  );

  it.each([
    ['an indefinite length', '30 80 00 00'],
    ['a length of one octet in two', '04 81 01 00'],
    ['a length of 127 in two octets', `04 81 7f ${'00'.repeat(127)}`],
    ['a length of two octets in three', `04 82 00 80 ${'00'.repeat(128)}`],
    ['a length with leading zeros', '04 83 00 00 01 00'],
    ['a length of five octets', '04 85 00 00 00 00 01 00'],
    ['a length of 127 octets', `04 ff ${'00'.repeat(127)}`],
    ['4 GiB', '04 84 ff ff ff ff 00'],
    ['more than there is', '04 02 00'],
    ['no length', '04'],
    ['a cut length', '04 82 01'],
    ['nothing', ''],
  ])('%s is refused', (_what, hex) => refused(() => next(bytes(hex))));

  it('an indefinite length is called by its name', () => {
    expect(refusalOf(() => next(bytes('30 80 00 00'))).message).toContain('indefinite');
  });

  it('trailing octets are refused', () => refused(() => der.DerReader.sequence(bytes('30 00 00'), 'it')));
});

describe('tags', () => {
  it.each(['1f 01 00', '3f 1f 00', '9f 81 01 00', 'bf 8f ff ff ff 7f 00', 'ff ff'])(
    'in several octets are refused: %s',
    (hex) => refused(() => next(bytes(hex))),
  );

  it('are compared as they are: a constructed OCTET STRING is none', () => {
    refused(() => new der.DerReader(bytes('24 04 04 02 01 02')).expect(der.TAG.octetString, 'it'));
    expect(new der.DerReader(bytes('05 00')).optional(der.TAG.boolean, 'it')).toBeUndefined();
  });
});

describe('INTEGER', () => {
  const value = (content: Uint8Array): bigint => BigInt(`0x${Buffer.from(content).toString('hex')}`);

  it('every number that is not negative is written minimally and read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const content = der.readInteger(next(der.unsignedInteger(octets)), 'it');
        expect(value(content)).toBe(octets.length === 0 ? 0n : value(octets));
      }),
      { numRuns: RUNS },
    );
  });

  it('small numbers', () => {
    fc.assert(
      fc.property(fc.nat(), (number) => {
        expect(der.readSmallInteger(next(der.smallInteger(number)), 'it')).toBe(number);
      }),
      { numRuns: RUNS },
    );
    expect(Buffer.from(der.smallInteger(2 ** 48 - 1))).toEqual(bytes('02 07 00 ff ff ff ff ff ff'));
  });

  it.each([
    ['empty', '02 00'],
    ['padded with zeros', '02 02 00 7f'],
    ['padded with ones', '02 02 ff 80'],
    ['an ENUMERATED', '0a 01 00'],
  ])('%s is refused', (_what, hex) => refused(() => der.readInteger(next(bytes(hex)), 'it')));

  it('negative, or above its limit, is not small', () => {
    refused(() => der.readSmallInteger(next(bytes('02 01 ff')), 'it'));
    refused(() => der.readSmallInteger(next(bytes('02 01 06')), 'it', 5));
    refused(() => der.readSmallInteger(next(bytes('02 09 00 ff ff ff ff ff ff ff ff')), 'it'));
    expect(der.readSmallInteger(next(bytes('02 01 05')), 'it', 5)).toBe(5);
  });
});

describe('OBJECT IDENTIFIER', () => {
  const arcs = fc
    .tuple(
      fc.nat(2),
      fc.nat(39),
      fc.array(
        fc.oneof(
          fc.nat(300),
          fc.maxSafeNat().map((n) => n % 2 ** 45),
        ),
        { maxLength: 6 },
      ),
    )
    .map(([first, second, rest]) => [first, second, ...rest].join('.'));

  it('is read back, and as @peculiar/x509 writes it', () => {
    fc.assert(
      fc.property(arcs, (dotted) => {
        expect(der.readOid(next(der.oid(dotted)), 'it')).toBe(dotted);
      }),
      { numRuns: RUNS },
    );
    for (const dotted of [
      ...Object.values(OID),
      '2.999.3',
      '0.0',
      '1.39',
      '2.100.1',
      '1.2.268435455.268435456',
    ]) {
      const theirs = new Extension(dotted, true, Uint8Array.of(5, 0));
      const ours = encodeExtension({ id: dotted, critical: true, value: Buffer.from([5, 0]) });
      expect(Buffer.from(ours)).toEqual(Buffer.from(theirs.rawData));
    }
  });

  it('has a name where the RFC gives one', () => {
    expect(oidName('2.5.29.17')).toBe('subjectAltName');
    expect(oidName('1.2.3')).toBe('1.2.3');
    expect(oidName('__proto__')).toBe('__proto__');
  });

  it.each([
    ['empty', '06 00'],
    ['padded', '06 02 80 01'],
    ['padded inside', '06 03 2a 80 01'],
    ['cut off', '06 02 2a 86'],
    ['with an arc beyond 2^53', '06 0a 2a 81 80 80 80 80 80 80 80 00'],
    ['of 65 octets', `06 41 ${'2a'.repeat(65)}`],
    ['another type', '0d 01 2a'],
  ])('%s is refused', (_what, hex) => refused(() => der.readOid(next(bytes(hex)), 'it')));
});

describe('BOOLEAN and BIT STRING', () => {
  it.each(['01 01 01', '01 00', '01 02 ff ff', '05 01 ff', '01 01 7f'])('BOOLEAN %s is refused', (hex) =>
    refused(() => der.readBoolean(next(bytes(hex)), 'it')),
  );

  it.each([
    ['without its first octet', '03 00'],
    ['with eight unused bits', '03 02 08 00'],
    ['with unused bits of nothing', '03 01 01'],
    ['with unused bits that are set', '03 02 01 01'],
    ['of another type', '04 02 00 00'],
  ])('BIT STRING %s is refused', (_what, hex) => refused(() => bits.readBitString(next(bytes(hex)), 'it')));

  it('a key or signature has whole octets', () =>
    refused(() => bits.readOctetBits(next(bytes('03 02 01 fe')), 'it')));

  it('every set of key usages is written as @peculiar/x509 writes it and read back', () => {
    for (let flags = 1; flags < 512; flags++) {
      const usages = KEY_USAGES.filter((usage) => flags & KeyUsageFlags[usage]);
      const ours = keyUsage(usages);
      expect(Buffer.from(encodeExtension(ours))).toEqual(
        Buffer.from(new KeyUsagesExtension(flags, true).rawData),
      );
      expect(readKeyUsage(ours.value)).toEqual(usages);
    }
  });

  it.each(['03 02 00 80', '03 02 06 80', '03 03 07 80 00'])('trailing zero bits are refused: %s', (hex) =>
    refused(() => bits.readNamedBits(next(bytes(hex)), 'it')),
  );

  it('no bit at all is an empty string of bits', () => {
    expect(Buffer.from(bits.namedBits([]))).toEqual(bytes('03 01 00'));
    expect(bits.readNamedBits(next(bits.namedBits([])), 'it')).toEqual([]);
  });
});

describe('SET OF', () => {
  it('is in ascending order, whatever the order of the parts', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 6 }), (parts) => {
        const encodings = parts.map((part) => der.octetString(part));
        const read = new der.DerReader(next(der.setOf(...encodings)).content)
          .rest('it')
          .map(({ raw }) => Buffer.from(raw));
        expect(read).toEqual(
          [...encodings].map((part) => Buffer.from(part)).sort((a, b) => Buffer.compare(a, b)),
        );
      }),
      { numRuns: RUNS / 10 },
    );
  });
});

describe('texts', () => {
  it('beyond ASCII are no IA5String or PrintableString: U+0167 never turns into g', () => {
    for (const text of ['\u0167', 'ü', '日', '\u0100'])
      expect(refusalOf(() => der.printableString(text)).code).toBe('invalid_name');
  });
});
