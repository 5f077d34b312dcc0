import { beforeAll, describe, expect, test } from 'vitest';
import { HOUR } from '../../src/base/clock.ts';
import { sequence, TAG, tlv } from '../../src/x509/der.ts';
import {
  findRevoked,
  readCertificateList,
  readCrlNumber,
  revocationReason,
  revokedCertificates,
} from '../../src/x509/crl.ts';
import { OID } from '../../src/x509/oids.ts';
import { makeCa, makeCrl, NOW, type Party } from '../support/chains.ts';

let issuer: Party;
beforeAll(async () => {
  issuer = await makeCa('issuer');
});

const serial = (n: number): Buffer => Buffer.from([n]);
const reasonCode = (n: number) => ({
  id: OID.reasonCode,
  critical: false,
  value: tlv(TAG.enumerated, Buffer.from([n])),
});

describe('a CRL', () => {
  test('is read with its times, number and issuer', () => {
    const list = readCertificateList(makeCrl(issuer, { number: 7 }));
    expect(list).toMatchObject({ version: 2, thisUpdate: NOW - HOUR });
    expect(list.entries).toHaveLength(0);
    expect(list.issuer).toEqual(issuer.name);
    expect(readCrlNumber(list.extensions[0]?.value ?? Buffer.alloc(0))).toBe(7n);
  });

  test('gives its entries in order, and the one of a serial number', () => {
    const list = readCertificateList(
      makeCrl(issuer, {
        revoked: [{ serial: serial(1) }, { serial: serial(2), extensions: [reasonCode(4)] }],
      }),
    );
    expect([...revokedCertificates(list)].map(({ serial: [octet] }) => octet)).toEqual([1, 2]);
    expect(revocationReason(findRevoked(list, serial(2)) ?? { extensions: [] })).toBe('superseded');
    expect(revocationReason(findRevoked(list, serial(1)) ?? { extensions: [reasonCode(1)] })).toBe(
      'unspecified',
    );
    expect(findRevoked(list, serial(3))).toBeUndefined();
  });

  test.each([7, 11, 200])('has no reason %i', (n) => {
    expect(() => revocationReason({ extensions: [reasonCode(n)] })).toThrowError(
      expect.objectContaining({ code: 'malformed_der' }),
    );
  });

  test('is refused when it is cut off, goes on, or is something else', () => {
    const der = Buffer.from(makeCrl(issuer));
    for (const broken of [
      der.subarray(0, -1),
      Buffer.concat([der, Buffer.from([0])]),
      sequence(),
      Buffer.from(issuer.der),
    ])
      expect(() => readCertificateList(broken)).toThrowError(
        expect.objectContaining({ code: 'malformed_der' }),
      );
  });

  test('with 20,000 entries is walked in well under a second', () => {
    const revoked = Array.from({ length: 20_000 }, (_, i) => ({
      serial: Buffer.from([1, i >> 16, (i >> 8) & 0xff, i & 0xff]),
    }));
    const list = readCertificateList(makeCrl(issuer, { revoked }));
    const before = performance.now();
    expect([...revokedCertificates(list)]).toHaveLength(20_000);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
