/** CRLs that we write, as others read them: our reader, @peculiar/x509, and OpenSSL inside Node's TLS. */
import 'reflect-metadata';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { X509Crl, X509CrlReason } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { DAY, floorToSecond, HOUR } from '../../src/base/clock.ts';
import { basicConstraints, extKeyUsage, keyUsage, subjectKeyIdentifier } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import {
  CRL_REASONS,
  type CrlReason,
  findRevoked,
  readCertificateList,
  readCrlNumber,
  revocationReason,
  revokedCertificates,
} from '../../src/x509/crl.ts';
import {
  assembleCertificateList,
  CrlEntries,
  type CrlTemplate,
  encodeCrlEntry,
  encodeTbsCertList,
} from '../../src/x509/crl-writer.ts';
import { DerReader, TAG } from '../../src/x509/der.ts';
import { exportPkcs8, type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../support/keys.ts';
import { signCertificate } from '../support/authority.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const serial = (n: number): Buffer => Buffer.from(`40${n.toString(16).padStart(30, '0')}`, 'hex');

function sign(pair: KeyPair, fields: Partial<CrlTemplate> = {}): Buffer {
  const { identifier } = signatureAlgorithmFor(pair.publicKey.type);
  const tbs = encodeTbsCertList({
    signatureAlgorithm: identifier,
    issuer: encodeName([commonName('a root')]),
    thisUpdate: NOW,
    nextUpdate: NOW + DAY,
    number: 7n,
    keyIdentifier: keyIdentifier(pair.publicKey.keyBits),
    entries: new Uint8Array(0),
    ...fields,
  });
  return Buffer.from(assembleCertificateList(tbs, identifier, signWith(pair, tbs)));
}

function entriesOf(...revoked: readonly (readonly [n: number, reason: CrlReason])[]): CrlEntries {
  const entries = new CrlEntries();
  for (const [n, reason] of revoked)
    entries.append(encodeCrlEntry({ serial: serial(n), revokedAt: NOW - n * DAY, reason }));
  return entries;
}

describe('entries', () => {
  test.each(CRL_REASONS.flatMap((reason) => reason ?? []))('carry the reason %s', (reason) => {
    const list = { entries: entriesOf([3, reason]).octets };
    const [entry] = [...revokedCertificates(list)];
    expect(entry?.revokedAt).toBe(NOW - 3 * DAY);
    expect(revocationReason(entry ?? { extensions: [] })).toBe(reason);
    // RFC 5280 5.3.1: unspecified is left out, and crlEntryExtensions with it
    expect(entry?.extensions).toHaveLength(reason === 'unspecified' ? 0 : 1);
  });

  test('without a reason have no empty list of extensions', () => {
    const entry = DerReader.sequence(entriesOf([1, 'unspecified']).octets, 'entry');
    entry.expect(TAG.integer, 'serial');
    entry.expect(TAG.utcTime, 'date');
    expect(entry.atEnd).toBe(true);
  });

  test('are appended as octets; a view of before does not change', () => {
    const entries = entriesOf([1, 'superseded']);
    const before = entries.octets;
    const copy = Buffer.from(before);
    for (let n = 2; n < 500; n++)
      entries.append(encodeCrlEntry({ serial: serial(n), revokedAt: NOW, reason: 'unspecified' }));
    expect(Buffer.from(before)).toEqual(copy);
    expect([...revokedCertificates({ entries: entries.octets })]).toHaveLength(499);
    expect(Buffer.from(new CrlEntries(entries.octets).octets)).toEqual(Buffer.from(entries.octets));
  });
});

describe('lists', () => {
  test.each(ONE_OF_EACH_TYPE)('signed with an %s key read back as they were meant', async (algorithm) => {
    const pair = await keyOf(algorithm, 'crl');
    const list = readCertificateList(
      sign(pair, { entries: entriesOf([1, 'keyCompromise'], [2, 'unspecified']).octets }),
    );
    expect([list.version, list.thisUpdate, list.nextUpdate]).toEqual([2, NOW, NOW + DAY]);
    expect(findRevoked(list, serial(2))?.revokedAt).toBe(NOW - 2 * DAY);
    expect(findRevoked(list, serial(9))).toBeUndefined();
  });

  test('without entries have no revokedCertificates at all (RFC 5280 5.1.2.6)', async () => {
    const tbs = DerReader.sequence(readCertificateList(sign(await keyOf('ecdsa-p256'))).tbs, 'tbs');
    const tags = tbs.rest('tbs').map(({ tag }) => tag);
    expect(tags).toEqual([TAG.integer, TAG.sequence, TAG.sequence, TAG.utcTime, TAG.utcTime, 0xa0]);
  });

  test.each([0n, 127n, 128n, 255n, 2n ** 63n, 2n ** 159n - 1n])('keep the number %s', async (number) => {
    const list = readCertificateList(sign(await keyOf('ecdsa-p256'), { number }));
    const extension = list.extensions.find(({ id }) => id === '2.5.29.20');
    expect([extension?.critical, readCrlNumber(extension?.value ?? new Uint8Array(0))]).toEqual([
      false,
      number,
    ]);
  });

  test('write GeneralizedTime from 2050 on, never with milliseconds', async () => {
    const far = Date.UTC(2050, 0, 1) + 123;
    const der = sign(await keyOf('ecdsa-p256'), { thisUpdate: far, nextUpdate: far + DAY });
    expect(der.toString('latin1')).toContain('20500101000000Z');
    expect(der.toString('latin1')).not.toMatch(/\.\d+Z/);
  });

  test('are read by @peculiar/x509 as we meant them', async () => {
    const pair = await keyOf('ecdsa-p256');
    const theirs = new X509Crl(
      sign(pair, { entries: entriesOf([1, 'keyCompromise'], [2, 'unspecified']).octets }),
    );
    expect([
      theirs.version,
      theirs.issuer,
      theirs.thisUpdate.getTime(),
      theirs.nextUpdate?.getTime(),
    ]).toEqual([1, 'CN=a root', NOW, NOW + DAY]);
    expect(theirs.entries.map(({ serialNumber, reason }) => [serialNumber, reason])).toEqual([
      [serial(1).toString('hex'), X509CrlReason.keyCompromise],
      [serial(2).toString('hex'), undefined],
    ]);
    expect(theirs.entries.map(({ revocationDate }) => revocationDate.getTime())).toEqual([
      NOW - DAY,
      NOW - 2 * DAY,
    ]);
  });
});

/** A server that holds client certificates against a CRL, inside OpenSSL. */
async function authorizationError(
  crl: Buffer,
  ca: string,
  client: { key: string; cert: string },
): Promise<unknown> {
  const server = createServer({
    ...client,
    ca,
    crl: encodePem('X509 CRL', crl),
    requestCert: true,
    rejectUnauthorized: false,
  });
  const seen = new Promise<TLSSocket>((resolve) => server.once('secureConnection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client });
  socket.on('error', () => undefined);
  const error: unknown = (await seen).authorizationError;
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  return error;
}

describe('OpenSSL inside of Node’s TLS', () => {
  test.each([
    ['lets a certificate pass that is not on the list', [1, 2], null],
    ['refuses one that is', [1, 2, 3], 'CERT_REVOKED'],
  ] as const)('%s', async (_what, revoked, expected) => {
    const [ca, client] = await Promise.all([keyOf('ecdsa-p384', 'ca'), keyOf('ecdsa-p256', 'client')]);
    const now = floorToSecond(Date.now());
    const subject = encodeName([commonName('a root')]);
    const dates = { issuer: subject, notBefore: now - HOUR, notAfter: now + DAY };
    const root = signCertificate(
      {
        ...{ ...dates, serial: serial(100), subject, spki: ca.publicKey.spki },
        extensions: [
          basicConstraints({ ca: true }),
          keyUsage(['keyCertSign', 'cRLSign']),
          subjectKeyIdentifier(keyIdentifier(ca.publicKey.keyBits)),
        ],
      },
      ca,
    );
    const leaf = signCertificate(
      {
        ...{
          ...dates,
          serial: serial(3),
          subject: encodeName([commonName('me')]),
          spki: client.publicKey.spki,
        },
        extensions: [keyUsage(['digitalSignature']), extKeyUsage([OID.clientAuth, OID.serverAuth])],
      },
      ca,
    );
    const crl = sign(ca, {
      thisUpdate: now - HOUR,
      nextUpdate: now + HOUR,
      entries: entriesOf(...revoked.map((n) => [n, n === 1 ? 'unspecified' : 'superseded'] as const)).octets,
    });
    const pair = {
      key: encodePem('PRIVATE KEY', exportPkcs8(client.privateKey)),
      cert: encodePem('CERTIFICATE', leaf),
    };
    expect((await authorizationError(crl, encodePem('CERTIFICATE', root), pair)) ?? null).toBe(expected);
  });
});
