/** Chains that must not pass, one fault each, and the neighbours that must. */
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, SECOND } from '../../../src/base/clock.ts';
import type { PathFault, PathRequest, PathResult } from '../../../src/domain/path/result.ts';
import { validateCertificationPath } from '../../../src/domain/path/search.ts';
import type { Bytes } from '../../../src/x509/bytes.ts';
import { encodeGeneralName } from '../../../src/x509/general-name.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extKeyUsage,
  keyUsage,
  subjectAltName,
} from '../../../src/x509/extensions.ts';
import { nameConstraints } from '../../../src/x509/name-constraints.ts';
import { commonName, EMPTY_NAME, encodeName } from '../../../src/x509/name.ts';
import { OID } from '../../../src/x509/oids.ts';
import { oid, sequence, smallInteger, TAG, tlv } from '../../../src/x509/der.ts';
import {
  dns,
  ECDSA_SHA1,
  makeCa,
  makeLeaf,
  NOW,
  type Party,
  type Spoiled,
  unknownExtension,
} from '../../support/chains.ts';
import { ONE_OF_EACH_TYPE } from '../../support/keys.ts';

let root: Party;
let good: Party;

beforeAll(async () => {
  root = await makeCa('root');
  good = await makeCa('issuer', root);
});

const NAMES = dns('api.example.test');

function judge(leaf: Party, untrusted: readonly Party[], rest: Partial<PathRequest> = {}): PathResult {
  const request = {
    leaf: leaf.der,
    untrusted: untrusted.map(({ der }) => der),
    anchors: [root.der],
    at: NOW,
  };
  return validateCertificationPath({ ...request, ...rest });
}

const codeOf = (result: PathResult): PathFault | 'valid' => (result.valid ? 'valid' : result.code);

/** A BIT of the encoding that is signed, changed after it was encoded. */
const replace = (from: Bytes, to: Bytes) => (tbs: Bytes) => {
  const at = Buffer.from(tbs).indexOf(from);
  const out = Buffer.from(tbs);
  Buffer.from(to).copy(out, at);
  return out;
};

describe('a whole chain', () => {
  test('is valid, and comes leaf first', async () => {
    const result = judge(await makeLeaf('leaf', good, NAMES), [good]);
    expect(result.valid).toBe(true);
    expect(result.chain.map(({ raw }) => raw)).toEqual([expect.anything(), good.der, root.der]);
  });

  test('is valid with the issuing CA as the anchor, whatever its own issuer', async () => {
    const leaf = await makeLeaf('leaf', good, NAMES);
    expect(judge(leaf, [root], { anchors: [good.der] }).valid).toBe(true);
  });

  test.each(ONE_OF_EACH_TYPE)('is valid with keys of the type %s', async (keyAlgorithm) => {
    const anchor = await makeCa('root', undefined, { keyAlgorithm });
    const ca = await makeCa('issuer', anchor, { keyAlgorithm });
    const leaf = await makeLeaf('leaf', ca, NAMES, { keyAlgorithm });
    expect(codeOf(judge(leaf, [ca], { anchors: [anchor.der], purpose: 'server' }))).toBe('valid');
  });

  test('is not valid without its intermediate', async () => {
    const result = judge(await makeLeaf('leaf', good, NAMES), []);
    expect(codeOf(result)).toBe('no_path');
    expect(result.valid ? '' : result.reason).toContain('CN=issuer');
  });

  test('is not valid below another root of the same name', async () => {
    const other = await makeCa('root', undefined, { keyOwner: 'another root' });
    const leaf = await makeLeaf('leaf', good, NAMES);
    expect(codeOf(judge(leaf, [good], { anchors: [other.der] }))).toBe('bad_signature');
  });
});

const leaves: readonly [sentence: string, code: PathFault | 'valid', spoiled: Spoiled][] = [
  ['has expired', 'expired', { notAfter: NOW - SECOND }],
  ['is in its last second', 'valid', { notAfter: NOW }],
  ['is not valid yet', 'not_yet_valid', { notBefore: NOW + SECOND }],
  ['is in its first second', 'valid', { notBefore: NOW }],
  [
    'has an unknown critical extension',
    'unknown_critical_extension',
    { extensions: { new: unknownExtension(true) } },
  ],
  [
    'has an unknown extension that is not critical',
    'valid',
    { extensions: { new: unknownExtension(false) } },
  ],
  [
    'has an extension twice',
    'duplicate_extension',
    { extensions: { again: keyUsage(['digitalSignature']) } },
  ],
  [
    'has no authorityKeyIdentifier',
    'missing_extension',
    { extensions: { authorityKeyIdentifier: undefined } },
  ],
  [
    "has an authorityKeyIdentifier that is nobody's: a hint, no rule",
    'valid',
    { extensions: { authorityKeyIdentifier: authorityKeyIdentifier(Buffer.alloc(20, 7)) } },
  ],
  [
    'has a critical authorityKeyIdentifier',
    'wrong_criticality',
    {
      extensions: {
        authorityKeyIdentifier: { ...authorityKeyIdentifier(Buffer.alloc(20, 7)), critical: true },
      },
    },
  ],
  [
    'has keyCertSign without being a CA',
    'key_usage',
    { extensions: { keyUsage: keyUsage(['keyCertSign']) } },
  ],
  ['has an empty keyUsage', 'malformed_extension', { extensions: { keyUsage: keyUsage([]) } }],
  ['has an empty extKeyUsage', 'malformed_extension', { extensions: { extKeyUsage: extKeyUsage([]) } }],
  ['has no subject and no names', 'wrong_criticality', { extensions: { subjectAltName: undefined } }],
  [
    'has no subject and names that are not critical',
    'wrong_criticality',
    { extensions: { subjectAltName: subjectAltName(NAMES, false) } },
  ],
  [
    'has constraints although it is no CA',
    'misplaced_extension',
    { extensions: { new: nameConstraints([encodeGeneralName({ kind: 'dns', value: 'example.test' })], []) } },
  ],
  ['has a serial number of 21 octets', 'serial_number', { serial: Buffer.alloc(21, 1) }],
  ['has the serial number zero', 'serial_number', { serial: Buffer.from([0]) }],
  ['has an empty issuer', 'no_path', { issuer: EMPTY_NAME }],
  ['says another algorithm outside than inside', 'unsupported_algorithm', { outerAlgorithm: ECDSA_SHA1 }],
  [
    'has a host name with an underscore',
    'malformed_name',
    { extensions: { subjectAltName: subjectAltName(dns('a_b.example.test'), true) } },
  ],
  [
    'has a wildcard inside of a label',
    'malformed_name',
    { extensions: { subjectAltName: subjectAltName(dns('a*.example.test'), true) } },
  ],
  [
    'has a wildcard over a top-level domain',
    'malformed_name',
    { extensions: { subjectAltName: subjectAltName(dns('*.test'), true) } },
  ],
  [
    'has an address among the host names',
    'malformed_name',
    { extensions: { subjectAltName: subjectAltName(dns('10.0.0.1'), true) } },
  ],
  [
    'has a NUL in a host name',
    'malformed_name',
    { extensions: { subjectAltName: subjectAltName(dns('a.example.test\0.evil.test'), true) } },
  ],
  [
    'has a broken authorityInfoAccess',
    'malformed_extension',
    {
      extensions: {
        new: { id: OID.authorityInfoAccess, critical: false, value: Buffer.from('0500', 'hex') },
      },
    },
  ],
];

describe('a leaf that', () => {
  test.each(leaves)('%s: %s', async (_sentence, code, spoiled) => {
    expect(codeOf(judge(await makeLeaf('leaf', good, NAMES, spoiled), [good]))).toBe(code);
  });

  test('was changed after it was signed is refused', async () => {
    const leaf = await makeLeaf('leaf', good, NAMES);
    const der = replace(Buffer.from('api.example.test'), Buffer.from('apj.example.test'))(leaf.der);
    expect(codeOf(judge({ ...leaf, der }, [good]))).toBe('bad_signature');
  });

  test('is also in the roots is refused: an anchor is a CA', async () => {
    const selfSigned = await makeLeaf('self', { ...good, name: encodeName([commonName('self')]) }, NAMES, {
      subject: encodeName([commonName('self')]),
    });
    expect(codeOf(judge(selfSigned, [], { anchors: [selfSigned.der] }))).not.toBe('valid');
  });
});

const issuers: readonly [sentence: string, code: PathFault | 'valid', spoiled: Spoiled][] = [
  ['has expired', 'expired', { notAfter: NOW - SECOND }],
  ['is not valid yet', 'not_yet_valid', { notBefore: NOW + DAY }],
  ['has no basicConstraints', 'not_a_ca', { extensions: { basicConstraints: undefined } }],
  [
    'says that it is no CA',
    'not_a_ca',
    { extensions: { basicConstraints: basicConstraints({ ca: false }), keyUsage: undefined } },
  ],
  ['may not sign certificates', 'key_usage', { extensions: { keyUsage: keyUsage(['cRLSign']) } }],
  ['does not say what its key is for', 'valid', { extensions: { keyUsage: undefined } }],
  [
    'has an unknown critical extension',
    'unknown_critical_extension',
    { extensions: { new: unknownExtension(true) } },
  ],
  ['has no subjectKeyIdentifier', 'missing_extension', { extensions: { subjectKeyIdentifier: undefined } }],
  [
    'has no subject',
    'empty_issuer',
    { subject: EMPTY_NAME, extensions: { subjectAltName: subjectAltName(dns('ca.example.test'), true) } },
  ],
  [
    'requires an explicit policy and names none',
    'policy',
    {
      extensions: {
        new: { id: OID.policyConstraints, critical: true, value: sequence(tlv(0x80, Buffer.from([0]))) },
      },
    },
  ],
  [
    'maps anyPolicy',
    'policy',
    {
      extensions: {
        new: {
          id: OID.policyMappings,
          critical: true,
          value: sequence(sequence(oid(OID.anyPolicy), oid('1.2.3'))),
        },
      },
    },
  ],
];

describe('an intermediate that', () => {
  test.each(issuers)('%s: %s', async (_sentence, code, spoiled) => {
    const issuer = await makeCa('issuer', root, spoiled);
    expect(codeOf(judge(await makeLeaf('leaf', issuer, NAMES), [issuer]))).toBe(code);
  });

  test('is a leaf signs nothing (GHSA-2328-f5f3-gj25: a leaf acts as a CA)', async () => {
    const first = await makeLeaf('first', good, NAMES, { subject: encodeName([commonName('first')]) });
    const second = await makeLeaf('second', first, NAMES);
    const result = judge(second, [first, good]);
    expect(codeOf(result)).toBe('not_a_ca');
    expect(result.valid ? '' : result.certificate?.raw).toEqual(first.der);
  });

  test('is one more than a path length above allows is refused, a self-issued one does not count', async () => {
    const top = await makeCa('top', root, {
      extensions: { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) },
    });
    const renewed = await makeCa('top', top, { keyOwner: 'top, renewed' });
    expect(codeOf(judge(await makeLeaf('leaf', renewed, NAMES), [top, renewed]))).toBe('valid');
    const below = await makeCa('below', top);
    expect(codeOf(judge(await makeLeaf('leaf', below, NAMES), [top, below]))).toBe('path_length');
  });
});

describe('an anchor that', () => {
  const anchors: readonly [sentence: string, code: PathFault, spoiled: Spoiled][] = [
    ['has expired', 'expired', { notAfter: NOW - SECOND }],
    [
      'is no CA',
      'not_a_ca',
      { extensions: { basicConstraints: basicConstraints({ ca: false }), keyUsage: undefined } },
    ],
    [
      'has basicConstraints that are not critical',
      'wrong_criticality',
      { extensions: { basicConstraints: { ...basicConstraints({ ca: true }), critical: false } } },
    ],
    [
      'has an unknown critical extension',
      'unknown_critical_extension',
      { extensions: { new: unknownExtension(true) } },
    ],
    [
      'allows no intermediate',
      'path_length',
      { extensions: { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) } },
    ],
  ];
  test.each(anchors)('%s: %s', async (_sentence, code, spoiled) => {
    const anchor = await makeCa('root', undefined, spoiled);
    expect(codeOf(judge(await makeLeaf('leaf', good, NAMES), [good], { anchors: [anchor.der] }))).toBe(code);
  });

  test('cannot be read is left aside', async () => {
    const leaf = await makeLeaf('leaf', good, NAMES);
    expect(judge(leaf, [good], { anchors: [Buffer.from('3000', 'hex'), root.der] }).valid).toBe(true);
    expect(codeOf(judge(leaf, [good], { anchors: [Buffer.from('3000', 'hex')] }))).toBe('no_path');
  });
});

describe('for a purpose', () => {
  const serverOnly = { extKeyUsage: extKeyUsage([OID.serverAuth]) };
  const purposes: readonly [string, 'server' | 'client', PathFault | 'valid', Spoiled['extensions']][] = [
    ['a server certificate serves', 'server', 'valid', serverOnly],
    ['a server certificate is no client', 'client', 'extended_key_usage', serverOnly],
    ['a certificate that does not say is none', 'server', 'extended_key_usage', { extKeyUsage: undefined }],
    [
      'anyExtendedKeyUsage is not enough',
      'server',
      'extended_key_usage',
      { extKeyUsage: extKeyUsage([OID.anyExtendedKeyUsage]) },
    ],
    [
      'anyExtendedKeyUsage is too much',
      'server',
      'tls_profile',
      { extKeyUsage: extKeyUsage([OID.serverAuth, OID.anyExtendedKeyUsage]) },
    ],
    [
      'a key that may only agree signs for no client',
      'client',
      'key_usage',
      { keyUsage: keyUsage(['keyEncipherment']) },
    ],
  ];
  test.each(purposes)('%s', async (_sentence, purpose, code, extensions) => {
    const leaf = await makeLeaf('leaf', good, NAMES, { extensions: extensions ?? {} });
    expect(codeOf(judge(leaf, [good], { purpose }))).toBe(code);
  });

  test('a CA bounds its leaves', async () => {
    const servers = await makeCa('servers', root, { extensions: serverOnly });
    const leaf = await makeLeaf('leaf', servers, NAMES);
    expect(codeOf(judge(leaf, [servers], { purpose: 'server' }))).toBe('valid');
    expect(codeOf(judge(leaf, [servers], { purpose: 'client' }))).toBe('extended_key_usage');
  });

  test('a CA is no leaf, and without one it may be', async () => {
    const ca = await makeCa('ca', good, { extensions: serverOnly });
    expect(codeOf(judge(ca, [good], { purpose: 'server' }))).toBe('tls_profile');
    expect(codeOf(judge(ca, [good]))).toBe('valid');
  });

  test('a commonName that looks like a host is one of the names', async () => {
    const named = (name: string) =>
      makeLeaf('leaf', good, [], {
        subject: encodeName([commonName(name)]),
        extensions: { subjectAltName: subjectAltName(NAMES, false) },
      });
    for (const [name, code] of [
      ['api.example.test', 'valid'],
      ['example.test', 'valid'],
      ['The API of example.test', 'valid'],
      ['other.example.test', 'tls_profile'],
      ['API.example.test', 'tls_profile'],
    ] as const)
      expect(codeOf(judge(await named(name), [good], { purpose: 'server' })), name).toBe(code);
  });
});

test('times may be in either form', async () => {
  const text = (tag: number, digits: string) => tlv(tag, Buffer.from(digits));
  const leaf = await makeLeaf('leaf', good, NAMES, {
    notBefore: Date.UTC(2026, 4, 1),
    // both lengths stay the same: the serial number gives the two octets of the century back
    serial: Buffer.alloc(15, 1),
    tbs: (tbs) => {
      const utc = text(TAG.utcTime, '260501000000Z');
      const general = text(TAG.generalizedTime, '20260501000000Z');
      const at = Buffer.from(tbs).indexOf(utc);
      const long = Buffer.concat([tbs.subarray(0, at), general, tbs.subarray(at + utc.length)]);
      // two octets more in validity and in the whole
      const validity = at - 2;
      long[validity + 1] = (long[validity + 1] ?? 0) + 2;
      long.writeUInt16BE(long.readUInt16BE(2) + 2, 2);
      return long;
    },
  });
  expect(codeOf(judge(leaf, [good]))).toBe('valid');
});

test('a leaf that is no certificate is an error, not an answer', () => {
  expect(() => judge({ ...good, der: smallInteger(1) }, [])).toThrowError(
    expect.objectContaining({ code: 'malformed_certificate' }),
  );
});
