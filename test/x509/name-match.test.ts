import { describe, expect, test } from 'vitest';
import { fromUtf8 } from '../../src/x509/bytes.ts';
import { oid, printableString, sequence, setOf, TAG, tlv, utf8String } from '../../src/x509/der.ts';
import { nameKey, rdnKeys } from '../../src/x509/name-match.ts';
import { commonName, encodeName, organizationName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';

const cn = (value: Uint8Array) => sequence(setOf(sequence(oid(OID.commonName), value)));
const same = (a: Uint8Array, b: Uint8Array): boolean => nameKey(a) === nameKey(b);

describe('two names are the same', () => {
  test.each([
    ['across string types', utf8String('CA 1'), printableString('CA 1'), true],
    ['without regard to case', utf8String('Example CA'), utf8String('EXAMPLE ca'), true],
    [
      'without regard to white space at the ends and in runs',
      utf8String('  Example   CA '),
      utf8String('Example CA'),
      true,
    ],
    ['not without their inner white space', utf8String('ExampleCA'), utf8String('Example CA'), false],
    ['in any Unicode composition', utf8String('Caf\u00e9'), utf8String('Cafe\u0301'), true],
    ['not with another letter', utf8String('Example CA'), utf8String('Example CB'), false],
    ['in BMPString', tlv(TAG.bmpString, Buffer.from('004300410031', 'hex')), utf8String('CA1'), true],
    ['not between text and a type that is no text', tlv(0x12, fromUtf8('12')), utf8String('12'), false],
  ])('%s', (_sentence, a, b, expected) => {
    expect(same(cn(a), cn(b))).toBe(expected);
  });

  test('whatever the order inside of an RDN, never whatever the order of RDNs', () => {
    const o = sequence(oid(OID.organizationName), utf8String('O'));
    const c = sequence(oid(OID.commonName), utf8String('C'));
    expect(same(sequence(setOf(o, c)), sequence(tlv(TAG.set, c, o)))).toBe(true);
    expect(same(sequence(setOf(o), setOf(c)), sequence(setOf(c), setOf(o)))).toBe(false);
    expect(same(sequence(setOf(o, c)), sequence(setOf(o), setOf(c)))).toBe(false);
  });

  test('not by text that imitates a separator', () => {
    const tricky = encodeName([commonName('a"],["2.5.4.10=b')]);
    expect(same(tricky, encodeName([commonName('a'), organizationName('b')]))).toBe(false);
  });
});

test.each([
  ['NUL in a value', cn(utf8String('a\0b'))],
  ['octets that are no UTF-8', cn(tlv(TAG.utf8String, Buffer.from('ff', 'hex')))],
  ['an empty RDN', sequence(tlv(TAG.set))],
  ['an RDN that is no set', sequence(sequence())],
])('a name with %s is malformed', (_sentence, name) => {
  expect(() => rdnKeys(name)).toThrowError(expect.objectContaining({ code: 'malformed_der' }));
});
