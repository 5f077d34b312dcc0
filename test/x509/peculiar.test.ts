import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import { toHex } from '../../src/x509/bytes.ts';
import { findExtension, formatSerial, readCertificate } from '../../src/x509/certificate.ts';
import * as extensions from '../../src/x509/extensions.ts';
import { formatName, readName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier, readPublicKey } from '../../src/x509/public-key.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { commonName, encodeName, organizationName } from '../../src/x509/name.ts';
import { signCertificate } from '../support/authority.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../support/keys.ts';

beforeAll(() => peculiar.cryptoProvider.set(webcrypto as never));

const SERIAL = Buffer.from('5b1f0c2d3e4a59687786a5b4c3d2e1f0', 'hex');
const names = [
  { kind: 'uri', value: 'spiffe://example.test/app' },
  { kind: 'dns', value: 'a.example.test' },
  { kind: 'dns', value: '*.b.example.test' },
  { kind: 'ip', value: '192.0.2.7' },
  { kind: 'ip', value: '2001:db8::1:0:0:1' },
  { kind: 'email', value: 'Ann@example.test' },
] as const;
const notBefore = Date.UTC(2026, 0, 31, 23, 59, 59);
const subject = [organizationName('Exämple, "Test" +1'), commonName('a.example.test')];

const pairs = ONE_OF_EACH_TYPE.flatMap((issuer) => ONE_OF_EACH_TYPE.map((leaf) => [leaf, issuer] as const));

async function makeCertificate(
  leaf: (typeof ONE_OF_EACH_TYPE)[number],
  issuer: (typeof ONE_OF_EACH_TYPE)[number],
) {
  const [own, signer] = await Promise.all([keyOf(leaf), keyOf(issuer, 'issuer')]);
  const der = signCertificate(
    {
      serial: SERIAL,
      issuer: encodeName([organizationName('example.test'), commonName('servers-1')]),
      notBefore,
      notAfter: notBefore + 90 * DAY,
      subject: encodeName(subject),
      spki: own.publicKey.spki,
      extensions: [
        extensions.keyUsage(['digitalSignature', 'keyAgreement', 'keyCertSign', 'decipherOnly']),
        extensions.extKeyUsage([OID.serverAuth, OID.clientAuth]),
        extensions.basicConstraints({ ca: true, pathLength: 3 }),
        extensions.subjectKeyIdentifier(keyIdentifier(own.publicKey.keyBits)),
        extensions.authorityKeyIdentifier(keyIdentifier(signer.publicKey.keyBits)),
        extensions.subjectAltName(names, false),
        extensions.crlDistributionPoints([
          'http://status.example.test/crl/servers-1/2.crl',
          'http://b.example.test/2.crl',
        ]),
        extensions.authorityInfoAccess({
          ocsp: ['http://status.example.test/ocsp'],
          caIssuers: ['http://status.example.test/servers-1.crt'],
        }),
        { id: '1.3.6.1.4.1.55555.1', critical: false, value: Buffer.from('0500', 'hex') },
      ],
    },
    signer,
  );
  return { der, own, signer };
}

describe.each(pairs)('our certificate for an %s key, signed by an %s key', (leaf, issuer) => {
  it('says to @peculiar/x509 what we wrote', async () => {
    const { der, own, signer } = await makeCertificate(leaf, issuer);
    const read = new peculiar.X509Certificate(Uint8Array.from(der));
    expect(read.serialNumber).toBe(toHex(SERIAL));
    expect([read.notBefore.getTime(), read.notAfter.getTime()]).toEqual([notBefore, notBefore + 90 * DAY]);
    expect(read.subjectName.toJSON()).toEqual([{ O: ['Exämple, "Test" +1'] }, { CN: ['a.example.test'] }]);
    expect(read.issuerName.toJSON()).toEqual([{ O: ['example.test'] }, { CN: ['servers-1'] }]);
    expect(Buffer.from(read.publicKey.rawData)).toEqual(Buffer.from(own.publicKey.spki));
    const get = <T extends peculiar.Extension>(type: { new (raw: ArrayBuffer): T; prototype: T }): T => {
      const found = read.extensions.find((extension) => extension instanceof type);
      if (found === undefined) throw new Error(`there is no ${type.name}`);
      return found as T;
    };
    const flags = peculiar.KeyUsageFlags;
    expect(get(peculiar.KeyUsagesExtension).usages).toBe(
      flags.digitalSignature | flags.keyAgreement | flags.keyCertSign | flags.decipherOnly,
    );
    expect(get(peculiar.ExtendedKeyUsageExtension).usages).toEqual([OID.serverAuth, OID.clientAuth]);
    const { ca, pathLength } = get(peculiar.BasicConstraintsExtension);
    expect([ca, pathLength]).toEqual([true, 3]);
    expect(get(peculiar.SubjectKeyIdentifierExtension).keyId).toBe(
      toHex(keyIdentifier(own.publicKey.keyBits)),
    );
    expect(get(peculiar.AuthorityKeyIdentifierExtension).keyId).toBe(
      toHex(keyIdentifier(signer.publicKey.keyBits)),
    );
    expect(get(peculiar.SubjectAlternativeNameExtension).names.toJSON()).toEqual([
      { type: 'url', value: 'spiffe://example.test/app' },
      { type: 'dns', value: 'a.example.test' },
      { type: 'dns', value: '*.b.example.test' },
      { type: 'ip', value: '192.0.2.7' },
      { type: 'ip', value: expect.stringMatching(/^2001:db8:(:|0:0:)1:0:0:1$/) as string },
      { type: 'email', value: 'Ann@example.test' },
    ]);
    const points = get(peculiar.CRLDistributionPointsExtension).distributionPoints;
    expect(points.map((point) => point.distributionPoint?.fullName?.[0]?.uniformResourceIdentifier)).toEqual([
      'http://status.example.test/crl/servers-1/2.crl',
      'http://b.example.test/2.crl',
    ]);
    const access = get(peculiar.AuthorityInfoAccessExtension);
    expect(access.ocsp.map(({ value }) => value)).toEqual(['http://status.example.test/ocsp']);
    expect(access.caIssuers.map(({ value }) => value)).toEqual(['http://status.example.test/servers-1.crt']);
    expect(read.extensions.map(({ type, critical }) => [type, critical])).toEqual(
      readCertificate(der).extensions.map(({ id, critical }) => [id, critical]),
    );
    const publicKey = new peculiar.PublicKey(Uint8Array.from(signer.publicKey.spki));
    expect(await read.verify({ publicKey, signatureOnly: true })).toBe(true);
  });

  it('says to Node what we wrote', async () => {
    const { der, own, signer } = await makeCertificate(leaf, issuer);
    const read = new X509Certificate(der);
    expect(read.serialNumber.toLowerCase()).toBe(toHex(SERIAL));
    expect([read.validFromDate.getTime(), read.validToDate.getTime()]).toEqual([
      notBefore,
      notBefore + 90 * DAY,
    ]);
    expect(read.ca).toBe(true);
    expect(read.keyUsage).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(read.publicKey.equals(own.publicKey.keyObject)).toBe(true);
    expect(read.verify(signer.publicKey.keyObject)).toBe(true);
    expect(read.subjectAltName).toBe(
      'URI:spiffe://example.test/app, DNS:a.example.test, DNS:*.b.example.test, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:1:0:0:1, email:Ann@example.test',
    );
    expect(read.subject).toContain('CN=a.example.test');
    expect(read.infoAccess).toContain('OCSP - URI:http://status.example.test/ocsp');
  });

  it('says to ourselves what we wrote', async () => {
    const { der, own, signer } = await makeCertificate(leaf, issuer);
    const read = readCertificate(der);
    const value = (id: string) => findExtension(read, id)?.value ?? Buffer.alloc(0);
    expect(read.version).toBe(3);
    expect(formatSerial(read.serial)).toBe(toHex(SERIAL));
    expect(readName(read.subject)).toEqual(subject);
    expect(extensions.readKeyUsage(value(OID.keyUsage))).toEqual([
      'digitalSignature',
      'keyAgreement',
      'keyCertSign',
      'decipherOnly',
    ]);
    expect(extensions.readExtKeyUsage(value(OID.extKeyUsage))).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(extensions.readBasicConstraints(value(OID.basicConstraints))).toEqual({ ca: true, pathLength: 3 });
    expect(extensions.readSubjectAltName(value(OID.subjectAltName))).toEqual(names);
    expect(extensions.readCrlDistributionPoints(value(OID.cRLDistributionPoints))).toHaveLength(2);
    expect(extensions.readAuthorityInfoAccess(value(OID.authorityInfoAccess)).ocsp).toEqual([
      'http://status.example.test/ocsp',
    ]);
    expect(readPublicKey(read.spki).type).toBe(own.publicKey.type);
    expect(verifySignature(read.signatureAlgorithm, read.tbs.raw, read.signature, signer.publicKey)).toBe(
      true,
    );
    expect(verifySignature(read.signatureAlgorithm, read.tbs.raw, read.signature, own.publicKey)).toBe(
      own === signer,
    );
  });
});

const ALGORITHMS = [
  ['ECDSA P-256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
  ['ECDSA P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
  ['Ed25519', { name: 'Ed25519' }],
  [
    'RSA',
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  ],
] as const;

describe.each(ALGORITHMS)('what @peculiar/x509 makes with %s', (_name, algorithm) => {
  const makeKeys = () => webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify']);

  it('is a certificate that we read the same', async () => {
    const keys = await makeKeys();
    const made = await peculiar.X509CertificateGenerator.createSelfSigned({
      serialNumber: '00c0ffee00112233445566778899aabb',
      name: 'CN=Tëst, O="Example, Org", C=DE',
      notBefore: new Date(notBefore),
      notAfter: new Date(notBefore + HOUR),
      keys: keys as never,
      signingAlgorithm: algorithm as never,
      extensions: [
        new peculiar.BasicConstraintsExtension(true, 2, true),
        new peculiar.KeyUsagesExtension(
          peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign,
          true,
        ),
        new peculiar.ExtendedKeyUsageExtension([OID.serverAuth, '1.2.3.4.5'], true),
        await peculiar.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await peculiar.AuthorityKeyIdentifierExtension.create(keys.publicKey as never),
        new peculiar.SubjectAlternativeNameExtension(
          [
            { type: 'dns', value: 'a.example.test' },
            { type: 'ip', value: '192.0.2.7' },
            { type: 'ip', value: '2001:db8::1' },
            { type: 'url', value: 'spiffe://example.test/a' },
            { type: 'email', value: 'ann@example.test' },
            { type: 'id', value: '1.2.3.4' },
          ],
          true,
        ),
        new peculiar.CRLDistributionPointsExtension(['http://a.test/1.crl', 'http://a.test/2.crl']),
        new peculiar.AuthorityInfoAccessExtension({
          ocsp: 'http://a.test/ocsp',
          caIssuers: 'http://a.test/ca.crt',
        }),
      ],
    });
    const read = readCertificate(Buffer.from(made.rawData));
    const value = (id: string) => findExtension(read, id)?.value ?? Buffer.alloc(0);
    expect(formatSerial(read.serial)).toBe('c0ffee00112233445566778899aabb');
    expect([read.notBefore, read.notAfter]).toEqual([notBefore, notBefore + HOUR]);
    expect(formatName(read.subject)).toBe('C=DE,O=Example\\, Org,CN=Tëst');
    expect(extensions.readBasicConstraints(value(OID.basicConstraints))).toEqual({ ca: true, pathLength: 2 });
    expect(extensions.readKeyUsage(value(OID.keyUsage))).toEqual(['keyCertSign', 'cRLSign']);
    expect(extensions.readExtKeyUsage(value(OID.extKeyUsage))).toEqual([OID.serverAuth, '1.2.3.4.5']);
    expect(extensions.readSubjectAltName(value(OID.subjectAltName))).toEqual([
      { kind: 'dns', value: 'a.example.test' },
      { kind: 'ip', value: '192.0.2.7' },
      { kind: 'ip', value: '2001:db8::1' },
      { kind: 'uri', value: 'spiffe://example.test/a' },
      { kind: 'email', value: 'ann@example.test' },
      { kind: 'other', tag: 0x88, value: Buffer.from([42, 3, 4]) },
    ]);
    const ski = extensions.readSubjectKeyIdentifier(value(OID.subjectKeyIdentifier));
    expect(extensions.readAuthorityKeyIdentifier(value(OID.authorityKeyIdentifier))).toEqual(ski);
    expect(extensions.readCrlDistributionPoints(value(OID.cRLDistributionPoints))).toEqual([
      'http://a.test/1.crl',
      'http://a.test/2.crl',
    ]);
    expect(extensions.readAuthorityInfoAccess(value(OID.authorityInfoAccess))).toEqual({
      ocsp: ['http://a.test/ocsp'],
      caIssuers: ['http://a.test/ca.crt'],
    });
    const key = readPublicKey(read.spki);
    expect(Buffer.from(key.spki)).toEqual(Buffer.from(made.publicKey.rawData));
    expect(verifySignature(read.signatureAlgorithm, read.tbs.raw, read.signature, key)).toBe(true);
    expect(toHex(key.fingerprint)).toBe(toHex(Buffer.from(await made.publicKey.getThumbprint('SHA-256'))));
  });
});
