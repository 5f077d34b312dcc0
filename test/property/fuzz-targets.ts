/** What reads the input of strangers, each with inputs that are random, or valid ones that something happened to. */
import * as fc from 'fast-check';
import { isChanceryError } from '../../src/base/errors.ts';
import { parseDuration, parseInstant } from '../../src/base/clock.ts';
import { parsePattern, parsePrincipalPattern } from '../../src/domain/identity/pattern.ts';
import { parseName } from '../../src/domain/identity/names.ts';
import { parseSpiffeId } from '../../src/domain/identity/spiffe-id.ts';
import { formatTokenString, parseTokenString } from '../../src/domain/identity/token-string.ts';
import { keyStatement, readKeyStatement, STATEMENT_TYPE } from '../../src/domain/revocation/key-statement.ts';
import { lintForeignCertificate } from '../../src/domain/issuance/lint/index.ts';
import { provePossession } from '../../src/domain/issuance/possession.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { provesPossession, readCertificationRequest } from '../../src/x509/csr.ts';
import * as der from '../../src/x509/der.ts';
import * as bits from '../../src/x509/der-bits.ts';
import * as extensions from '../../src/x509/extensions.ts';
import { NAME_KINDS } from '../../src/x509/general-name.ts';
import { encodeCertId } from '../../src/x509/cert-id.ts';
import { commonName, encodeName, formatName, readName } from '../../src/x509/name.ts';
import { signCompactJws } from '../../src/x509/jws.ts';
import type { KeyPair } from '../../src/x509/key-pair.ts';
import { encodeOcspRequest } from '../../src/x509/ocsp-request.ts';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { readPublicKey } from '../../src/x509/public-key.ts';
import { readTime } from '../../src/x509/time.ts';
import { signCertificate, TRUST_DOMAIN } from '../support/authority.ts';
import { keyOf, ONE_OF_EACH_TYPE } from '../support/keys.ts';
import { GOOD, NEVER_ISSUED, octets as octetsOf, ocspWorkbench, REVOKED } from '../support/ocsp.ts';
import { makeRequest } from '../support/request.ts';
import { verifyOcspResponse } from '../../src/domain/revocation/ocsp-verify.ts';

export interface FuzzTarget {
  readonly name: string;
  readonly input: fc.Arbitrary<Uint8Array | string>;
  /** May throw a ChanceryError and nothing else. */
  readonly read: (input: never) => unknown;
}

type Change = (bytes: Buffer) => Buffer;

const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const octet = fc.oneof(
  fc.nat(255),
  fc.constantFrom(
    0x00,
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x1f,
    0x30,
    0x31,
    0x7f,
    0x80,
    0x81,
    0x82,
    0x84,
    0xa0,
    0xff,
  ),
);
const at = (bytes: Buffer, where: number): number => Math.floor(where * bytes.length);

/** One thing that happens to valid octets: changed, cut, doubled, moved, a length that lies. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(position, octet).map(([where, value]): Change => (bytes) => {
    const out = Buffer.from(bytes);
    if (out.length > 0) out[at(out, where)] = value;
    return out;
  }),
  fc.tuple(position, fc.nat(7)).map(([where, bit]): Change => (bytes) => {
    const out = Buffer.from(bytes);
    const i = at(out, where);
    if (out.length > 0) out[i] = (out[i] ?? 0) ^ (1 << bit);
    return out;
  }),
  position.map(
    (where): Change =>
      (bytes) =>
        bytes.subarray(0, at(bytes, where)),
  ),
  fc.tuple(position, fc.uint8Array({ maxLength: 12 })).map(
    ([where, more]): Change =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at(bytes, where)), more, bytes.subarray(at(bytes, where))]),
  ),
  fc.tuple(position, position, position).map(([a, b, c]): Change => (bytes) => {
    const [from, to] = [at(bytes, Math.min(a, b)), at(bytes, Math.max(a, b))];
    return Buffer.concat([
      bytes.subarray(0, at(bytes, c)),
      bytes.subarray(from, to),
      bytes.subarray(at(bytes, c)),
    ]);
  }),
  fc.tuple(position, fc.nat(40)).map(
    ([where, count]): Change =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at(bytes, where)), bytes.subarray(at(bytes, where) + count)]),
  ),
);

const changed = (seeds: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([seed, changes]) => changes.reduce((bytes, one) => one(bytes), seed));

const octets = (seeds: readonly Buffer[]): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 8, arbitrary: changed(seeds) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );

const text = (seeds: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: changed(seeds.map((seed) => Buffer.from(seed))).map((bytes) => bytes.toString('latin1')),
    },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'),
    },
  );

/** Every value that a certificate can carry is read, whatever the identifier says that it is. */
function readEverything(input: Uint8Array): void {
  const readers: readonly ((value: Uint8Array) => unknown)[] = [
    extensions.readExtensions,
    extensions.readBasicConstraints,
    extensions.readKeyUsage,
    extensions.readExtKeyUsage,
    extensions.readSubjectKeyIdentifier,
    extensions.readAuthorityKeyIdentifier,
    extensions.readSubjectAltName,
    extensions.readCrlDistributionPoints,
    extensions.readAuthorityInfoAccess,
    readName,
    readPublicKey,
    (value) => readTime(new der.DerReader(value).next('it'), 'it'),
    (value) => der.readOid(new der.DerReader(value).next('it'), 'it'),
    (value) => der.readInteger(new der.DerReader(value).next('it'), 'it'),
    (value) => der.readSmallInteger(new der.DerReader(value).next('it'), 'it'),
    (value) => der.readBoolean(new der.DerReader(value).next('it'), 'it'),
    (value) => bits.readNamedBits(new der.DerReader(value).next('it'), 'it'),
  ];
  for (const read of readers) orRefused(() => read(input));
}

/** Goes on after a refusal; anything else that is thrown is a fault. */
function orRefused(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!isChanceryError(error)) throw error;
  }
}

function readWholeCertificate(input: Uint8Array): void {
  const certificate = readCertificate(input);
  orRefused(() => formatName(certificate.subject));
  orRefused(() => formatName(certificate.issuer));
  for (const { value } of certificate.extensions) readEverything(value);
  orRefused(() =>
    lintForeignCertificate({ certificate: certificate.tbs, publicKey: readPublicKey(certificate.spki) }),
  );
}

/** Requests get an answer whatever they are; responses are believed only as they were signed. */
async function ocspTargets(): Promise<FuzzTarget[]> {
  const { answers, request, issuer, authority, clock, failures } = await ocspWorkbench();
  const nonce = octetsOf('00112233445566778899aabbccddeeff');
  const serials = [GOOD, REVOKED, NEVER_ISSUED];
  const requests = [
    ...serials.map((serial) => request(serial)),
    ...serials.map((serial) => request(serial, nonce)),
    encodeOcspRequest(serials.map((serial) => encodeCertId('sha256', issuer, octetsOf(serial)))),
  ].map((der) => Buffer.from(der));
  const [first] = requests;
  const responses = requests.map((der) => Buffer.from(answers.answer(der).der));
  const certId = encodeCertId('sha1', issuer, octetsOf(GOOD));
  const asked = { certId, issuer: authority.generation, nonce: undefined, now: clock.now() };
  const believed = verifyOcspResponse(answers.answer(first ?? nonce).der, asked);
  return [
    {
      name: 'OCSP requests',
      input: octets(requests),
      read: (input: Uint8Array) => {
        answers.answer(input);
        if (failures.length > 0) throw new Error(String(failures[0]));
      },
    },
    {
      name: 'OCSP responses',
      input: octets(responses),
      read: (input: Uint8Array) => {
        const verdict = verifyOcspResponse(input, asked);
        if (verdict.believed && JSON.stringify(verdict) !== JSON.stringify(believed))
          throw new Error(`believed: ${JSON.stringify(verdict)}`);
      },
    },
  ];
}

/** What a key did not sign is not taken for its word. */
function statementTarget(keys: readonly KeyPair[]): FuzzTarget {
  const now = Date.UTC(2026, 5, 1);
  const seeds = keys.map((pair) => {
    const header = { typ: STATEMENT_TYPE, jwk: pair.publicKey.keyObject.export({ format: 'jwk' }) };
    const claims = keyStatement(pair.publicKey, TRUST_DOMAIN, now);
    return signCompactJws(pair, header, Buffer.from(JSON.stringify(claims)));
  });
  return {
    name: 'statements about leaked keys',
    input: text(seeds),
    read: (input: string) => {
      readKeyStatement(input, TRUST_DOMAIN, now);
      if (!seeds.includes(input)) throw new Error(`believed: ${input}`);
    },
  };
}

export async function fuzzTargets(): Promise<FuzzTarget[]> {
  const keys = await Promise.all(ONE_OF_EACH_TYPE.map((algorithm) => keyOf(algorithm)));
  const names = [
    { kind: 'uri', value: 'spiffe://example.test/ns/prod' },
    { kind: 'dns', value: 'a.example.test' },
    { kind: 'ip', value: '192.0.2.1' },
    { kind: 'email', value: 'ann@example.test' },
  ] as const;
  const subject = encodeName([commonName('a.example.test')]);
  const wanted = [
    extensions.keyUsage(['digitalSignature', 'decipherOnly']),
    extensions.extKeyUsage(['1.3.6.1.5.5.7.3.1']),
    extensions.basicConstraints({ ca: true, pathLength: 1 }),
    extensions.subjectKeyIdentifier(Buffer.alloc(20, 1)),
    extensions.authorityKeyIdentifier(Buffer.alloc(20, 2)),
    extensions.crlDistributionPoints(['http://a.test/crl']),
    extensions.authorityInfoAccess({ ocsp: ['http://a.test/ocsp'], caIssuers: ['http://a.test/ca'] }),
  ];
  const requests = keys.map((key) => Buffer.from(makeRequest(key, { subject, names, extensions: wanted })));
  const certificates = keys.map((key) =>
    Buffer.from(
      signCertificate(
        {
          serial: Buffer.alloc(16, 0x41),
          issuer: subject,
          subject,
          notBefore: Date.UTC(2026, 0, 1),
          notAfter: Date.UTC(2051, 0, 1),
          spki: key.publicKey.spki,
          extensions: [extensions.subjectAltName(names, false), ...wanted],
        },
        key,
      ),
    ),
  );
  const values = [
    ...wanted.map(({ value }) => Buffer.from(value)),
    Buffer.from(subject),
    ...keys.map((key) => Buffer.from(key.publicKey.spki)),
    Buffer.from(der.oid('1.2.840.113549.1.1.11')),
    Buffer.from(der.smallInteger(70000)),
    Buffer.from(der.TRUE),
    Buffer.from('170d3236303130313030303030305a', 'hex'),
  ];
  const nameTexts = [
    ...names.map(({ value }) => value),
    '*.example.test',
    '10.0.0.0/8',
    'fd00::1',
    'spiffe://example.test/a/*',
    '**',
  ];
  return [
    {
      name: 'certificate requests',
      input: octets(requests),
      read: (input: Uint8Array) => {
        provesPossession(readCertificationRequest(input));
        provePossession({ csr: input });
      },
    },
    { name: 'certificates', input: octets(certificates), read: readWholeCertificate },
    { name: 'DER values', input: octets(values), read: readEverything },
    {
      name: 'SPIFFE IDs',
      input: text(['spiffe://example.test/ns/prod/sa/api', 'spiffe://a/b']),
      read: parseSpiffeId,
    },
    {
      name: 'PEM',
      input: text(
        requests
          .map((request) => encodePem('CERTIFICATE REQUEST', request))
          .concat(encodePem('A', Buffer.from([5, 0])).repeat(3)),
      ),
      read: decodePem,
    },
    {
      name: 'names',
      input: text(nameTexts),
      read: (input: string) => NAME_KINDS.forEach((kind) => orRefused(() => parseName(kind, input))),
    },
    {
      name: 'patterns',
      input: text([
        ...nameTexts,
        'mtls:clients:spiffe://example.test/**',
        'mtls:*:dns:*.example.test',
        'acme:**',
      ]),
      read: (input: string) => {
        for (const kind of NAME_KINDS) orRefused(() => parsePattern(kind, input));
        orRefused(() => parsePrincipalPattern(input));
      },
    },
    {
      name: 'tokens',
      input: text([
        formatTokenString({ url: 'https://a.test', secret: Buffer.alloc(32, 1), root: 'ab'.repeat(32) }),
        'chy_',
      ]),
      read: parseTokenString,
    },
    {
      name: 'times and durations',
      input: text(['2026-01-31T00:00:00Z', '2026-01-31T00:00:00.123+02:00', '1h30m', '90d']),
      read: (input: string) => [parseInstant(input), parseDuration(input)],
    },
    statementTarget(keys),
    ...(await ocspTargets()),
  ];
}
