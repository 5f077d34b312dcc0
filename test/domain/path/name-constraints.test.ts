/** nameConstraints as a table: what one CA permits and excludes, a name below it, and whether it passes. */
import { beforeAll, describe, expect, test } from 'vitest';
import { validateCertificationPath } from '../../../src/domain/path/search.ts';
import type { PathFault } from '../../../src/domain/path/result.ts';
import { type Bytes, fromAscii } from '../../../src/x509/bytes.ts';
import { context, contextConstructed, sequence, smallInteger, tlv } from '../../../src/x509/der.ts';
import { type Extension, subjectAltName } from '../../../src/x509/extensions.ts';
import { DIRECTORY_NAME_TAG, encodeGeneralName } from '../../../src/x509/general-name.ts';
import { nameConstraints } from '../../../src/x509/name-constraints.ts';
import { commonName, encodeName, organizationName } from '../../../src/x509/name.ts';
import { OID } from '../../../src/x509/oids.ts';
import { dns, makeCa, makeLeaf, type Names, NOW, type Party } from '../../support/chains.ts';

let root: Party;
beforeAll(async () => {
  root = await makeCa('root');
});

const dnsBase = (value: string): Bytes => tlv(context(2), fromAscii(value));
const emailBase = (value: string): Bytes => tlv(context(1), fromAscii(value));
const uriBase = (value: string): Bytes => tlv(context(6), fromAscii(value));
const ipBase = (hex: string): Bytes => tlv(context(7), Buffer.from(hex, 'hex'));
const directoryBase = (name: Bytes): Bytes => tlv(DIRECTORY_NAME_TAG, name);
const organization = (name: string): Bytes => encodeName([organizationName(name)]);
const one = (kind: 'dns' | 'ip' | 'uri' | 'email', value: string): Names => [{ kind, value }];

interface Limits {
  readonly permitted?: readonly Bytes[];
  readonly excluded?: readonly Bytes[];
}

const only = (...permitted: Bytes[]): Limits => ({ permitted });
const not = (...excluded: Bytes[]): Limits => ({ excluded });

const vectors: readonly [sentence: string, limits: Limits, names: Names, code: PathFault | 'valid'][] = [
  // DNS
  ['the domain itself is permitted', only(dnsBase('example.test')), dns('example.test'), 'valid'],
  ['a host below it is permitted', only(dnsBase('example.test')), dns('a.b.example.test'), 'valid'],
  [
    'a host that only ends alike is not',
    only(dnsBase('example.test')),
    dns('notexample.test'),
    'name_constraints',
  ],
  ['a sibling is not', only(dnsBase('a.example.test')), dns('b.example.test'), 'name_constraints'],
  ['the parent is not', only(dnsBase('a.example.test')), dns('example.test'), 'name_constraints'],
  ['case does not count in the name', only(dnsBase('example.test')), dns('A.EXAMPLE.TEST'), 'valid'],
  ['case does not count in the constraint', only(dnsBase('EXAMPLE.Test')), dns('a.example.test'), 'valid'],
  [
    'one of several permitted is enough',
    only(dnsBase('a.test'), dnsBase('b.test')),
    dns('x.b.test'),
    'valid',
  ],
  [
    'every name has to be permitted',
    only(dnsBase('a.test')),
    dns('x.a.test', 'x.b.test'),
    'name_constraints',
  ],
  ['an empty base is every name', not(dnsBase('')), dns('example.test'), 'name_constraints'],
  ['an excluded host is refused', not(dnsBase('bad.test')), dns('bad.test'), 'name_constraints'],
  [
    'an excluded host is refused in any case',
    not(dnsBase('bad.test')),
    dns('x.BAD.test'),
    'name_constraints',
  ],
  ['another host is not touched', not(dnsBase('bad.test')), dns('good.test'), 'valid'],
  [
    'excluded wins over permitted',
    { ...only(dnsBase('test')), ...not(dnsBase('bad.test')) },
    dns('bad.test'),
    'name_constraints',
  ],
  ['a wildcard below the permitted domain', only(dnsBase('example.test')), dns('*.example.test'), 'valid'],
  [
    'a wildcard that reaches beyond',
    only(dnsBase('a.example.test')),
    dns('*.example.test'),
    'name_constraints',
  ],
  [
    'a wildcard that touches an excluded host',
    not(dnsBase('bad.example.test')),
    dns('*.example.test'),
    'name_constraints',
  ],
  [
    'a wildcard inside of an excluded domain',
    not(dnsBase('example.test')),
    dns('*.a.example.test'),
    'name_constraints',
  ],
  [
    'a wildcard is one label: deeper is not touched',
    not(dnsBase('a.b.example.test')),
    dns('*.example.test'),
    'valid',
  ],
  [
    'a base with a leading dot is malformed',
    only(dnsBase('.example.test')),
    dns('a.example.test'),
    'malformed_extension',
  ],
  [
    'a base with a wildcard is malformed',
    only(dnsBase('*.example.test')),
    dns('a.example.test'),
    'malformed_extension',
  ],
  // addresses
  ['an address inside of the range', only(ipBase('0a000000ff000000')), one('ip', '10.1.2.3'), 'valid'],
  [
    'an address outside of the range',
    only(ipBase('0a000000ff000000')),
    one('ip', '11.1.2.3'),
    'name_constraints',
  ],
  ['an excluded address', not(ipBase('0a000001ffffffff')), one('ip', '10.0.0.1'), 'name_constraints'],
  ['IPv6 is not in an IPv4 range', only(ipBase('0000000000000000')), one('ip', '::1'), 'name_constraints'],
  [
    'IPv6 inside of a range',
    only(ipBase(`fd${'00'.repeat(15)}ff${'00'.repeat(15)}`)),
    one('ip', 'fd00::1'),
    'valid',
  ],
  [
    'a range without a mask is malformed',
    only(ipBase('0a000000')),
    one('ip', '10.0.0.1'),
    'malformed_extension',
  ],
  [
    'a mask with holes is malformed',
    only(ipBase('0a000000ff00ff00')),
    one('ip', '10.0.0.1'),
    'malformed_extension',
  ],
  // URIs
  [
    'a SPIFFE ID of the permitted trust domain',
    only(uriBase('example.test')),
    one('uri', 'spiffe://example.test/app'),
    'valid',
  ],
  [
    'a SPIFFE ID of another trust domain',
    only(uriBase('example.test')),
    one('uri', 'spiffe://evil.test/app'),
    'name_constraints',
  ],
  [
    'a host below is another host',
    only(uriBase('example.test')),
    one('uri', 'spiffe://a.example.test/app'),
    'name_constraints',
  ],
  [
    'a leading dot permits what is below',
    only(uriBase('.example.test')),
    one('uri', 'spiffe://a.example.test/app'),
    'valid',
  ],
  [
    'a leading dot does not permit the domain',
    only(uriBase('.example.test')),
    one('uri', 'spiffe://example.test/app'),
    'name_constraints',
  ],
  [
    'user and port are not the host',
    only(uriBase('example.test')),
    one('uri', 'https://example.test@evil.test:443/'),
    'name_constraints',
  ],
  [
    'an address as the host is refused',
    only(uriBase('example.test')),
    one('uri', 'https://10.0.0.1/'),
    'name_constraints',
  ],
  [
    'a URI without a host is refused',
    only(uriBase('example.test')),
    one('uri', 'urn:example:test'),
    'name_constraints',
  ],
  [
    'a URI without a host is refused by an exclusion too',
    not(uriBase('evil.test')),
    one('uri', 'urn:example:test'),
    'name_constraints',
  ],
  [
    'a trailing dot hides no excluded host',
    not(uriBase('evil.test')),
    one('uri', 'https://evil.test./'),
    'name_constraints',
  ],
  // e-mail
  ['the permitted mailbox', only(emailBase('a@example.test')), one('email', 'a@EXAMPLE.test'), 'valid'],
  ['another mailbox', only(emailBase('a@example.test')), one('email', 'A@example.test'), 'name_constraints'],
  ['any mailbox of the host', only(emailBase('example.test')), one('email', 'a@example.test'), 'valid'],
  [
    'no mailbox of a host below',
    only(emailBase('example.test')),
    one('email', 'a@x.example.test'),
    'name_constraints',
  ],
  [
    'a leading dot: of the hosts below',
    only(emailBase('.example.test')),
    one('email', 'a@x.example.test'),
    'valid',
  ],
  [
    'a second @ is compared with nothing',
    not(emailBase('evil.test')),
    one('email', '"a@b"@c.test'),
    'name_constraints',
  ],
  [
    'a trailing dot hides no excluded mailbox',
    not(emailBase('evil.test')),
    one('email', 'a@evil.test.'),
    'name_constraints',
  ],
  [
    'two @ in a base are malformed',
    only(emailBase('a@b@c.test')),
    one('email', 'a@c.test'),
    'malformed_extension',
  ],
  // kinds
  [
    'a constraint on another kind does not speak of it',
    only(dnsBase('example.test')),
    one('ip', '10.0.0.1'),
    'valid',
  ],
  [
    'a constraint on a kind that nobody can compare, unused',
    only(tlv(contextConstructed(0), sequence())),
    dns('a.test'),
    'valid',
  ],
];

describe('under a CA with constraints', () => {
  test.each(vectors)('%s', async (_sentence, { permitted = [], excluded = [] }, names, code) => {
    expect(await judge(nameConstraints(permitted, excluded), names)).toBe(code);
  });

  test('every vector is asked', () => {
    expect(vectors.length).toBeGreaterThan(30);
  });
});

async function judge(constraints: Extension, names: Names, spoiled = {}): Promise<PathFault | 'valid'> {
  const ca = await makeCa('constrained', root, { extensions: { nameConstraints: constraints } });
  const leaf = await makeLeaf('leaf', ca, names, spoiled);
  const result = validateCertificationPath({
    leaf: leaf.der,
    untrusted: [ca.der],
    anchors: [root.der],
    at: NOW,
  });
  return result.valid ? 'valid' : result.code;
}

describe('directory names', () => {
  const permitted = nameConstraints([directoryBase(organization('Example'))], []);
  const named = (...attributes: Parameters<typeof encodeName>[0]) => ({
    subject: encodeName(attributes),
    extensions: { subjectAltName: subjectAltName(dns('a.test'), false) },
  });

  test('the subject has to begin with the permitted name', async () => {
    const inside = named(organizationName('Example'), commonName('a'));
    expect(await judge(permitted, [], inside)).toBe('valid');
    expect(await judge(permitted, [], named(organizationName('EXAMPLE '), commonName('a')))).toBe('valid');
    expect(await judge(permitted, [], named(organizationName('Evil'), commonName('a')))).toBe(
      'name_constraints',
    );
    expect(await judge(permitted, [], named(commonName('a'), organizationName('Example')))).toBe(
      'name_constraints',
    );
    expect(await judge(nameConstraints([], [directoryBase(organization('Example'))]), [], inside)).toBe(
      'name_constraints',
    );
  });

  test('an empty subject is no name', async () => {
    expect(await judge(permitted, dns('a.test'))).toBe('valid');
  });

  test('an emailAddress in the subject is an e-mail name', async () => {
    const mail = named({ type: OID.emailAddress, value: 'a@evil.test' });
    expect(await judge(nameConstraints([emailBase('example.test')], []), [], mail)).toBe('name_constraints');
  });
});

describe('constraints that constrain nothing or too much', () => {
  test.each([
    ['without any list', Buffer.from('3000', 'hex')],
    ['with an empty list', sequence(tlv(contextConstructed(0)))],
    [
      'with a minimum',
      sequence(tlv(contextConstructed(0), sequence(dnsBase('test'), tlv(context(0), Buffer.from([1]))))),
    ],
    ['that are no constraints', smallInteger(1)],
  ])('%s are malformed', async (_sentence, value) => {
    expect(await judge({ id: OID.nameConstraints, critical: true, value }, dns('a.test'))).toBe(
      'malformed_extension',
    );
  });

  test('that are not critical are refused', async () => {
    expect(await judge({ ...nameConstraints([dnsBase('test')], []), critical: false }, dns('a.test'))).toBe(
      'wrong_criticality',
    );
  });

  test('a name of a kind that cannot be compared is refused where the kind is constrained', async () => {
    const otherName = tlv(contextConstructed(0), Buffer.from('06032a0304a0020500', 'hex'));
    const san = { id: OID.subjectAltName, critical: true, value: sequence(otherName) };
    const constraint = nameConstraints([], [otherName]);
    expect(await judge(constraint, [], { extensions: { subjectAltName: san } })).toBe('name_constraints');
  });

  test('500 names under 1,000 constraints are answered within a second', async () => {
    const bases = Array.from({ length: 1000 }, (_, i) => dnsBase(`n${i}.test`));
    const names = dns(...Array.from({ length: 500 }, (_, i) => `x${i}.example.test`));
    const before = performance.now();
    expect(await judge(nameConstraints([], bases), names)).toBe('name_constraints');
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('along a path', () => {
  const constrain = (...values: string[]) => ({
    extensions: { nameConstraints: nameConstraints(values.map(dnsBase), []) },
  });
  const codeOf = async (path: readonly Party[], names: Names): Promise<PathFault | 'valid'> => {
    const issuer = path.at(-1) ?? root;
    const leaf = await makeLeaf('leaf', issuer, names);
    const untrusted = path.slice(1).map(({ der }) => der);
    const result = validateCertificationPath({
      leaf: leaf.der,
      untrusted,
      anchors: [path[0]?.der ?? root.der],
      at: NOW,
    });
    return result.valid ? 'valid' : result.code;
  };

  test('a CA below narrows and never widens', async () => {
    const outer = await makeCa('outer', root, constrain('example.test'));
    const narrower = await makeCa('narrower', outer, constrain('a.example.test'));
    const wider = await makeCa('wider', outer, constrain('test'));
    expect(await codeOf([root, outer, narrower], dns('x.a.example.test'))).toBe('valid');
    expect(await codeOf([root, outer, narrower], dns('b.example.test'))).toBe('name_constraints');
    expect(await codeOf([root, outer, wider], dns('other.test'))).toBe('name_constraints');
  });

  test('those of the anchor count', async () => {
    const anchor = await makeCa('anchor', undefined, constrain('example.test'));
    expect(await codeOf([anchor], dns('a.example.test'))).toBe('valid');
    expect(await codeOf([anchor], dns('evil.test'))).toBe('name_constraints');
  });

  test('an intermediate is judged by its own names, a self-issued one is not', async () => {
    const outer = await makeCa('outer', root, constrain('example.test'));
    const names = { subjectAltName: subjectAltName(dns('evil.test'), false) };
    const inner = await makeCa('inner', outer, { extensions: names });
    const renewed = await makeCa('outer', outer, { keyOwner: 'outer, renewed', extensions: names });
    expect(await codeOf([root, outer, inner], dns('a.example.test'))).toBe('name_constraints');
    expect(await codeOf([root, outer, renewed], dns('a.example.test'))).toBe('valid');
    expect(await codeOf([root, outer, renewed], dns('a.evil.test'))).toBe('name_constraints');
  });
});

test('the bases encode as general names do', () => {
  expect(dnsBase('a.test')).toEqual(encodeGeneralName({ kind: 'dns', value: 'a.test' }));
});
