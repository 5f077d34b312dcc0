import { beforeAll, describe, expect, it } from 'vitest';
import { DAY, HOUR } from '../../../src/base/clock.ts';
import { readTbsCertificate, type TbsCertificate } from '../../../src/x509/certificate.ts';
import { NULL, oid, sequence, tlv } from '../../../src/x509/der.ts';
import {
  authorityInfoAccess,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extKeyUsage,
  keyUsage,
  NO_REV_AVAIL,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../src/x509/extensions.ts';
import { commonName, EMPTY_NAME, encodeName } from '../../../src/x509/name.ts';
import { OID } from '../../../src/x509/oids.ts';
import { keyIdentifier, readPublicKey } from '../../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../../src/x509/signature.ts';
import {
  lintCaCertificate,
  lintCertificate,
  lintForeignCertificate,
  LINTS,
  type LintSubject,
} from '../../../src/domain/issuance/lint/index.ts';
import { lintIssuer } from '../../../src/domain/issuance/prepare.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { makeAuthority, TRUST_DOMAIN } from '../../support/authority.ts';
import { keyOf } from '../../support/keys.ts';
import { encodeParts, goodParts } from '../../support/leaf.ts';

const now = new FakeClock().now();
let leaf: LintSubject;
let ca: LintSubject;
/** A key that is too weak, as it would look were it read. */
let weak: LintSubject['publicKey'];

beforeAll(async () => {
  const { generation, rootKey } = await makeAuthority({ issuer: 'clients', now });
  const { publicKey } = await keyOf('ecdsa-p256');
  const names = [{ kind: 'email', value: 'ann@example.test' }] as const;
  const profile = DEFAULT_PROFILES.client;
  const parts = goodParts({ generation, profile, publicKey, now, names });
  leaf = {
    certificate: readTbsCertificate(encodeParts(parts)),
    publicKey,
    issuer: lintIssuer(generation),
    profile,
    trustDomain: TRUST_DOMAIN,
    now,
  };
  ca = {
    certificate: generation.certificate.tbs,
    publicKey: generation.publicKey,
    issuer: {
      ...lintIssuer(generation),
      subject: generation.certificate.issuer,
      subjectKeyIdentifier: keyIdentifier(rootKey.publicKey.keyBits),
    },
    trustDomain: TRUST_DOMAIN,
  };
  const rsa = (await keyOf('rsa-2048')).publicKey;
  weak = { ...rsa, rsa: { modulus: rsa.rsa?.modulus ?? NULL, exponent: Buffer.from([3]) } };
});

type Change = (subject: LintSubject) => LintSubject;
const certificate =
  (changes: Partial<TbsCertificate> | (() => Partial<TbsCertificate>)): Change =>
  (subject) => ({
    ...subject,
    certificate: { ...subject.certificate, ...(typeof changes === 'function' ? changes() : changes) },
  });
/** Puts the extension in the place of the one with its identifier, or leaves that out. */
const replacing =
  (id: string, ...by: readonly Extension[]): Change =>
  (subject) => ({
    ...subject,
    certificate: {
      ...subject.certificate,
      extensions: [...subject.certificate.extensions.filter((extension) => extension.id !== id), ...by],
    },
  });
const adding =
  (...extensions: readonly Extension[]): Change =>
  (subject) => ({
    ...subject,
    certificate: { ...subject.certificate, extensions: [...subject.certificate.extensions, ...extensions] },
  });
/** Under a profile with noRevAvail. */
const unpublished: Change = (subject) => ({
  ...subject,
  profile: { ...DEFAULT_PROFILES.client, noRevAvail: true },
});
/** Neither CRL nor OCSP responder, but what was added last stays. */
const withoutStatus: Change = (subject) => {
  const extensions = [...subject.certificate.extensions];
  const first = (id: string) => extensions.findIndex((extension) => extension.id === id);
  extensions.splice(first(OID.cRLDistributionPoints), 1);
  extensions.splice(
    first(OID.authorityInfoAccess),
    1,
    authorityInfoAccess({ ocsp: [], caIssuers: ['http://x.test/issuer.crt'] }),
  );
  return { ...subject, certificate: { ...subject.certificate, extensions } };
};
const FRESHEST: Extension = { id: OID.freshestCRL, critical: false, value: sequence() };
const names = (...list: Parameters<typeof subjectAltName>[0]): Change =>
  replacing(OID.subjectAltName, subjectAltName(list, true));
const email = { kind: 'email', value: 'ann@example.test' } as const;

/** What one change brings to light: these findings and no other. */
const LEAVES: readonly (readonly [lints: string, change: Change])[] = [
  ['version', certificate({ version: 1 })],
  ['serial_positive', certificate({ serial: Buffer.alloc(16, 0x80) })],
  ['serial_length', certificate({ serial: Buffer.alloc(21, 0x40) })],
  ['serial_entropy', certificate({ serial: Buffer.alloc(8, 0x40) })],
  [
    'signature_algorithm_issuer',
    certificate({ signatureAlgorithm: signatureAlgorithmFor('rsa').identifier }),
  ],
  [
    'signature_algorithm signature_algorithm_issuer',
    certificate({ signatureAlgorithm: sequence(oid('1.2.840.10045.4.1')) }),
  ],
  ['issuer_empty issuer_name', certificate({ issuer: EMPTY_NAME })],
  ['issuer_name', certificate({ issuer: encodeName([commonName('somebody')]) })],
  ['validity_order valid_now', certificate({ notBefore: now - 60_000, notAfter: now - 61_000 })],
  ['validity_within_issuer life', certificate({ notAfter: now + 366 * DAY })],
  ['validity_within_issuer backdate', certificate({ notBefore: now - 2 * HOUR })],
  ['unique_ids', certificate({ hasUniqueIds: true })],
  ['key_proved subject_key_identifier', (subject) => ({ ...subject, publicKey: ca.publicKey })],
  [
    'key_strength',
    (subject) => ({
      ...subject,
      publicKey: { ...subject.publicKey, rsa: weak.rsa ?? { modulus: NULL, exponent: NULL }, bits: 2048 },
    }),
  ],
  ['key_type', (subject) => ({ ...subject, profile: { ...DEFAULT_PROFILES.client, keyTypes: ['rsa'] } })],
  [
    'subject_key_identifier key_of_issuer',
    (subject) => ({
      ...subject,
      publicKey: ca.publicKey,
      certificate: { ...subject.certificate, spki: ca.publicKey.spki },
    }),
  ],
  [
    'extension_twice',
    (subject) =>
      certificate({ extensions: [...subject.certificate.extensions, keyUsage(['digitalSignature'])] })(
        subject,
      ),
  ],
  ['extension_unknown', replacing('1.2.3', { id: '1.2.3', critical: false, value: NULL })],
  [
    'extension_encoding',
    replacing(OID.basicConstraints, { id: OID.basicConstraints, critical: true, value: NULL }),
  ],
  [
    'extension_criticality',
    replacing(OID.extKeyUsage, { ...extKeyUsage([OID.serverAuth, OID.clientAuth]), critical: true }),
  ],
  ['authority_key_identifier', replacing(OID.authorityKeyIdentifier)],
  [
    'authority_key_identifier',
    replacing(OID.authorityKeyIdentifier, {
      id: OID.authorityKeyIdentifier,
      critical: false,
      value: sequence(),
    }),
  ],
  ['subject_key_identifier', replacing(OID.subjectKeyIdentifier)],
  ['subject_key_identifier', replacing(OID.subjectKeyIdentifier, subjectKeyIdentifier(Buffer.alloc(20)))],
  [
    'name_kinds',
    replacing(OID.subjectAltName, {
      id: OID.subjectAltName,
      critical: true,
      value: sequence(tlv(0x81, Buffer.from(email.value)), tlv(0x88, Buffer.from([42]))),
    }),
  ],
  ['trust_domain', names(email, { kind: 'uri', value: 'spiffe://other.test/a' })],
  [
    'name_constraints',
    (subject) => ({
      ...subject,
      issuer: subject.issuer && {
        ...subject.issuer,
        nameConstraints: [{ permitted: [{ kind: 'email', value: 'other.test' }], excluded: [] }],
      },
    }),
  ],
  ['valid_now', certificate({ notBefore: now + 1000 })],
  ['life', certificate({ notAfter: now + 31 * DAY })],
  ['backdate', certificate({ notBefore: now - 10 * 60_000 })],
  ['leaf_ca', replacing(OID.basicConstraints, basicConstraints({ ca: true }))],
  ['leaf_key_usage', replacing(OID.keyUsage)],
  ['leaf_key_usage', replacing(OID.keyUsage, keyUsage(['keyAgreement']))],
  ['leaf_key_usage_ca', replacing(OID.keyUsage, keyUsage(['digitalSignature', 'cRLSign']))],
  ['leaf_ext_key_usage', replacing(OID.extKeyUsage)],
  [
    'leaf_ext_key_usage ext_key_usage_profile',
    replacing(OID.extKeyUsage, extKeyUsage([OID.serverAuth, OID.anyExtendedKeyUsage])),
  ],
  ['ext_key_usage_profile', replacing(OID.extKeyUsage, extKeyUsage([OID.clientAuth]))],
  ['names_present', replacing(OID.subjectAltName)],
  ['dns_names', names(email, { kind: 'dns', value: 'A.example.test' })],
  ['dns_names', names(email, { kind: 'dns', value: 'a.example.test.' })],
  ['email_addresses', names({ kind: 'email', value: 'ann@example.test\0.evil.test' })],
  ['spiffe_ids', names(email, { kind: 'uri', value: 'spiffe://example.test/a//b' })],
  ['trust_domain spiffe_ids', names(email, { kind: 'uri', value: 'https://example.test/' })],
  [
    'one_uri name_counts',
    names(
      email,
      { kind: 'uri', value: 'spiffe://example.test/a' },
      { kind: 'uri', value: 'spiffe://example.test/b' },
    ),
  ],
  [
    'name_counts',
    names(...Array.from({ length: 101 }, (_, i) => ({ kind: 'dns', value: `n${i}.test` }) as const)),
  ],
  [
    'extension_criticality common_name',
    certificate(() => ({ subject: encodeName([commonName('bob@example.test')]) })),
  ],
  ['extension_criticality common_name', certificate({ subject: sequence(NULL) })],
  ['status_urls', replacing(OID.cRLDistributionPoints)],
  ['status_urls', replacing(OID.authorityInfoAccess)],
  // with a CRL and with an OCSP responder
  ['no_rev_avail no_rev_avail_profile', adding(NO_REV_AVAIL)],
  ['no_rev_avail', (subject) => adding(NO_REV_AVAIL)(unpublished(subject))],
  [
    'no_rev_avail',
    (subject) =>
      withoutStatus(adding(NO_REV_AVAIL, crlDistributionPoints(['http://x.test']))(unpublished(subject))),
  ],
  [
    'extension_unknown no_rev_avail',
    (subject) => withoutStatus(adding(NO_REV_AVAIL, FRESHEST)(unpublished(subject))),
  ],
  ['no_rev_avail_profile status_urls', (subject) => withoutStatus(unpublished(subject))],
  [
    'extension_criticality',
    (subject) => withoutStatus(adding({ ...NO_REV_AVAIL, critical: true })(unpublished(subject))),
  ],
  [
    'extension_encoding no_rev_avail_profile status_urls',
    (subject) => withoutStatus(adding({ ...NO_REV_AVAIL, value: sequence() })(unpublished(subject))),
  ],
];

const CAS: readonly (readonly [lints: string, change: Change])[] = [
  ['ca_basic_constraints', replacing(OID.basicConstraints)],
  ['ca_basic_constraints', replacing(OID.basicConstraints, basicConstraints({ ca: false }))],
  ['ca_key_usage', replacing(OID.keyUsage, keyUsage(['digitalSignature', 'cRLSign']))],
  ['ca_key_usage', replacing(OID.keyUsage)],
  ['ca_subject', certificate({ subject: EMPTY_NAME })],
  [
    'ca_trust_domain',
    replacing(OID.subjectAltName, subjectAltName([{ kind: 'uri', value: 'spiffe://example.test/a' }], false)),
  ],
  [
    'trust_domain',
    replacing(OID.subjectAltName, subjectAltName([{ kind: 'uri', value: 'spiffe://other.test' }], false)),
  ],
  ['validity_within_issuer', certificate({ notAfter: now + 11 * 365 * DAY })],
  ['no_rev_avail', adding(NO_REV_AVAIL)],
];

describe('each lint of leaves', () => {
  it('has nothing to say of a good one', () => expect(lintCertificate(leaf)).toEqual([]));

  it.each(LEAVES)('%s', (lints, change) => {
    expect(
      lintCertificate(change(leaf))
        .map(({ lint }) => lint)
        .join(' '),
    ).toBe(lints);
  });
});

describe('each lint of CA certificates', () => {
  it('has nothing to say of a good one', () => expect(lintCaCertificate(ca)).toEqual([]));

  it.each(CAS)('%s', (lints, change) => {
    expect(
      lintCaCertificate(change(ca))
        .map(({ lint }) => lint)
        .join(' '),
    ).toBe(lints);
  });
});

it('every lint is found by some row, and is named once', () => {
  const found = new Set([...LEAVES, ...CAS].flatMap(([lints]) => lints.split(' ')));
  // those of OCSP responders have their rows in responder.test.ts
  const elsewhere = ['responder_ext_key_usage', 'responder_no_check', 'responder_life'];
  expect(LINTS.map(({ lint }) => lint).filter((lint) => !found.has(lint))).toEqual(elsewhere);
  for (const { lint, source } of LINTS) expect([lint, source.length > 5]).toEqual([lint, true]);
});

it('what a caller cannot know is not asked of a certificate from elsewhere', async () => {
  const { publicKey } = await keyOf('ecdsa-p256');
  const bare: LintSubject = { certificate: leaf.certificate, publicKey: readPublicKey(publicKey.spki) };
  expect(lintCertificate(bare)).toEqual([]);
});

it.each([
  [false, []],
  [true, ['extension_unknown']],
])(
  'an extension that we do not issue, critical: %s, is a finding of a leaf from elsewhere only then',
  (critical, lints) => {
    const change = replacing('1.2.3', { id: '1.2.3', critical, value: NULL });
    expect(lintForeignCertificate(change(leaf)).map(({ lint }) => lint)).toEqual(lints);
  },
);
