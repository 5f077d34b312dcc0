import { beforeAll, describe, expect, it } from 'vitest';
import { DAY, floorToSecond } from '../../../src/base/clock.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  subjectAltName,
} from '../../../src/x509/extensions.ts';
import { generateKeyPair, type KeyPair } from '../../../src/x509/key-pair.ts';
import { commonName, encodeName } from '../../../src/x509/name.ts';
import { keyIdentifier } from '../../../src/x509/public-key.ts';
import { octetString, NULL, sequence, tlv } from '../../../src/x509/der.ts';
import { OID } from '../../../src/x509/oids.ts';
import { DEFAULT_PROFILES } from '../../../src/domain/issuance/profile.ts';
import { type Authority, makeAuthority } from '../../support/authority.ts';
import { refusalOf } from '../../support/errors.ts';
import { goodParts, type LeafFor, type LeafParts, prepareParts } from '../../support/leaf.ts';

const now = floorToSecond(Date.UTC(2026, 5, 1, 12));
let authority: Authority;
let leafKey: KeyPair;
let workload: LeafFor;

beforeAll(async () => {
  authority = await makeAuthority({ issuer: 'workload', now });
  leafKey = await generateKeyPair('ecdsa-p256');
  workload = {
    generation: authority.generation,
    profile: DEFAULT_PROFILES.workload,
    publicKey: leafKey.publicKey,
    now,
    names: [{ kind: 'uri', value: 'spiffe://example.test/ns/prod/sa/api' }],
  };
});

type Spoil = (parts: LeafParts) => LeafParts;
const extension =
  (changed: () => LeafParts['extensions']): Spoil =>
  (parts) => ({ ...parts, extensions: { ...parts.extensions, ...changed() } });
const names = (...values: Parameters<typeof subjectAltName>[0]): Spoil =>
  extension(() => ({ subjectAltName: subjectAltName(values, true) }));
const uri = (value: string): Spoil => names({ kind: 'uri', value });
const workloadUri = { kind: 'uri', value: 'spiffe://example.test/a' } as const;
const dns = (value: string): Spoil => names(workloadUri, { kind: 'dns', value });
/** A dNSName in Latin-1, which no writer of ours would make. */
const rawDns = (octets: Buffer): Spoil =>
  extension(() => ({
    subjectAltName: {
      id: OID.subjectAltName,
      critical: true,
      value: sequence(tlv(0x86, Buffer.from(workloadUri.value)), tlv(0x82, octets)),
    },
  }));

/** The faulty shapes that path validators and general linters let pass between them, and the lint that finds each. */
const SHAPES: readonly (readonly [shape: string, lint: string, spoil: Spoil])[] = [
  [
    'no authorityKeyIdentifier',
    'authority_key_identifier',
    extension(() => ({ authorityKeyIdentifier: undefined })),
  ],
  [
    'the authorityKeyIdentifier of another key',
    'authority_key_identifier',
    extension(() => ({
      authorityKeyIdentifier: authorityKeyIdentifier(keyIdentifier(leafKey.publicKey.keyBits)),
    })),
  ],
  ['a serial of 21 octets', 'serial_length', (parts) => ({ ...parts, serial: Buffer.alloc(21, 0x7f) })],
  ['a serial of one octet', 'serial_entropy', (parts) => ({ ...parts, serial: Buffer.from([5]) })],
  [
    "notAfter beyond the issuer's",
    'validity_within_issuer',
    (parts) => ({ ...parts, notAfter: now + 400 * DAY }),
  ],
  [
    'a keyUsage that is not critical',
    'extension_criticality',
    extension(() => ({ keyUsage: { ...keyUsage(['digitalSignature']), critical: false } })),
  ],
  [
    'a leaf with keyCertSign',
    'leaf_key_usage_ca',
    extension(() => ({ keyUsage: keyUsage(['digitalSignature', 'keyCertSign']) })),
  ],
  ['a leaf with cA=TRUE', 'leaf_ca', extension(() => ({ basicConstraints: basicConstraints({ ca: true }) }))],
  [
    'no subjectAltName but a commonName',
    'names_present',
    (parts) => ({
      ...parts,
      subject: encodeName([commonName('api.example.test')]),
      extensions: { ...parts.extensions, subjectAltName: undefined },
    }),
  ],
  [
    'an empty subject with a subjectAltName that is not critical',
    'extension_criticality',
    extension(() => ({ subjectAltName: subjectAltName([workloadUri], false) })),
  ],
  ['two SPIFFE IDs', 'one_uri', names(workloadUri, { kind: 'uri', value: 'spiffe://example.test/b' })],
  ['dot segments in a SPIFFE ID', 'spiffe_ids', uri('spiffe://example.test/a/../b')],
  ['a trailing slash in a SPIFFE ID', 'spiffe_ids', uri('spiffe://example.test/a/')],
  ['an upper-case trust domain', 'spiffe_ids', uri('spiffe://Example.test/a')],
  ['a NUL in a DNS name', 'dns_names', dns('api.example.test\0.evil.example')],
  ['a space in a DNS name', 'dns_names', dns('api example.test')],
  ['an underscore in a DNS name', 'dns_names', dns('a_b.example.test')],
  ['two wildcards in a DNS name', 'dns_names', dns('*.*.example.test')],
  ['a U-label in a DNS name', 'dns_names', rawDns(Buffer.from('b\u00fccher.example', 'latin1'))],
  ['no extKeyUsage', 'leaf_ext_key_usage', extension(() => ({ extKeyUsage: undefined }))],
  [
    'a life that is over already',
    'valid_now',
    (parts) => ({ ...parts, notBefore: now - 3 * DAY, notAfter: now - DAY }),
  ],
  [
    'a life that has not begun',
    'valid_now',
    (parts) => ({ ...parts, notBefore: now + DAY, notAfter: now + 2 * DAY }),
  ],
  [
    'an issuer name that is not the signer’s subject',
    'issuer_name',
    (parts) => ({ ...parts, issuer: encodeName([commonName('workload-1')]) }),
  ],
  ['an extension twice', 'extension_twice', extension(() => ({ again: keyUsage(['digitalSignature']) }))],
  ['a life of 364 days', 'life', (parts) => ({ ...parts, notAfter: now + 364 * DAY })],
  [
    'an unknown critical extension',
    'extension_unknown',
    extension(() => ({ unknown: { id: '1.3.6.1.4.1.55555.1', critical: true, value: NULL } })),
  ],
  // the twenty-seventh, a certificate signed by another key, is in pipeline-effects.test.ts: no octet shows it

  // and others of their kind
  [
    'an empty extKeyUsage',
    'leaf_ext_key_usage',
    extension(() => ({ extKeyUsage: { id: OID.extKeyUsage, critical: false, value: sequence() } })),
  ],
  ['an empty subjectAltName', 'names_present', names()],
  [
    'a subjectKeyIdentifier of another key',
    'subject_key_identifier',
    extension(() => ({
      subjectKeyIdentifier: {
        id: OID.subjectKeyIdentifier,
        critical: false,
        value: octetString(Buffer.alloc(20, 1)),
      },
    })),
  ],
  ['a SPIFFE ID of another trust domain', 'trust_domain', uri('spiffe://other.test/a')],
  ['a serial of zero', 'serial_positive', (parts) => ({ ...parts, serial: Buffer.alloc(16) })],
  ['no status URLs', 'status_urls', extension(() => ({ cRLDistributionPoints: undefined }))],
  [
    'a path length in a leaf',
    'leaf_ca',
    extension(() => ({ basicConstraints: basicConstraints({ ca: false, pathLength: 0 }) })),
  ],
  [
    'keyUsage bits that have no meaning',
    'extension_encoding',
    extension(() => ({
      keyUsage: { id: OID.keyUsage, critical: true, value: tlv(0x03, Buffer.from([4, 0x80, 0, 0x10])) },
    })),
  ],
  [
    'extKeyUsage of another profile',
    'ext_key_usage_profile',
    extension(() => ({
      extKeyUsage: {
        id: OID.extKeyUsage,
        critical: false,
        value: sequence(Buffer.from('06082b06010505070301', 'hex')),
      },
    })),
  ],
  [
    'more names than the profile has',
    'name_counts',
    names(workloadUri, { kind: 'email', value: 'a@example.test' }),
  ],
];

describe('lint refuses before anything is signed', () => {
  it.each(SHAPES)('%s', (_shape, lint, spoil) => {
    const parts = spoil(goodParts(workload));
    const refusal = refusalOf(() => prepareParts(parts, workload));
    expect(refusal.code).toBe('lint_failed');
    expect(refusal.detail.errors?.map(({ field }) => field)).toContain(lint);
    expect(refusal.detail.rule).toBeTruthy();
  });

  it('knows every shape by a different row', () => {
    expect(SHAPES.length).toBeGreaterThanOrEqual(26);
    expect(new Set(SHAPES.map(([shape]) => shape)).size).toBe(SHAPES.length);
  });

  it('takes the leaf that is not spoiled', () => {
    expect(prepareParts(goodParts(workload), workload).redeem().length).toBeGreaterThan(300);
  });
});
