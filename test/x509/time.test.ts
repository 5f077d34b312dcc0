import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DerReader, TAG, tlv } from '../../src/x509/der.ts';
import { encodeTime, readTime } from '../../src/x509/time.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { signCertificate } from '../support/authority.ts';
import { refusalOf } from '../support/errors.ts';
import { keyOf } from '../support/keys.ts';

const read = (der: Uint8Array): number => readTime(new DerReader(der).next('time'), 'time');
const text = (tag: number, value: string): Uint8Array => tlv(tag, Buffer.from(value, 'latin1'));

describe('RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050', () => {
  it.each([
    ['1949-12-31T23:59:59Z', TAG.generalizedTime, '19491231235959Z'],
    ['1950-01-01T00:00:00Z', TAG.utcTime, '500101000000Z'],
    ['1999-12-31T23:59:59Z', TAG.utcTime, '991231235959Z'],
    ['2000-02-29T12:00:00Z', TAG.utcTime, '000229120000Z'],
    ['2024-02-29T00:00:00Z', TAG.utcTime, '240229000000Z'],
    ['2049-12-31T23:59:59Z', TAG.utcTime, '491231235959Z'],
    ['2050-01-01T00:00:00Z', TAG.generalizedTime, '20500101000000Z'],
    ['2100-02-28T23:59:59Z', TAG.generalizedTime, '21000228235959Z'],
    ['9999-12-31T23:59:59Z', TAG.generalizedTime, '99991231235959Z'],
  ])('%s', (iso, tag, digits) => {
    const instant = Date.parse(iso);
    expect(Buffer.from(encodeTime(instant))).toEqual(Buffer.from(text(tag, digits)));
    expect(read(encodeTime(instant))).toBe(instant);
    expect(Buffer.from(encodeTime(instant + 999))).toEqual(Buffer.from(encodeTime(instant))); // no fractions
  });

  it.each([
    ['1949-12-31T23:59:59Z', '1950-01-01T00:00:00Z'],
    ['2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z'],
    ['2026-02-28T23:59:59Z', '9999-12-31T23:59:59Z'],
  ])('a certificate from %s to %s says so to Node and to us', async (from, to) => {
    const own = await keyOf('ecdsa-p256');
    const name = encodeName([commonName('times')]);
    const [notBefore, notAfter] = [Date.parse(from), Date.parse(to)];
    const der = signCertificate(
      {
        serial: Buffer.alloc(16, 0x42),
        issuer: name,
        subject: name,
        notBefore,
        notAfter,
        spki: own.publicKey.spki,
        extensions: [],
      },
      own,
    );
    const { validFromDate, validToDate } = new X509Certificate(der);
    expect([validFromDate.getTime(), validToDate.getTime()]).toEqual([notBefore, notAfter]);
    expect(readCertificate(der)).toMatchObject({ notBefore, notAfter });
  });
});

describe('a time is refused', () => {
  it.each([
    [TAG.utcTime, ''],
    [TAG.utcTime, '2601010000Z'],
    [TAG.utcTime, '260101000000'],
    [TAG.utcTime, '260101000000+0000'],
    [TAG.utcTime, '260101000000z'],
    [TAG.utcTime, '260101000000Z\0'],
    [TAG.utcTime, '260001000000Z'],
    [TAG.utcTime, '261301000000Z'],
    [TAG.utcTime, '260100000000Z'],
    [TAG.utcTime, '260230000000Z'],
    [TAG.utcTime, '250229000000Z'],
    [TAG.utcTime, '260101240000Z'],
    [TAG.utcTime, '260101006000Z'],
    [TAG.utcTime, '260101000060Z'],
    [TAG.utcTime, '2601010000-1Z'],
    [TAG.utcTime, '20260101000000Z'],
    [TAG.generalizedTime, '260101000000Z'],
    [TAG.generalizedTime, '20260101000000Z'], // this year belongs into UTCTime
    [TAG.generalizedTime, '20491231235959Z'],
    [TAG.generalizedTime, '20500101000000.0Z'],
    [TAG.generalizedTime, '20500101000000.123Z'],
    [TAG.generalizedTime, '205001010000Z'],
    [TAG.generalizedTime, '20500101000000'],
    [TAG.generalizedTime, '20500229000000Z'],
    [TAG.generalizedTime, '99991332000000Z'],
    [TAG.printableString, '260101000000Z'],
    [TAG.integer, '260101000000Z'],
  ])('tag %d %j', (tag, value) => {
    expect(refusalOf(() => read(text(tag, value))).code).toBe('malformed_der');
  });
});
