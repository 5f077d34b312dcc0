import 'reflect-metadata';
import { Name } from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { oid, sequence, setOf, TAG, tlv } from '../../src/x509/der.ts';
import { commonName, EMPTY_NAME, encodeName, formatName, readName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { refusalOf } from '../support/errors.ts';

const withValue = (tag: number, value: Buffer, type: string = OID.commonName): Uint8Array =>
  sequence(setOf(sequence(oid(type), tlv(tag, value))));
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
const utf32 = (text: string): Buffer => {
  const out = Buffer.alloc([...text].length * 4);
  [...text].forEach((char, i) => out.writeUInt32BE(char.codePointAt(0) ?? 0, i * 4));
  return out;
};

describe('values of every string type', () => {
  it.each([
    ['UTF8String', TAG.utf8String, Buffer.from('Grüße 日本'), 'Grüße 日本'],
    ['PrintableString', TAG.printableString, Buffer.from('Test 1'), 'Test 1'],
    ['IA5String', TAG.ia5String, Buffer.from('a@b'), 'a@b'],
    ['NumericString', 0x12, Buffer.from('0123'), '0123'],
    ['VisibleString', 0x1a, Buffer.from('Test'), 'Test'],
    ['BMPString', TAG.bmpString, utf16('Grüße 日本'), 'Grüße 日本'],
    ['UniversalString', TAG.universalString, utf32('Grüße 日本'), 'Grüße 日本'],
  ])('%s', (_type, tag, octets, text) => {
    const der = withValue(tag, octets);
    expect(readName(der)).toEqual([{ type: OID.commonName, value: text }]);
    // @peculiar/x509 leaves the two that nobody uses in names undecoded
    if (tag !== 0x12 && tag !== 0x1a)
      expect(new Name(Uint8Array.from(der)).toJSON()).toEqual([{ CN: [text] }]);
  });

  it('a UniversalString may go beyond the first plane', () => {
    expect(readName(withValue(TAG.universalString, utf32('😀')))[0]?.value).toBe('😀');
  });

  it('TeletexString is taken as Latin-1', () => {
    expect(readName(withValue(TAG.teletexString, Buffer.from('Gr\xfc\xdfe', 'latin1')))[0]?.value).toBe(
      'Grüße',
    );
  });

  it.each([
    ['UTF-8', TAG.utf8String, Buffer.from([0xff, 0xfe, 0xc0, 0x80])],
    ['UTF-16', TAG.bmpString, Buffer.from([0xd8, 0x00, 0x41])],
    ['UTF-32', TAG.universalString, Buffer.from([0xff, 0xff, 0xff, 0xff, 0])],
  ])('broken %s never stops a reader, and no octet of it becomes a letter', (_what, tag, octets) => {
    expect(readName(withValue(tag, octets))[0]?.value).not.toMatch(/[A-Za-z0-9]/);
  });
});

describe('names', () => {
  const attributes = [
    { type: OID.countryName, value: 'DE' },
    { type: OID.organizationName, value: 'Exämple' },
    commonName('a.example.test'),
  ];

  it('are written as @peculiar/x509 reads them and read back the same', () => {
    const der = encodeName(attributes);
    expect(readName(der)).toEqual(attributes);
    expect(new Name(Uint8Array.from(der)).toString()).toBe('C=DE, O=Exämple, CN=a.example.test');
    expect(readName(Buffer.from(new Name('C=DE, O=Exämple, CN=a.example.test').toArrayBuffer()))).toEqual(
      attributes,
    );
  });

  it('may be empty, and have several attributes in one RDN', () => {
    expect(readName(EMPTY_NAME)).toEqual([]);
    const both = setOf(
      ...attributes
        .slice(1)
        .map(({ type, value }) => sequence(oid(type), tlv(TAG.utf8String, Buffer.from(value)))),
    );
    expect(readName(sequence(both))).toHaveLength(2);
  });

  it.each([
    ['an RDN that is no SET', sequence(sequence())],
    ['an empty RDN', sequence(tlv(TAG.set))],
    ['an attribute without a value', sequence(setOf(sequence(oid(OID.commonName))))],
    ['an attribute with two values', sequence(setOf(sequence(oid(OID.commonName), tlv(12), tlv(12))))],
    [
      'over a hundred RDNs',
      sequence(...Array.from({ length: 101 }, () => setOf(sequence(oid('1.2'), tlv(12))))),
    ],
  ])('with %s are refused', (_what, der) => {
    expect(refusalOf(() => readName(der)).code).toBe('malformed_der');
  });
});

describe('names for people (RFC 4514)', () => {
  it.each([
    ['a, b', 'CN=a\\, b'],
    [' a ', 'CN=\\ a\\ '],
    ['#a', 'CN=\\#a'],
    ['a#', 'CN=a#'],
    ['a+b<c>d;e"f\\g=h', 'CN=a\\+b\\<c\\>d\\;e\\"f\\\\g\\=h'],
    ['a\0b\nc', 'CN=a\\00b\\0ac'],
    ['\u001b[31mred', 'CN=\\1b[31mred'],
    ['\u009b31mred', 'CN=\\c2\\9b31mred'], // a control sequence in one character
    ['a\u202eb', 'CN=a\\e2\\80\\aeb'], // right to left
    ['', 'CN='],
  ])('%j is %s', (value, printed) => {
    expect(formatName(encodeName([commonName(value)]))).toBe(printed);
  });
});
