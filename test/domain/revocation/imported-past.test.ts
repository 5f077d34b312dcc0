import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, floorToSecond } from '../../../src/base/clock.ts';
import { readPast, type PastMaterial } from '../../../src/domain/revocation/imported-past.ts';
import { readIndex } from '../../../src/domain/revocation/openssl-index.ts';
import { generateKeyPair, type KeyPair } from '../../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../../src/x509/name.ts';
import { signCertificate } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { foreignCrl, type ForeignCrl } from '../../support/foreign-crl.ts';

const now = floorToSecond(Date.UTC(2026, 5, 1, 12));
const subject = encodeName([commonName('Old CA')]);
let pair: KeyPair;
let other: KeyPair;
beforeAll(async () => {
  [pair, other] = await Promise.all([generateKeyPair('ecdsa-p256'), generateKeyPair('ecdsa-p256')]);
});

const issuer = () => ({
  ...{ id: 'servers-2', shards: 8, publicKey: pair.publicKey },
  certificate: { subject, notAfter: now + 300 * DAY },
});
const crl = (fields: Partial<ForeignCrl> = {}): Uint8Array =>
  foreignCrl({
    ...{ issuer: subject, pair, number: 77n, thisUpdate: now - DAY },
    entries: [{ serial: '4a02', revokedAt: now - 9 * DAY, reason: 'keyCompromise' }],
    ...fields,
  });
const leaf = (serial: string, by = pair): Uint8Array =>
  signCertificate(
    {
      serial: Buffer.from(serial, 'hex'),
      issuer: subject,
      subject: encodeName([commonName('host')]),
      ...{ notBefore: now - DAY, notAfter: now + 5 * DAY, spki: other.publicKey.spki, extensions: [] },
    },
    by,
  );
const NOTHING: PastMaterial = { crl: undefined, index: undefined, certificates: [], noPreviousCrl: false };
const read = (material: Partial<PastMaterial>) => readPast(issuer(), { ...NOTHING, ...material }, now);

describe('the last CRL', () => {
  test('becomes revocations with their own time and reason, in the shard of the serial number', () => {
    expect(read({ crl: crl() })).toEqual({
      known: [],
      revocations: [
        {
          ...{ generation: 'servers-2', serial: '4a02', shard: 2, notAfter: now + 300 * DAY },
          ...{ revokedAt: now - 9 * DAY, reason: 'keyCompromise' },
        },
      ],
      floor: { generation: 'servers-2', scope: 'full', number: 77n, thisUpdate: now - DAY },
    });
  });

  test('takes the end of a certificate from the certificate, or from the index', () => {
    const { revocations, known } = read({ crl: crl(), certificates: [leaf('4a02'), leaf('4a03')] });
    expect(revocations.map(({ notAfter }) => notAfter)).toEqual([now + 5 * DAY]);
    expect(known.map(({ serial, shard }) => [serial, shard])).toEqual([
      ['4a02', 2],
      ['4a03', 3],
    ]);
  });

  test.each<[string, () => Uint8Array, string]>([
    ['of another key', () => crl({ pair: other }), 'not one that servers-2 signed'],
    [
      'of another name',
      () => crl({ issuer: encodeName([commonName('X')]) }),
      'not one that servers-2 signed',
    ],
    ['that is to come', () => crl({ thisUpdate: now + DAY }), 'is to come'],
    [
      'that is a delta',
      () => crl({ extensions: [{ id: '2.5.29.27', critical: true, value: Buffer.from('020101', 'hex') }] }),
      'a delta',
    ],
    [
      'with a certificate on hold',
      () => crl({ entries: [{ serial: '4a05', revokedAt: now - DAY, reason: 'certificateHold' }] }),
      '4a05 is on hold',
    ],
  ])('%s is refused', (_what, make, said) => {
    const { code, message } = refusalOf(() => read({ crl: make() }));
    expect([code, message]).toEqual(['chain_rejected', expect.stringContaining(said)]);
  });
});

describe('certificates', () => {
  test('of another issuer are refused', () => {
    expect(refusalOf(() => read({ certificates: [leaf('4a03', other)] })).message).toContain(
      '4a03 is not one',
    );
  });
});

describe('the index of openssl', () => {
  const line = (...fields: readonly string[]): string => `${fields.join('\t')}\n`;

  test('V, R and E with times, reasons and serial numbers as openssl writes them', () => {
    const index =
      line('V', '260701120000Z', '', '4A01', 'unknown', '/CN=a') +
      line('R', '20560701120000Z', '260101000000Z,keyCompromise', 'FF02', 'unknown', '/CN=b') +
      line('R', '260701120000Z', '260102000000Z', '4A03', 'unknown', '/CN=c') +
      line('R', '260701120000Z', '260103000000Z,CAkeyTime,20260101000000Z', '4A04', 'unknown', '/CN=d') +
      line('E', '200701120000Z', '', '05', 'unknown', '/CN=e');
    expect(readIndex(index)).toEqual([
      { serial: '4a01', notAfter: Date.UTC(2026, 6, 1, 12), revoked: undefined },
      {
        serial: '00ff02',
        notAfter: Date.UTC(2056, 6, 1, 12),
        revoked: { at: Date.UTC(2026, 0, 1), reason: 'keyCompromise' },
      },
      {
        serial: '4a03',
        notAfter: Date.UTC(2026, 6, 1, 12),
        revoked: { at: Date.UTC(2026, 0, 2), reason: 'unspecified' },
      },
      {
        serial: '4a04',
        notAfter: Date.UTC(2026, 6, 1, 12),
        revoked: { at: Date.UTC(2026, 0, 3), reason: 'cACompromise' },
      },
      { serial: '05', notAfter: Date.UTC(2020, 6, 1, 12), revoked: undefined },
    ]);
    const { known, revocations } = read({ index });
    expect(known.map(({ serial }) => serial)).toEqual(['4a01', '00ff02', '4a03', '4a04']);
    expect(revocations.map(({ serial }) => serial)).toEqual(['00ff02', '4a03', '4a04']);
  });

  test.each([
    ['a line of something else', 'hello\n'],
    ['another status', line('X', '260701120000Z', '', '4A01', 'unknown', '/')],
    ['a day that is none', line('V', '260231120000Z', '', '4A01', 'unknown', '/')],
    ['a reason that is none', line('R', '260701120000Z', '260101000000Z,mood', '4A01', 'unknown', '/')],
    ['no serial number', line('V', '260701120000Z', '', 'xyz', 'unknown', '/')],
  ])('%s is refused with its line', (_what, broken) => {
    const good = line('V', '260701120000Z', '', '4A01', 'unknown', '/');
    const { code, message } = refusalOf(() => readIndex(good + broken));
    expect([code, message]).toEqual(['invalid_request', expect.stringContaining('line 2')]);
  });

  test('a hold is refused', () => {
    const index = line('R', '260701120000Z', '260101000000Z,holdInstruction,1.2.3', '4A01', 'unknown', '/');
    expect(refusalOf(() => read({ index })).message).toContain('on hold');
  });
});
