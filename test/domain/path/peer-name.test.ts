import { describe, expect, test } from 'vitest';
import { dnsNameCovers } from '../../../src/domain/path/peer-name.ts';
import { validateCertificationPath } from '../../../src/domain/path/search.ts';
import type { ExpectedName } from '../../../src/domain/path/result.ts';
import { subjectAltName } from '../../../src/x509/extensions.ts';
import { commonName, encodeName } from '../../../src/x509/name.ts';
import { dns, makeCa, makeLeaf, type Names, NOW } from '../../support/chains.ts';

describe('a host name', () => {
  test.each([
    ['api.example.test', 'api.example.test', true],
    ['API.example.test', 'api.EXAMPLE.test', true],
    ['api.example.test', 'example.test', false],
    ['*.example.test', 'api.example.test', true],
    ['*.example.test', 'a.b.example.test', false],
    ['*.example.test', 'example.test', false],
    ['*.example.test', '.example.test', false],
    ['*.example.test', '*.example.test', true],
    ['*.*.example.test', 'a.b.example.test', false],
    ['a*.example.test', 'ab.example.test', false],
    ['*', 'localhost', false],
    ['*.test', 'example.test', false],
    ['localhost', 'localhost', true],
    ['*.0.0.1', '10.0.0.1', false],
    ['api.example.test.', 'api.example.test', false],
    // Kelvin sign: a k to Unicode's lower case, not to DNS
    ['\u212Aeys.example.test', 'keys.example.test', false],
    ['', '', false],
  ])('%s covers %s: %s', (pattern, host, covered) => {
    expect(dnsNameCovers(pattern, host)).toBe(covered);
  });
});

async function isFor(names: Names, name: ExpectedName, cn?: string): Promise<boolean> {
  const root = await makeCa('root');
  const leaf = await makeLeaf('leaf', root, cn === undefined ? names : [], {
    ...(cn === undefined ? {} : { subject: encodeName([commonName(cn)]) }),
    ...(cn === undefined || names.length === 0
      ? {}
      : { extensions: { subjectAltName: subjectAltName(names, false) } }),
  });
  const result = validateCertificationPath({
    leaf: leaf.der,
    untrusted: [],
    anchors: [root.der],
    at: NOW,
    name,
  });
  if (!result.valid) expect(result.code).toBe('name_mismatch');
  return result.valid;
}

describe('the expected name', () => {
  test('is looked for in subjectAltName, never in a commonName', async () => {
    expect(await isFor([], { kind: 'dns', value: 'api.example.test' }, 'api.example.test')).toBe(false);
    expect(
      await isFor(dns('b.example.test'), { kind: 'dns', value: 'a.example.test' }, 'a.example.test'),
    ).toBe(false);
    expect(
      await isFor(dns('b.example.test'), { kind: 'dns', value: 'b.example.test' }, 'a.example.test'),
    ).toBe(true);
  });

  test('is of the same kind', async () => {
    const ip: Names = [{ kind: 'ip', value: '10.0.0.1' }];
    expect(await isFor(ip, { kind: 'ip', value: '10.0.0.1' })).toBe(true);
    expect(await isFor(ip, { kind: 'dns', value: '10.0.0.1' })).toBe(false);
    expect(await isFor(ip, { kind: 'ip', value: '10.0.0.2' })).toBe(false);
    expect(await isFor(ip, { kind: 'ip', value: '::ffff:10.0.0.1' })).toBe(false);
  });

  test('as an address is compared by octets', async () => {
    const ip: Names = [{ kind: 'ip', value: '2001:db8::1' }];
    expect(await isFor(ip, { kind: 'ip', value: '2001:0DB8:0:0:0:0:0:1' })).toBe(true);
  });

  test('as a URI is compared octet by octet', async () => {
    const uri: Names = [{ kind: 'uri', value: 'spiffe://example.test/app' }];
    expect(await isFor(uri, { kind: 'uri', value: 'spiffe://example.test/app' })).toBe(true);
    for (const value of [
      'spiffe://example.test/App',
      'spiffe://example.test/app/',
      'SPIFFE://example.test/app',
      'spiffe://example.test/%61pp',
    ])
      expect(await isFor(uri, { kind: 'uri', value }), value).toBe(false);
  });

  test('as a mailbox folds the host alone', async () => {
    const email: Names = [{ kind: 'email', value: 'a@example.test' }];
    expect(await isFor(email, { kind: 'email', value: 'a@EXAMPLE.test' })).toBe(true);
    expect(await isFor(email, { kind: 'email', value: 'A@example.test' })).toBe(false);
  });
});
